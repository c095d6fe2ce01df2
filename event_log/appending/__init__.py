"""Appending: how new events become the next commit.

Here live numbering, duplicates, and the group commit. Validation does not live here: see
``event_log.checking``.
"""
