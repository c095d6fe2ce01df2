"""The index: a cache that finds the events of a stream, and events by their id.

Here live its sorted files and its lookups. It can be rebuilt from the log at any time, and never
decides against it.
"""
