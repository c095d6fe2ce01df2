"""Does an index hold what its view says? Compared document by document, in sorted streams."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from search import lines

EXAMPLES = 1_000
"""Ids of each kind that are kept: enough to look into, and no more when everything differs."""
PAIRS_AT_ONCE = 50_000


@dataclass
class Differences:
    """The ids of documents that an index lacks, has too many, or has otherwise; false if none.

    At most a thousand ids of each kind are kept; ``count`` counts all.
    """

    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    count: int = 0

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        kinds = {"missing": self.missing, "extra": self.extra, "different": self.different}
        told = [f"{kind}: {', '.join(ids[:3])}" for kind, ids in kinds.items() if ids]
        return f"{self.count:,} documents differ ({'; '.join(told)})" if told else "no differences"

    def add(self, kind: list[str], document: str) -> None:
        """Count a document, and keep its id while there are few."""
        self.count += 1
        if len(kind) < EXAMPLES:
            kind.append(document)


def compare_index(
    documents: Path, actual: Iterator[tuple[str, str]], rejected: Collection[str] = ()
) -> Differences:
    """Compare an index's ids and digests, sorted by id, with a view's Parquet file.

    Both sides are read at the same time. What was rejected is not expected in the index.
    """
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(next, actual, None)
        wanted = (pair for pair in digests(documents) if pair[0] not in rejected)
        expected = sorted_by_id(wanted)
        begun = next(expected, None)
        return compare(_again(begun, expected), _again(first.result(), actual))


def _again(
    first: tuple[str, str] | None, others: Iterator[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    return iter(()) if first is None else chain([first], others)


def compare(expected: Iterable[tuple[str, str]], actual: Iterable[tuple[str, str]]) -> Differences:
    """Compare two streams of id and digest, both sorted by id. Ids come once in what is expected.

    >>> compare([("a", "1"), ("b", "1")], [("b", "2"), ("c", "1")]).missing
    ['a']
    """
    found = Differences()
    wanted, there = iter(expected), iter(actual)
    left, right = next(wanted, None), next(there, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None  # noqa: S101 - one of the two is there
            found.add(found.missing, left[0])
            left = next(wanted, None)
        elif left is None or right[0] < left[0]:
            found.add(found.extra, right[0])
            right = next(there, None)
        else:
            if left[1] != right[1]:
                found.add(found.different, left[0])
            left, right = next(wanted, None), next(there, None)
    return found


def sorted_by_id(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The pairs in the order of their ids; DuckDB sorts them, on disk if they are very many.

    >>> list(sorted_by_id([("b", "1"), ("a", "2")]))
    [('a', '2'), ('b', '1')]
    """
    coming = iter(pairs)
    with lines.connection() as duck, tempfile.TemporaryDirectory() as spilled:
        duck.execute("SET temp_directory = ?", [spilled])
        duck.execute("CREATE TEMP TABLE pairs (id VARCHAR, digest VARCHAR)")
        while some := list(islice(coming, PAIRS_AT_ONCE)):
            ids, found = zip(*some, strict=True)
            duck.register("batch", pa.table({"id": list(ids), "digest": list(found)}))
            duck.execute("INSERT INTO pairs SELECT * FROM batch")
        duck.execute("SELECT id, digest FROM pairs ORDER BY id")
        while ordered := duck.fetchmany(PAIRS_AT_ONCE):
            yield from ordered


def digests(documents: Path) -> Iterator[tuple[str, str]]:
    """The id and digest of each document of a view's Parquet file, in the file's order."""
    written = lines.document_sql(pq.read_schema(documents))
    for piece in lines.in_pieces(documents, f"SELECT id, sha256({written}) FROM documents"):
        yield from ((key, digest) for key, digest in piece)
