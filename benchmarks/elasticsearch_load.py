"""Load one view into an Elasticsearch in one way, and print what that came to as JSON.

    python -m benchmarks.elasticsearch_load WAY PARQUET URL [--size BYTES] [--in-flight N]

Each way begins with the same Parquet file of articles, and fills an index of the same mapping:

- ``ceiling``: bodies that were serialized before the clock starts are sent, and nothing else;
- ``stet``: what `stet rebuild` does, from the Parquet file on;
- ``streaming_bulk``, ``parallel_bulk``: the client's own helpers, over the documents as dicts.

The clock stops when the last document is taken. Nothing of a way is left in the cluster.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pyarrow.parquet as pq
import urllib3

from newsroom import DOMAIN
from search import lines
from search.connection import Connection, configured_connection
from search.elastic import layout, load
from search.elastic.cluster import Cluster
from search.elastic.engine import ElasticsearchEngine
from search.mapping import IndexMapping

VIEW = DOMAIN.views["articles"]
PREFIX = "bench"
CHUNK = 500
"""Documents of a helper's request: its own default. Its request is at most 100 MB, as well."""


def ceiling(parquet: Path, to: Connection, size: int, in_flight: int) -> float:
    """Send bodies that lie ready, by plain HTTP; returns the seconds."""
    source = load.lines(layout.query(_mapping(), pq.read_schema(parquet)))
    wanted = load.Size(bytes=size, settled=True)
    bodies = [b.body for b in load.batches(lines.tables(parquet, source), wanted)]
    index = _created(parquet, to)
    host = urlsplit(to.url)
    pool = urllib3.HTTPConnectionPool(host.hostname or "", host.port, maxsize=in_flight)

    def send(body: bytes) -> None:
        path = f"/{index}/_bulk?filter_path=errors"
        headers = {"content-type": "application/x-ndjson"}
        answer = pool.request("POST", path, body=body, headers=headers, timeout=120)
        assert answer.status == 200, answer.data[:500]
        assert b'"errors":false' in answer.data, answer.data[:500]

    begun = time.perf_counter()
    with ThreadPoolExecutor(in_flight) as sending:
        deque(sending.map(send, bodies), maxlen=0)
    return time.perf_counter() - begun


def stet(parquet: Path, to: Connection, size: int, in_flight: int) -> float:
    """Load as a rebuild does; size and requests in flight are found by itself."""
    del size, in_flight
    with tempfile.TemporaryDirectory() as home:
        engine = ElasticsearchEngine(home, to, DOMAIN.views)
        begun = time.perf_counter()
        engine.create(VIEW.name, 1, 10**9)
        engine.load(VIEW.name, 1, parquet)
        return time.perf_counter() - begun


def helper(parallel: bool, parquet: Path, to: Connection, size: int, in_flight: int) -> float:
    """Load with the helpers of the client, as its documentation shows them."""
    from elasticsearch import Elasticsearch, helpers

    del size
    index = _created(parquet, to)
    client = Elasticsearch(to.url, request_timeout=120)
    begun = time.perf_counter()
    actions = _actions(parquet, index)
    if parallel:
        sent = helpers.parallel_bulk(client, actions, thread_count=in_flight, chunk_size=CHUNK)
    else:
        sent = helpers.streaming_bulk(client, actions, chunk_size=CHUNK)
    deque(sent, maxlen=0)
    return time.perf_counter() - begun


def _actions(parquet: Path, index: str) -> Iterator[dict[str, Any]]:
    """The same documents as dicts, with what Stet keeps beside each."""
    with pq.ParquetFile(parquet) as file:
        for batch in file.iter_batches(1_000):
            for document in batch.to_pylist():
                said = orjson.dumps(document, option=orjson.OPT_UTC_Z)
                at = document["published_at"]
                beside = {
                    "digest": hashlib.sha256(said).hexdigest(),
                    "tie": hash(document["id"]),
                    **({"date": int(at.timestamp() * 1e6), "year": str(at.year)} if at else {}),
                }
                yield {
                    "_index": index,
                    "_id": document["id"],
                    "version": document["sequence"],
                    "version_type": "external",
                    "_source": {layout.BESIDE: beside, **document},
                }


def _mapping() -> IndexMapping:
    return IndexMapping.of(VIEW)


def _created(parquet: Path, to: Connection) -> str:
    name = f"{PREFIX}-{VIEW.name}-plain"
    definition = layout.definition(_mapping(), pq.read_schema(parquet))
    Cluster(to).ask("PUT", f"/{name}", definition)
    return name


def _removed(to: Connection) -> None:
    cluster = Cluster(to)
    for name in cluster.ask("GET", f"/{to.prefix}-*", missing={}):
        cluster.ask("DELETE", f"/{name}", missing=None)


WAYS: dict[str, Callable[[Path, Connection, int, int], float]] = {
    "ceiling": ceiling,
    "stet": stet,
    "streaming_bulk": partial(helper, False),
    "parallel_bulk": partial(helper, True),
}


def main() -> None:
    """Load once, and print documents, seconds, and documents a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("parquet", type=Path)
    parser.add_argument("url")
    parser.add_argument("--size", type=int, default=4_000_000)
    parser.add_argument("--in-flight", type=int, default=4)
    chosen = parser.parse_args()
    to = configured_connection(chosen.url, prefix=PREFIX)
    assert to is not None
    _removed(to)
    try:
        seconds = WAYS[chosen.way](chosen.parquet, to, chosen.size, chosen.in_flight)
        cluster = Cluster(to)
        cluster.ask("POST", f"/{PREFIX}-*/_refresh")
        found = cluster.ask("GET", f"/{PREFIX}-*/_count")["count"]
        documents = pq.read_metadata(chosen.parquet).num_rows
        assert found == documents, f"{found} of {documents} documents are there"
    finally:
        _removed(to)
    print(json.dumps({"documents": documents, "seconds": seconds, "rate": documents / seconds}))


if __name__ == "__main__":
    main()
