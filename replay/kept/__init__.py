"""The kept state: what catching up goes on from, instead of replaying the log from the start.

Here live its DuckDB file, the fold of new events, and the neighbourhood of what they change. It is
a cache: it is made from the log, and no index is written here.
"""
