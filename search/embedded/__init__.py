"""The embedded engine: tantivy, in the process that searches, with its indexes on the local disk.

All that knows tantivy lives here. How a document is computed does not live here.
"""
