"""Elasticsearch: the engine for a cluster.

Here lives all that speaks to a cluster. How a document is computed does not live here.
"""
