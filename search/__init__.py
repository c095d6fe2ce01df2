"""Search: how documents are found. Engines, index generations and queries.

Here live the engine protocol, the embedded engine, and the rebuild of views and indexes
together. How a document is computed lives in ``views``; the log is not known here.
"""
