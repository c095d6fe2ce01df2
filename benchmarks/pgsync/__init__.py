"""PGSync beside Stet: the same documents in the same Elasticsearch, loaded and kept right."""
