"""Writing an expression's result as one Parquet file, whole or not at all."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from views.durable import durably_rename
from views.errors import NotWritten

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

GROUP_LINES = 20_000
"""Lines in a row group: what a reader holds in memory at least."""


def write(backend: Backend, table: ir.Table, path: Path, order_by: str | None = None) -> int:
    """Write a table to a Parquet file without passing through Python; returns how many lines.

    The file appears under its name only when it is complete and on disk, so that whoever is
    killed while writing leaves at most a file with another name. Raises ``NotWritten`` when disk
    or memory do not suffice.
    """
    ordered = table.order_by(order_by) if order_by else table
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    target = str(unfinished).replace("'", "''")
    try:
        copied = backend.raw_sql(
            f"COPY ({backend.compile(ordered)}) TO '{target}' "
            f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {GROUP_LINES})"
        ).fetchone()
        durably_rename(unfinished, path)
    except (duckdb.IOException, duckdb.OutOfMemoryException, OSError) as error:
        unfinished.unlink(missing_ok=True)
        said = " ".join(str(error).split())
        raise NotWritten(
            f"cannot write {path}: {said}. Make room and repeat; nothing that serves has changed."
        ) from error
    return int(copied[0]) if copied else 0
