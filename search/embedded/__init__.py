"""The embedded engine: tantivy, in the process that searches.

Here lives all that knows tantivy. How a document is computed does not live here.
"""
