"""Making the documents of a view: at once, or in parts if they would not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from event_log import machine
from replay.builds import parquet
from replay.lineage import completed

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from replay.state import State
    from replay.view import View

PART = "part"
"""The name of the table with the ids of the documents of a part."""


def write_documents(view: View, state: State, path: Path, keys: ir.Table | None = None) -> int:
    """Write a view's documents, sorted by id, as one Parquet file; returns their number.

    DuckDB spills sorts and joins to disk, but keeps the lists that it collects in memory. So long
    documents are made in parts, in the order of their ids.
    """
    most = _at_once(view, state)
    if keys is not None:
        sql = state.backend.compile(completed(view, state, keys))
        return parquet.write(state.backend, sql, path, order_by="id")
    if most is None or _entities(state) <= most:
        return parquet.write(state.backend, documents_sql(view, state), path, order_by="id")
    return parquet.write_parts(state.backend, _parts(view, state, most), path)


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
    ids = view.documents(state, None).select("id").order_by("id").to_pyarrow().column("id")
    for start in range(0, max(1, len(ids)), most):
        keys = state.keys(ids.slice(start, most).to_pylist(), PART)
        key = PART, view.documents, view.lineage
        yield state.sql(key, partial(_part, view, state, keys))


def _part(view: View, state: State, keys: ir.Table) -> ir.Table:
    return completed(view, state, keys).order_by("id")
