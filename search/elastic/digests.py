"""What a cluster really keeps: each document's digest, computed anew from the bytes it gives back.

The digest that a document carries says what was sent. That is not believed: whatever happened to a
document since, by whose hand ever, shows in the bytes of its source.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import orjson

from search.elastic.cluster import Cluster
from search.elastic.index import Index
from search.elastic.layout import BESIDE, keyword
from search.elastic.patience import Patience

BYTES_AT_ONCE = 4_000_000
MOST_AT_ONCE = 10_000
"""Elasticsearch's own limit of one page (``index.max_result_window``)."""
SOURCE = b',"_source":'
SORT = b',"sort":['
VALUE = re.compile(rb'"(?:[^"\\]|\\.)*"|null')
NAMELESS = "\U0010ffff (a document without an id)"
"""Stands, after all others, for a document that has lost its id."""


def digests(cluster: Cluster, index: Index, patience: Patience) -> Iterator[tuple[str, str]]:
    """The id of each document and the SHA-256 of its JSON as it is kept, sorted by id.

    Memory stays flat: one page is read while the one before is compared. A cluster that goes away
    in between is waited for.
    """
    about = index.about
    at_once = int(BYTES_AT_ONCE / max(1, about.bytes / max(1, about.documents)))
    body = {
        "size": max(100, min(MOST_AT_ONCE, at_once)),
        "sort": [{keyword(index.mapping, "id"): "asc"}],
        "track_total_hits": False,
        "query": {"match_all": {}},
    }
    marker = b'{"_index":"' + index.name.encode() + b'","_id":"'

    def page(after: list[str | None] | None) -> list[tuple[str | None, str]]:
        asked = body if after is None else {**body, "search_after": after}

        def once() -> bytes:
            reply = cluster.send("POST", f"/{index.name}/_search", orjson.dumps(asked))
            cluster.check(reply)
            return reply.body

        return _read(patience.tried(once), marker)

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(page, None)
        while found := coming.result():
            coming = pool.submit(page, [found[-1][0]])
            yield from ((NAMELESS if key is None else key, digest) for key, digest in found)


def _read(body: bytes, marker: bytes) -> list[tuple[str | None, str]]:
    """The hits of an answer: Elasticsearch gives back each source byte by byte as it was sent.

    A quote inside of a JSON text is always escaped: so the markers can be found in the bytes.
    """
    found = []
    start = body.find(marker)
    while start >= 0:
        following = body.find(marker, start + len(marker))
        hit = body[start : following if following >= 0 else len(body)]
        start = following
        source, sort = hit.index(SOURCE) + len(SOURCE), hit.rindex(SORT)
        value = VALUE.match(hit, sort + len(SORT))
        assert value is not None  # noqa: S101 - the sort is by one keyword
        found.append((orjson.loads(value[0]), _digest(hit[source:sort])))
    return found


def _digest(source: bytes) -> str:
    """The SHA-256 of a document without what Stet keeps beside it."""
    beside = b'{"' + BESIDE.encode() + b'":{'
    if source.startswith(beside):
        return hashlib.sha256(b"{" + source[source.index(b"},") + 2 :]).hexdigest()
    return hashlib.sha256(source).hexdigest()
