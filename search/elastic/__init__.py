"""The engine for a cluster: Elasticsearch.

All that speaks to a cluster lives here. How a document is computed does not live here.
"""
