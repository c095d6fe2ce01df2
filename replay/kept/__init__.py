"""The kept state: catching up continues from it, instead of replaying the log from the start.

Here live its DuckDB file, the fold of new events, and the neighbourhood of the entities that they
change. The state is a cache that is made from the log. No index is written here.
"""
