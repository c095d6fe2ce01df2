"""The views: what the log means. Documents denormalized from events, as Ibis expressions.

Here live the folding of events into state, one module per view, and the building of documents as
Parquet. How documents are found lives in ``search``; no search engine is known here.
"""
