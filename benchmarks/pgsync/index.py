"""The two indices in Elasticsearch: made alike, asked alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from elasticsearch import Elasticsearch

from benchmarks.pgsync.watch import Failed
from newsroom import DOMAIN
from search.elastic import layout
from search.mapping import IndexMapping

PGSYNC = "pgsync-articles"
PREFIX = "pgsync-stet"
"""What Stet's names begin with here."""
STET = f"{PREFIX}-articles"
KEYS = "_meta"
"""Where PGSync keeps the keys of what a document was made from."""
EVERY = 0.02
"""Seconds between two searches for a new name."""
STILL = 3.0
SECONDS_TO_FIND = 3600


def clear(client: Elasticsearch) -> None:
    """Remove the indices of both tools."""
    names = [*client.indices.get(index=[PGSYNC, f"{PREFIX}-*"], ignore_unavailable=True)]
    if names:
        client.indices.delete(index=names)


def prepare(client: Elasticsearch, documents: Path) -> None:
    """An empty index for PGSync with the fields and the analysis of Stet's.

    Beside them is room for PGSync's keys, as keywords, and the refresh is Elasticsearch's own.
    """
    client.indices.delete(index=PGSYNC, ignore_unavailable=True)
    view = DOMAIN.views["articles"]
    made = layout.definition(IndexMapping.of(view), pq.read_schema(documents))
    settings, mappings = made["settings"], made["mappings"]
    settings["index"].pop("refresh_interval")
    mappings["properties"].pop(layout.BESIDE)
    mappings["properties"][KEYS] = {"type": "object", "dynamic": True}
    keyword = {"path_match": f"{KEYS}.*", "match_mapping_type": "string"}
    mappings["dynamic_templates"] = [{"keys": {**keyword, "mapping": {"type": "keyword"}}}]
    client.indices.create(index=PGSYNC, settings=settings, mappings=mappings)


def count(client: Elasticsearch, index: str) -> int:
    """How many documents a search can find."""
    client.indices.refresh(index=index)
    return int(client.count(index=index)["count"])


def written(client: Elasticsearch, index: str) -> dict[str, int]:
    """For each index behind a name how many documents were ever written into it."""
    said = client.indices.stats(index=index, metric="indexing")["indices"]
    return {name: one["primaries"]["indexing"]["index_total"] for name, one in said.items()}


def settled(client: Elasticsearch, index: str) -> dict[str, int]:
    """What is written when nothing more has been for ``STILL`` seconds.

    A search for a byline's articles finds all while documents that show it elsewhere still come.
    """
    now = written(client, index)
    while True:
        time.sleep(STILL)
        before, now = now, written(client, index)
        if now == before:
            return now


def newly_written(before: dict[str, int], after: dict[str, int]) -> int:
    """How many documents were written between two counts; an index that is new counts whole."""
    return sum(total - before.get(name, 0) for name, total in after.items())


def found(client: Elasticsearch, index: str, byline: str) -> int:
    """How many articles a search for a byline's whole name finds; it does not refresh."""
    query = {"term": {"bylines.name.keyword": byline}}
    return int(client.count(index=index, query=query)["count"])


def until_found(
    client: Elasticsearch, index: str, byline: str, expected: int, check: Callable[[], None]
) -> tuple[float, float]:
    """The moments when a search found the byline first, and in all of its articles.

    ``check`` is called between searches, to raise when whoever was to write has failed.
    """
    first = None
    until = time.perf_counter() + SECONDS_TO_FIND
    while (now := time.perf_counter()) < until:
        articles = found(client, index, byline)
        now = time.perf_counter()
        first = first or (now if articles else None)
        if articles >= expected and first:
            return first, now
        check()
        time.sleep(EVERY)
    raise Failed(f"{index} does not show {byline!r} after {SECONDS_TO_FIND} s")


def documents(
    client: Elasticsearch, index: str, ids: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Each id with its document, or with None where there is none."""
    for start in range(0, len(ids), 100):
        wanted = list(ids[start : start + 100])
        for one in client.mget(index=index, ids=wanted)["docs"]:
            yield one["_id"], one.get("_source")
