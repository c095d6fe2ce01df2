"""The views: the newsroom's documents, denormalized from entities by Ibis expressions.

Here lives one module per view, and the expressions that they share: definitions only. How documents
are computed, caught up and searched does not live here.
"""
