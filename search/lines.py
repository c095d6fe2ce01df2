"""Documents as lines of JSON, made by DuckDB: no document is a Python object on the way.

Here is how a column becomes JSON text, how a path into a document becomes an expression, and how
a Parquet file is read in pieces of some megabytes, whatever its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

BYTES_AT_ONCE = 4_000_000
MOST_AT_ONCE = 20_000


def opened(path: Path) -> pq.ParquetFile:
    """A view's documents, whose footer is read once."""
    return pq.ParquetFile(path, pre_buffer=False)


def in_pieces(documents: Path | pq.ParquetFile, query: str) -> Iterator[list[tuple[str, ...]]]:
    """What a query over the table ``documents`` gives, in order, some megabytes a time."""
    for made in tables(documents, query):
        yield list(zip(*(column.to_pylist() for column in made.columns), strict=True))


def tables(documents: Path | pq.ParquetFile, query: str) -> Iterator[pa.Table]:
    """What a query over the table ``documents`` gives, as columns, some megabytes a time.

    DuckDB would hold the whole result of one query: so it gets the file piece by piece. While
    one piece is used, the next is made.
    """
    given = nullcontext(documents) if isinstance(documents, pq.ParquetFile) else opened(documents)
    with (
        given as file,
        _borrowed() as duck,
        ThreadPoolExecutor(1) as pool,
    ):
        at_once = _at_once(file.metadata)
        batches = file.iter_batches(at_once)

        def piece() -> pa.Table | None:
            batch = next(batches, None)
            if batch is None:
                return None
            duck.register("documents", pa.Table.from_batches([batch]))
            made = duck.execute(query).to_arrow_table()
            duck.unregister("documents")
            return made

        if file.metadata.num_rows <= at_once:  # then a thread would cost more than it saves
            yield from filter(None, [piece()])
            return
        coming = pool.submit(piece)
        while (found := coming.result()) is not None:
            coming = pool.submit(piece)
            yield found


_idle: list[duckdb.DuckDBPyConnection] = []
"""Connections that nobody uses now; taking one and giving it back are atomic."""


@contextmanager
def _borrowed() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that was opened before, if there is one; one that failed is not used again."""
    try:
        duck = _idle.pop()
    except IndexError:
        duck = connection()
    try:
        yield duck
    except BaseException:
        duck.close()
        raise
    _idle.append(duck)


def _at_once(metadata: pq.FileMetaData) -> int:
    groups = (metadata.row_group(place) for place in range(metadata.num_row_groups))
    size = sum(group.total_byte_size for group in groups) / max(1, metadata.num_rows)
    return max(100, min(MOST_AT_ONCE, int(BYTES_AT_ONCE / max(1, size))))


def connection() -> duckdb.DuckDBPyConnection:
    """A DuckDB that says instants in UTC and leaves the second core to the index."""
    duck = duckdb.connect(config={"threads": 1, "memory_limit": "512MB"})
    duck.execute("SET TimeZone = 'UTC'")
    return duck


def quoted(name: str) -> str:
    """A column's name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def document(schema: pa.Schema) -> str:
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
