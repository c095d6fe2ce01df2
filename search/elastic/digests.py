"""The digests of the documents in a cluster, computed from the bytes of their sources.

The digest that is stored with a document is that of what was sent. It is not used here, so that
any later change of the document is detected, whoever made it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import orjson

from search.elastic.cluster import Cluster
from search.elastic.index import Index
from search.elastic.layout import json_of, keyword
from search.elastic.patience import Patience

BYTES_AT_ONCE = 4_000_000
MOST_AT_ONCE = 10_000
"""Elasticsearch's limit for one page (``index.max_result_window``)."""
SOURCE = b',"_source":'
SORT = b',"sort":['
VALUE = re.compile(rb'"(?:[^"\\]|\\.)*"|null')
NAMELESS = "\U0010ffff (a document without an id)"
"""The id shown for a document that has lost its own; it sorts after all others."""


def digests(cluster: Cluster, index: Index, patience: Patience) -> Iterator[tuple[str, str]]:
    """The id of each document and the SHA-256 of its stored JSON, sorted by id.

    Memory holds two pages: one is read while the caller uses the one before. A cluster that goes
    away meanwhile is waited for.
    """
    metadata = index.metadata
    at_once = int(BYTES_AT_ONCE / max(1, metadata.bytes / max(1, metadata.documents)))
    body = {
        "size": max(100, min(MOST_AT_ONCE, at_once)),
        "sort": [{keyword(index.mapping, "id"): "asc"}],
        "track_total_hits": False,
        "query": {"match_all": {}},
    }
    marker = b'{"_index":"' + index.name.encode() + b'","_id":"'

    def page(after: list[str | None] | None) -> list[tuple[str | None, str]]:
        request = body if after is None else {**body, "search_after": after}

        def once() -> bytes:
            reply = cluster.send("POST", f"/{index.name}/_search", orjson.dumps(request))
            cluster.check(reply)
            return reply.body

        return _read(patience.retry(once), marker)

    with ThreadPoolExecutor(1) as pool:
        next_page = pool.submit(page, None)
        while hits := next_page.result():
            next_page = pool.submit(page, [hits[-1][0]])
            yield from ((NAMELESS if key is None else key, digest) for key, digest in hits)


def _read(body: bytes, marker: bytes) -> list[tuple[str | None, str]]:
    """The ids and digests of a response; Elasticsearch returns each source byte for byte.

    A quote inside a JSON string is always escaped, so the markers can be searched in the bytes.
    """
    hits = []
    start = body.find(marker)
    while start >= 0:
        following = body.find(marker, start + len(marker))
        hit = body[start : following if following >= 0 else len(body)]
        start = following
        source, sort = hit.index(SOURCE) + len(SOURCE), hit.rindex(SORT)
        value = VALUE.match(hit, sort + len(SORT))
        assert value is not None  # noqa: S101 - the sort is by one keyword
        hits.append((orjson.loads(value[0]), _digest(hit[source:sort])))
    return hits


def _digest(source: bytes) -> str:
    """The SHA-256 of a document's JSON without the object that Stet adds to it."""
    return hashlib.sha256(json_of(source)).hexdigest()
