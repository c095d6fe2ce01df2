"""Making the documents of a view: at once, or in parts if they would not fit into memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.parquet as pq

from event_log import machine, plain_path
from replay.builds import parquet
from replay.declaration import SEQUENCE, check_documents
from replay.errors import BrokenView
from replay.lineage import completed, documents_of
from replay.view_errors import DOCUMENTS, LINEAGE, errors_of

if TYPE_CHECKING:
    from replay.state import State
    from replay.view import View

PART = "part"
"""The name of the table with the ids of the documents of a part."""


def write_documents(
    view: View, state: State, path: Path, keys: Collection[str] | None = None
) -> int:
    """Write a view's documents, sorted by id, as one Parquet file; returns their number.

    Only those with the ids ``keys``, if given.

    DuckDB spills sorts and joins to disk, but keeps the lists that it collects in memory. So long
    documents are made in parts, in the order of their ids.

    Raises ``BrokenView`` when they cannot be computed, when two have the same id, or one no
    lineage.
    """
    with errors_of(view):
        written = _write(view, state, path, keys)
        check_documents(view, pq.read_schema(plain_path(path)))
        _check_lines(view, path)
    return written


def _write(view: View, state: State, path: Path, keys: Collection[str] | None) -> int:
    most = _at_once(view, state)
    if keys is not None:
        return parquet.write(state.connection, part_sql(view, state, keys), path, order_by="id")
    if most is None or _entities(state) <= most:
        return parquet.write(state.connection, documents_sql(view, state), path, order_by="id")
    return parquet.write_parts(state.connection, _parts(view, state, most), path)


def _check_lines(view: View, path: Path) -> None:
    """Check that each document has an id of its own, and lineage; the file is sorted by id."""
    last = None
    with pq.ParquetFile(plain_path(path)) as file:
        for batch in file.iter_batches(columns=["id", SEQUENCE]):
            ids, sequences = batch.column("id"), batch.column(SEQUENCE)
            if ids.null_count:
                raise BrokenView(view.name, DOCUMENTS, "a document has no id: the column has nulls")
            same = pc.index(pc.equal(ids.slice(1), ids.slice(0, len(ids) - 1)), True).as_py()
            if same >= 0 or ids[0].as_py() == last:
                twice = ids[max(0, same)].as_py()
                raise BrokenView(view.name, DOCUMENTS, f"two documents have the id {twice!r}")
            if sequences.null_count:
                one = ids.filter(sequences.is_null())[0]
                raise BrokenView(view.name, LINEAGE, f"the document {str(one)!r} is in no pair")
            last = ids[-1].as_py()


def documents_sql(view: View, state: State) -> str:
    """The SQL for all documents of a view, compiled once in a process."""
    key = "documents", view.documents, view.lineage
    return state.sql(key, lambda: completed(view, state))


def _at_once(view: View, state: State) -> int | None:
    if view.documents_a_gigabyte is None:
        return None
    return max(1, int(view.documents_a_gigabyte * machine.size(state.memory_limit) / 1e9))


def _entities(state: State) -> int:
    """The number of entities in the largest category: no view of entities has more documents."""
    return max(state.count(name) for name in state.registry)


def _parts(view: View, state: State, most: int) -> Iterator[str]:
    ids = documents_of(view, state).select("id").order_by("id").to_pyarrow().column("id")
    for start in range(0, max(1, len(ids)), most):
        yield part_sql(view, state, ids.slice(start, most).to_pylist())


def part_sql(view: View, state: State, keys: Collection[str]) -> str:
    """The SQL for the documents with these ids, sorted by id, until the next call."""
    state.name_keys(PART, keys)
    key = PART, view.documents, view.lineage
    return state.sql(key, lambda: completed(view, state, state.named_keys(PART)).order_by("id"))
