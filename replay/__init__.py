"""Replay: how the log becomes documents.

Here live the fold of events into state, the building of documents from it, and the kept state that
catching up goes on from. No domain and no search engine is known here.
"""
