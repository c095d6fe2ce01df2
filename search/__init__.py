"""Search: how documents are found. Engines, index generations and queries.

Here live the engine protocol, both engines, and what a query means. How a document is computed
lives in ``replay``; the log and the domain are not known here.
"""
