"""Appending: how new events become the next commit.

Here live numbering, duplicates, and the group commit. Whether an event is valid is not decided
here: that is ``event_log.checking``.
"""
