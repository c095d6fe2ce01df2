"""The index: a cache that finds the events of a stream, and events by their id.

Here live its sorted files and its lookups. It is rebuilt from the log, and never believed over it.
"""
