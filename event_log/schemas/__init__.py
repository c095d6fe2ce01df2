"""Schemas: the types that a log's events were written with, and how old ones are read.

Here live registered schemas, the rules of their evolution, and upcasting. No file is rewritten.
"""
