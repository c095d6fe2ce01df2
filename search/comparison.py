"""Comparing an index with its view, document by document, by sorted ids and digests."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from replay import plain_path
from search import lines

EXAMPLES = 1_000
"""Ids of each kind that are kept: enough to look into, even when every document differs."""
PAIRS_AT_ONCE = 50_000


@dataclass
class Differences:
    """The ids of documents that are missing in an index, extra or different; false if none are.

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
        parts = [f"{kind}: {', '.join(ids[:3])}" for kind, ids in kinds.items() if ids]
        if not parts:
            return "no differences"
        differ = "1 document differs" if self.count == 1 else f"{self.count:,} documents differ"
        return f"{differ} ({'; '.join(parts)})"

    def add(self, kind: list[str], document: str) -> None:
        """Count a document, and keep its id while fewer than ``EXAMPLES`` of its kind are kept."""
        self.count += 1
        if len(kind) < EXAMPLES:
            kind.append(document)


def compare_index(
    documents: Path, actual: Iterator[tuple[str, str]], rejected: Collection[str] = ()
) -> Differences:
    """Compare the ids and digests of an index, sorted by id, with the Parquet file of its view.

    Both sides are read at the same time. ``rejected`` documents are not expected in the index.
    """
    with ThreadPoolExecutor(1) as pool:
        first_actual = pool.submit(next, actual, None)
        pairs = (pair for pair in digests(documents) if pair[0] not in rejected)
        expected = sorted_by_id(pairs)
        first_expected = next(expected, None)
        return compare(
            _preceded(first_expected, expected), _preceded(first_actual.result(), actual)
        )


def _preceded(
    first: tuple[str, str] | None, others: Iterator[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    return iter(()) if first is None else chain([first], others)


def compare(expected: Iterable[tuple[str, str]], actual: Iterable[tuple[str, str]]) -> Differences:
    """Compare two streams of ids and digests, both sorted by id; ids of ``expected`` are unique.

    >>> compare([("a", "1"), ("b", "1")], [("b", "2"), ("c", "1")]).missing
    ['a']
    """
    differences = Differences()
    expected, actual = iter(expected), iter(actual)
    left, right = next(expected, None), next(actual, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None  # noqa: S101 - one of the two is there
            differences.add(differences.missing, left[0])
            left = next(expected, None)
        elif left is None or right[0] < left[0]:
            differences.add(differences.extra, right[0])
            right = next(actual, None)
        else:
            if left[1] != right[1]:
                differences.add(differences.different, left[0])
            left, right = next(expected, None), next(actual, None)
    return differences


def sorted_by_id(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The pairs sorted by id; DuckDB sorts them, on disk where memory does not suffice.

    >>> list(sorted_by_id([("b", "1"), ("a", "2")]))
    [('a', '2'), ('b', '1')]
    """
    unsorted = iter(pairs)
    with lines.connection() as duck, tempfile.TemporaryDirectory() as spilled:
        duck.execute("SET temp_directory = ?", [spilled])
        duck.execute("CREATE TEMP TABLE pairs (id VARCHAR, digest VARCHAR)")
        while batch := list(islice(unsorted, PAIRS_AT_ONCE)):
            ids, values = zip(*batch, strict=True)
            duck.register("batch", pa.table({"id": list(ids), "digest": list(values)}))
            duck.execute("INSERT INTO pairs SELECT * FROM batch")
        duck.execute("SELECT id, digest FROM pairs ORDER BY id")
        while batch := duck.fetchmany(PAIRS_AT_ONCE):
            yield from batch


def digests(documents: Path) -> Iterator[tuple[str, str]]:
    """The id and digest of each document of a view's Parquet file, in the file's order."""
    document = lines.document_sql(pq.read_schema(plain_path(documents)))
    for piece in lines.in_pieces(documents, f"SELECT id, sha256({document}) FROM documents"):
        yield from ((key, digest) for key, digest in piece)
