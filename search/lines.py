"""Documents as JSON, made by DuckDB from Parquet, without a Python object for each document.

This module has the SQL by which a column becomes JSON text and a path into a document becomes an
expression, and reads a Parquet file of any size in pieces of some megabytes.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from duckdb.func import PythonUDFType

from replay import plain_path, prepare
from search.normalizing import UNUSUAL, normalized

BYTES_AT_ONCE = 4_000_000
MOST_AT_ONCE = 20_000
FEW = 1_000
UNUSUAL_SQL = "".join(
    letter if letter.isascii() and letter.isprintable() else f"\\x{{{ord(letter):x}}}"
    for letter in UNUSUAL
)
KEPT = 16
"""Connections with a prepared statement: one for each view, of either engine."""


def open_documents(path: Path) -> pq.ParquetFile:
    """Open the Parquet file of a view's documents; its footer is read once."""
    return pq.ParquetFile(plain_path(path), pre_buffer=False)


def in_pieces(
    documents: Path | pq.ParquetFile, query: str, *parameters: int
) -> Iterator[list[tuple[str, ...]]]:
    """The results of a query over the table ``documents``, in order, as lists of tuples."""
    for table in tables(documents, query, *parameters):
        yield list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def tables(documents: Path | pq.ParquetFile, query: str, *parameters: int) -> Iterator[pa.Table]:
    """The results of a query over the table ``documents``, in order, as tables of some megabytes.

    ``parameters`` are the query's ``$1`` and so on.
    """
    opening = (
        nullcontext(documents)
        if isinstance(documents, pq.ParquetFile)
        else open_documents(documents)
    )
    with opening as file:
        count, at_once = file.metadata.num_rows, _at_once(file.metadata)
        if count > min(FEW, at_once):
            yield from _many(file.iter_batches(at_once), query, parameters)
        elif count:
            yield _few(file.read(), query, parameters)


def _many(
    batches: Iterator[pa.RecordBatch], query: str, parameters: Sequence[int]
) -> Iterator[pa.Table]:
    """Query batch by batch, because DuckDB would keep the whole result of one query in memory.

    While the caller uses one result, the next is computed.
    """
    with connection() as duck, ThreadPoolExecutor(1) as pool:

        def piece() -> pa.Table | None:
            batch = next(batches, None)
            if batch is None:
                return None
            duck.register("documents", pa.Table.from_batches([batch]))
            result = duck.execute(query, parameters).to_arrow_table()
            duck.unregister("documents")
            return result

        next_piece = pool.submit(piece)
        while (table := next_piece.result()) is not None:
            next_piece = pool.submit(piece)
            yield table


def _few(documents: pa.Table, query: str, parameters: Sequence[int]) -> pa.Table:
    """Query all at once by a prepared statement: planning costs more than a few documents do."""
    with _prepared(query, documents.schema) as duck:
        duck.register("batch", documents)
        duck.execute("BEGIN")
        duck.execute("INSERT INTO documents SELECT * FROM batch")
        values = f"({', '.join(map(str, parameters))})" if parameters else ""
        result = duck.execute(f"EXECUTE query{values}").to_arrow_table()
        duck.execute("ROLLBACK")  # so the table stays empty
        duck.unregister("batch")
    return result


_idle: dict[str, duckdb.DuckDBPyConnection] = {}
"""By their prepared query and schema, connections that are not in use."""
_idle_lock = threading.Lock()


