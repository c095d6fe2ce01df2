"""Documents as lines of JSON, made by DuckDB: no document is a Python object on the way.

Here is how a column becomes JSON text, how a path into a document becomes an expression, and how
a Parquet file is read in pieces of some megabytes, whatever its size.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from replay import prepare

BYTES_AT_ONCE = 4_000_000
MOST_AT_ONCE = 20_000
FEW = 1_000
KEPT = 16
"""Connections with a prepared statement: one for each view, of either engine."""


def opened(path: Path) -> pq.ParquetFile:
    """A view's documents, whose footer is read once."""
    return pq.ParquetFile(path, pre_buffer=False)


def in_pieces(
    documents: Path | pq.ParquetFile, query: str, *given: int
) -> Iterator[list[tuple[str, ...]]]:
    """What a query over the table ``documents`` gives, in order, some megabytes a time."""
    for made in tables(documents, query, *given):
        yield list(zip(*(column.to_pylist() for column in made.columns), strict=True))


def tables(documents: Path | pq.ParquetFile, query: str, *given: int) -> Iterator[pa.Table]:
    """What a query over the table ``documents`` gives, as columns, some megabytes a time.

    ``given`` are the query's ``$1`` and so on.
    """
    opening = nullcontext(documents) if isinstance(documents, pq.ParquetFile) else opened(documents)
    with opening as file:
        rows, at_once = file.metadata.num_rows, _at_once(file.metadata)
        if rows > min(FEW, at_once):
            yield from _many(file.iter_batches(at_once), query, given)
        elif rows:
            yield _few(file.read(), query, given)


def _many(
    batches: Iterator[pa.RecordBatch], query: str, given: Sequence[int]
) -> Iterator[pa.Table]:
    """Piece by piece, since DuckDB would hold the whole result of one query.

    While one piece is used, the next is made.
    """
    with connection() as duck, ThreadPoolExecutor(1) as pool:

        def piece() -> pa.Table | None:
            batch = next(batches, None)
            if batch is None:
                return None
            duck.register("documents", pa.Table.from_batches([batch]))
            made = duck.execute(query, given).to_arrow_table()
            duck.unregister("documents")
            return made

        coming = pool.submit(piece)
        while (found := coming.result()) is not None:
            coming = pool.submit(piece)
            yield found


def _few(documents: pa.Table, query: str, given: Sequence[int]) -> pa.Table:
    """At once, by a statement that was planned before: planning costs more than a few documents."""
    with _prepared(query, documents.schema) as duck:
        duck.register("coming", documents)
        duck.execute("BEGIN")
        duck.execute("INSERT INTO documents SELECT * FROM coming")
        values = f"({', '.join(map(str, given))})" if given else ""
        made = duck.execute(f"EXECUTE made{values}").to_arrow_table()
        duck.execute("ROLLBACK")  # so they never take room in the table
        duck.unregister("coming")
    return made


_idle: dict[str, duckdb.DuckDBPyConnection] = {}
"""By what they have prepared, connections that nobody uses just now."""
_idle_lock = threading.Lock()


@contextmanager
def _prepared(query: str, schema: pa.Schema) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with an empty table ``documents``, and the query over it as ``made``."""
    key = f"{query} {schema.to_string(show_schema_metadata=False)}"
    with _idle_lock:
        duck = _idle.pop(key, None)
    if duck is None:
        duck = connection()
        duck.register("coming", schema.empty_table())
        duck.execute("CREATE TABLE documents AS SELECT * FROM coming")
        prepare(duck, "made", query)
    try:
        yield duck
    except BaseException:
        duck.close()
        raise
    with _idle_lock:
        unused = [_idle.pop(key)] if key in _idle else []
        _idle[key] = duck
        unused += [_idle.pop(next(iter(_idle))) for _ in range(len(_idle) - KEPT)]
    for other in unused:
        other.close()


def _at_once(metadata: pq.FileMetaData) -> int:
    groups = (metadata.row_group(place) for place in range(metadata.num_row_groups))
    size = sum(group.total_byte_size for group in groups) / max(1, metadata.num_rows)
    return max(100, min(MOST_AT_ONCE, int(BYTES_AT_ONCE / max(1, size))))


def connection() -> duckdb.DuckDBPyConnection:
    """A DuckDB that says instants in UTC: a piece is too small for a second thread."""
    duck = duckdb.connect(config={"threads": 1, "memory_limit": "512MB"})
    duck.execute("SET TimeZone = 'UTC'")
    return duck


def quoted(name: str) -> str:
    """A column's name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def document_sql(schema: pa.Schema) -> str:
    """The whole document as JSON text; instants are ISO 8601 with ``Z``, as an export has them."""
    fields = ", ".join(
        f"{quoted(field.name)} := {_readable(quoted(field.name), field.type)}" for field in schema
    )
    return f"to_json(struct_pack({fields}))::VARCHAR"


def _readable(value: str, kind: pa.DataType, depth: int = 0) -> str:
    """An expression of the value in which instants are text."""
    if not _has_instant(kind):
        return value
    if pa.types.is_struct(kind):
        inner = ", ".join(
            f"{quoted(field.name)} := "
            + _readable(f"struct_extract({value}, '{field.name}')", field.type, depth)
            for field in kind
        )
        return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({inner}) END"
    if _is_list(kind):
        item = f"item{depth}"
        inner = _readable(item, kind.value_type, depth + 1)
        return f"list_transform({value}, lambda {item}: {inner})"
    return (
        f"CASE WHEN {value} IS NOT NULL THEN strftime({value}, '%Y-%m-%dT%H:%M:%S')"
        f" || CASE WHEN microsecond({value}) % 1000000 = 0 THEN 'Z'"
        f" ELSE strftime({value}, '.%fZ') END END"
    )


def _has_instant(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(_has_instant(field.type) for field in kind)
    return bool(_has_instant(kind.value_type) if _is_list(kind) else pa.types.is_timestamp(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def items(schema: pa.Schema, path: str, distinct: bool = False) -> str:
    """The values at a path as the inside of a JSON list of strings; null when there are none."""
    first, *rest = path.split(".")
    value, kind = _reach(quoted(first), schema.field(first).type, rest)
    if not _is_list(kind):
        return f"CASE WHEN {value} IS NOT NULL THEN to_json({value}::VARCHAR)::VARCHAR END"
    present = f"list_filter({value}, lambda item: item IS NOT NULL)"
    if distinct:
        present = f"list_distinct({value})"
    written = f"list_transform({present}, lambda item: to_json(item::VARCHAR)::VARCHAR)"
    return f"nullif(array_to_string({written}, ','), '')"


def scalar(schema: pa.Schema, path: str) -> tuple[str, pa.DataType]:
    """The one value at a path, and its type."""
    first, *rest = path.split(".")
    return _reach(quoted(first), schema.field(first).type, rest)


def _reach(
    value: str, kind: pa.DataType, path: list[str], depth: int = 0
) -> tuple[str, pa.DataType]:
    """Follow a path into structs, and into each item of lists; lists of lists become one."""
    if _is_list(kind):
        if not path:
            return value, kind
        item = f"step{depth}"
        inner, inner_kind = _reach(item, kind.value_type, path, depth + 1)
        reached = f"list_transform({value}, lambda {item}: {inner})"
        if _is_list(inner_kind):
            return f"flatten({reached})", inner_kind
        return reached, pa.list_(inner_kind)
    if not path:
        return value, kind
    return _reach(
        f"struct_extract({value}, '{path[0]}')", kind.field(path[0]).type, path[1:], depth
    )
