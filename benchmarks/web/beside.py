"""What Stet is measured beside: a plain FastAPI route over the client of Elasticsearch.

    STET_BENCH_INDEX=... uvicorn benchmarks.web.beside:app

One search with the same facets, histogram and highlights as the page has, answered as JSON.
"""

from __future__ import annotations

import os
from typing import Any

from elasticsearch import Elasticsearch
from fastapi import FastAPI

URL = os.environ.get("ELASTICSEARCH_URL", "http://127.0.0.1:9200")
INDEX = os.environ.get("STET_BENCH_INDEX", "")
FIELDS = ["headline^3", "abstract^2", "body"]
FACETS = ("section", "tags", "bylines")
app = FastAPI()
client = Elasticsearch(URL)


@app.get("/search")
def search(q: str) -> dict[str, Any]:
    """Ten hits with highlights, three facets, and the hits of each year."""
    facets = {name: {"terms": {"field": name, "size": 10}} for name in FACETS}
    years = {"date_histogram": {"field": "published_at", "calendar_interval": "year"}}
    answer = client.search(
        index=INDEX,
        query={"multi_match": {"query": q, "fields": FIELDS, "operator": "and"}},
        aggs={**facets, "years": years},
        highlight={"fields": {"headline": {}, "body": {"fragment_size": 150}}},
        size=10,
        source_excludes=["body"],
        track_total_hits=True,
    )
    return dict(answer.body)
