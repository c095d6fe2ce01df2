"""Writing an expression's result as one Parquet file, whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from event_log import durable_rename, plain_path
from replay.duckdb_errors import too_little
from replay.errors import NotWritten

GROUP_LINES = 20_000
"""Lines in a row group, the least that a reader holds in memory."""


def write(connection: DuckDBPyConnection, sql: str, path: Path, order_by: str | None = None) -> int:
    """Write a query's result to a Parquet file, without Python; returns the number of lines.

    The file appears under its name only when it is complete and on disk. A process that is killed
    while writing leaves a file with another name. Raises ``NotWritten`` when disk or memory do not
    suffice.
    """
    ordered = f"FROM ({sql}) ORDER BY {order_by}" if order_by else sql
    with _appearing(path) as unfinished:
        copied = connection.execute(
            f"COPY ({ordered}) TO '{quoted(unfinished)}' "
            f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {GROUP_LINES})"
        ).fetchone()
    return int(copied[0]) if copied else 0


def write_parts(connection: DuckDBPyConnection, parts: Iterable[str], path: Path) -> int:
    """Write the results of queries with the same columns, in turn, to one Parquet file."""
    with _appearing(path) as unfinished, ExitStack() as opened:
        writer: pq.ParquetWriter | None = None
        written = 0
        for part in parts:
            batches = connection.execute(part).to_arrow_reader(GROUP_LINES)
            if writer is None:
                file = pq.ParquetWriter(
                    plain_path(unfinished), batches.schema, compression="zstd", compression_level=1
                )
                writer = opened.enter_context(file)
            for batch in batches:
                writer.write_batch(batch, row_group_size=GROUP_LINES)
                written += len(batch)
    return written


def quoted(path: Path) -> str:
    """A path as it stands between the quotes of an SQL text, where DuckDB takes it for itself.

    >>> quoted(Path("/srv/archive/articles.parquet"))
    '/srv/archive/articles.parquet'
    """
    return plain_path(path)


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """A temporary name to write to; at the end the file is on disk, and is renamed to ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        yield unfinished
        durable_rename(unfinished, path)
    except (duckdb.IOException, duckdb.OutOfMemoryException, OSError) as error:
        unfinished.unlink(missing_ok=True)
        raise NotWritten(
            f"cannot write {path}: {too_little(error)}; no live index has changed"
        ) from error
