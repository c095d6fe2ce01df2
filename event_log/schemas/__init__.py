"""Schemas: the schema versions of a log's events, and how old events are read.

Here live registered schemas, the rules of their evolution, and upcasting. No file is rewritten.
"""
