"""The views: what the newsroom's log means. Documents denormalized from entities, by Ibis.

Here lives one module per view, and what they share: definitions only. How documents are computed,
kept true and found does not live here.
"""