@contextmanager
def _prepared(query: str, schema: pa.Schema) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with an empty table ``documents`` and the prepared statement ``query``."""
    key = f"{query} {schema.to_string(show_schema_metadata=False)}"
    with _idle_lock:
        duck = _idle.pop(key, None)
    if duck is None:
        duck = connection()
        duck.register("batch", schema.empty_table())
        duck.execute("CREATE TABLE documents AS SELECT * FROM batch")
        prepare(duck, "query", query)
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
    """A DuckDB connection in UTC, with one thread, because a piece is too small for two."""
    duck = duckdb.connect(config={"threads": 1, "memory_limit": "512MB"})
    duck.execute("SET TimeZone = 'UTC'")
    duck.create_function(
        "normalized", _normalized, ["VARCHAR"], "VARCHAR", type=PythonUDFType.ARROW
    )
    return duck


def _normalized(texts: pa.ChunkedArray) -> pa.Array:
    forms = [None if text is None else normalized(text) for text in texts.to_pylist()]
    return pa.array(forms, pa.string())


def is_unusual_sql(text: str) -> str:
    """The SQL that says whether ``normalized`` may change a text."""
    return f"regexp_matches({text}, '{UNUSUAL_SQL}')"


def normalized_sql(text: str) -> str:
    """The SQL of a text, or of JSON with texts, in normal form; most texts are in it already.

    Of a text in JSON it changes no quote and no escape: these are ASCII.
    """
    return (
        f"CASE WHEN regexp_matches({text}, '{UNUSUAL_SQL}') THEN normalized({text}) ELSE {text} END"
    )


def quoted(name: str) -> str:
    """A column's name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def document_sql(schema: pa.Schema, normal: Collection[str] = ()) -> str:
    """The SQL of a document as JSON text; instants are ISO 8601 with ``Z``, as in an export.

    The texts at the paths ``normal`` are put in normal form.
    """
    fields = ", ".join(
        f"{quoted(field.name)} := {_readable(quoted(field.name), field.type, field.name, normal)}"
        for field in schema
    )
    return f"to_json(struct_pack({fields}))::VARCHAR"


def _readable(
    value: str, kind: pa.DataType, path: str, normal: Collection[str], depth: int = 0
) -> str:
    """The SQL of a value as documents show it: instants as text, some texts in normal form."""
    if pa.types.is_struct(kind):
        fields = {field.name: field.type for field in kind}
        if not any(_changes(each, f"{path}.{name}", normal) for name, each in fields.items()):
            return value
        inner = ", ".join(
            f"{quoted(name)} := "
            + _readable(_extracted(value, name), each, f"{path}.{name}", normal, depth)
            for name, each in fields.items()
        )
        return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({inner}) END"
    if _is_list(kind):
        if not _changes(kind.value_type, path, normal):
            return value
        item = f"item{depth}"
        inner = _readable(item, kind.value_type, path, normal, depth + 1)
        return f"list_transform({value}, lambda {item}: {inner})"
    if pa.types.is_timestamp(kind):
        return (
            f"CASE WHEN {value} IS NOT NULL THEN strftime({value}, '%Y-%m-%dT%H:%M:%S')"
            f" || CASE WHEN microsecond({value}) % 1000000 = 0 THEN 'Z'"
            f" ELSE strftime({value}, '.%fZ') END END"
        )
    if path in normal:
        return f"normalized({value}::VARCHAR)"
    if pa.types.is_floating(kind):
        return f"CASE WHEN isfinite({value}) THEN {value} END"  # JSON has no other numbers
    return value


def _changes(kind: pa.DataType, path: str, normal: Collection[str]) -> bool:
    """Whether a value of this type is shown in another way than DuckDB's JSON shows it."""
    if pa.types.is_struct(kind):
        return any(_changes(field.type, f"{path}.{field.name}", normal) for field in kind)
    if _is_list(kind):
        return _changes(kind.value_type, path, normal)
    is_other = pa.types.is_timestamp(kind) or pa.types.is_floating(kind)
    return path in normal or bool(is_other)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def items(schema: pa.Schema, path: str, distinct: bool = False) -> str:
    """The SQL of the values at a path as JSON strings with commas between; null without any."""
    first, *rest = path.split(".")
    value, kind = _reach(quoted(first), schema.field(first).type, rest)
    if not _is_list(kind):
        return f"CASE WHEN {value} IS NOT NULL THEN to_json({value}::VARCHAR)::VARCHAR END"
    present = f"list_filter({value}, lambda item: item IS NOT NULL)"
    if distinct:
        present = f"list_distinct({value})"
    strings = f"list_transform({present}, lambda item: to_json(item::VARCHAR)::VARCHAR)"
    return f"nullif(array_to_string({strings}, ','), '')"


def scalar(schema: pa.Schema, path: str) -> tuple[str, pa.DataType]:
    """The SQL of the single value at a path, and its type."""
    first, *rest = path.split(".")
    return _reach(quoted(first), schema.field(first).type, rest)


def _reach(
    value: str, kind: pa.DataType, path: list[str], depth: int = 0
) -> tuple[str, pa.DataType]:
    """The SQL of the value at a path into structs and lists, and its type; lists are flattened."""
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
    return _reach(_extracted(value, path[0]), kind.field(path[0]).type, path[1:], depth)


def _extracted(value: str, name: str) -> str:
    """The SQL of a struct's field."""
    literal = name.replace("'", "''")
    return f"struct_extract({value}, '{literal}')"
