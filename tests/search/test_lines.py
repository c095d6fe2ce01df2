"""Documents as JSON from Parquet: in order, whole, and whatever the names and values are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search import lines

INSTANT = pa.timestamp("us", "UTC")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
INSTANTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))


def file_of(folder: Path, documents: list[dict[str, Any]], schema: pa.Schema) -> Path:
    path = folder / "documents.parquet"
    pq.write_table(pa.Table.from_pylist(documents, schema=schema), path)
    return path


def as_json(documents: list[dict[str, Any]], schema: pa.Schema) -> Iterator[Any]:
    with lines.connection() as duck:
        duck.register("documents", pa.Table.from_pylist(documents, schema=schema))
        query = f"SELECT {lines.document_sql(schema)} FROM documents"
        yield from (json.loads(text) for (text,) in duck.execute(query).fetchall())


def evaluated(expression: str, document: dict[str, Any], schema: pa.Schema) -> Any:
    with lines.connection() as duck:
        duck.register("documents", pa.Table.from_pylist([document], schema=schema))
        found = duck.execute(f"SELECT {expression} FROM documents").fetchone()
    assert found is not None
    return found[0]


@pytest.mark.parametrize("count", [0, 1, 99, lines.FEW, lines.FEW + 1, 2_500])
def test_pieces_are_all_documents_in_order_however_many(tmp_path: Path, count: int) -> None:
    schema = pa.schema({"id": pa.int64()})
    path = file_of(tmp_path, [{"id": n} for n in range(count)], schema)
    query = "SELECT id, id + $1 AS later FROM documents"
    found: list[Any] = [pair for piece in lines.in_pieces(path, query, 5) for pair in piece]
    assert found == [(n, n + 5) for n in range(count)]


def test_documents_of_a_megabyte_come_in_pieces_of_few(tmp_path: Path) -> None:
    schema = pa.schema({"id": pa.int64(), "body": pa.string()})
    path = tmp_path / "documents.parquet"
    table = pa.Table.from_pylist([{"id": n, "body": f"{n}" * 50_000} for n in range(130)], schema)
    pq.write_table(table, path, compression="none", use_dictionary=False)
    pieces = list(lines.in_pieces(path, "SELECT id FROM documents"))
    assert [len(piece) for piece in pieces] == [100, 30]


def test_a_query_that_fails_leaves_the_next_one_a_working_connection(tmp_path: Path) -> None:
    path = file_of(tmp_path, [{"id": "a"}], pa.schema({"id": pa.string()}))
    broken = "SELECT CASE WHEN id = 'a' THEN error('broken') ELSE id END FROM documents"
    for _ in range(2):
        with pytest.raises(Exception, match="broken"):
            list(lines.in_pieces(path, broken))
    assert list(lines.in_pieces(path, "SELECT id FROM documents")) == [[("a",)]]


def test_one_query_on_files_of_different_schemas_reads_both(tmp_path: Path) -> None:
    text = file_of(tmp_path, [{"id": "a"}], pa.schema({"id": pa.string()}))
    (tmp_path / "other").mkdir()
    number = file_of(tmp_path / "other", [{"id": 1}], pa.schema({"id": pa.int64()}))
    for _ in range(2):
        assert list(lines.in_pieces(text, "SELECT id FROM documents")) == [[("a",)]]
        numbers: list[Any] = list(lines.in_pieces(number, "SELECT id FROM documents"))
        assert numbers == [[(1,)]]


@settings(max_examples=30)
@given(st.lists(st.fixed_dictionaries({"id": TEXT, "at": st.none() | INSTANTS}), max_size=4))
def test_instants_are_iso_8601_in_utc_to_the_microsecond(documents: list[dict[str, Any]]) -> None:
    schema = pa.schema({"id": pa.string(), "at": INSTANT})
    expected = [
        {**document, "at": at and at.isoformat().replace("+00:00", "Z")}
        for document in documents
        for at in [document["at"]]
    ]
    assert list(as_json(documents, schema)) == expected


def test_instants_in_lists_and_structs_are_written_like_others() -> None:
    step = pa.struct([("at", INSTANT), ("by", pa.string())])
    schema = pa.schema(
        {"id": pa.string(), "steps": pa.list_(step), "days": pa.list_(pa.list_(INSTANT))}
    )
    at = datetime(1912, 4, 15, 2, 20, tzinfo=UTC)
    document = {"id": "a", "steps": [{"at": at, "by": None}, None], "days": [[at], [], None]}
    empty: dict[str, Any] = {"id": "b", "steps": None, "days": []}
    text = "1912-04-15T02:20:00Z"
    assert list(as_json([document, empty], schema)) == [
        {"id": "a", "steps": [{"at": text, "by": None}, None], "days": [[text], [], None]},
        empty,
    ]


@pytest.mark.parametrize("name", ["it's", 'a "b"', "a;b", "select", "né", "a b", "{}", "''"])
def test_fields_may_have_any_name(name: str) -> None:
    kind = pa.struct([(name, INSTANT), ("text", pa.string())])
    schema = pa.schema({"id": pa.string(), "inner": kind, name: pa.string()})
    document = {"id": "a", "inner": {name: None, "text": "x"}, name: "y"}
    assert list(as_json([document], schema)) == [document]
    assert evaluated(lines.items(schema, f"inner.{name}"), document, schema) is None
    assert evaluated(lines.items(schema, name), document, schema) == '"y"'


@settings(max_examples=30)
@given(st.none() | st.lists(st.none() | st.fixed_dictionaries({"n": st.none() | TEXT}), max_size=5))
def test_the_items_at_a_path_are_json_strings_and_nulls_are_none(inside: Any) -> None:
    schema = pa.schema({"tags": pa.list_(pa.struct([("n", pa.string())]))})
    expected = [item["n"] for item in inside or [] if item and item["n"] is not None]
    document = {"tags": inside}
    found = evaluated(lines.items(schema, "tags.n"), document, schema)
    assert json.loads(f"[{found or ''}]") == expected
    assert (found is None) == (not expected)
    distinct = evaluated(lines.items(schema, "tags.n", distinct=True), document, schema)
    assert sorted(json.loads(f"[{distinct or ''}]")) == sorted(set(expected))


def test_a_path_through_two_lists_is_one_list() -> None:
    names = pa.list_(pa.struct([("n", pa.string())]))
    schema = pa.schema({"groups": pa.list_(pa.struct([("people", names)]))})
    people = [{"people": [{"n": "a"}, {"n": "b"}]}, {"people": None}, {"people": [{"n": "c"}]}]
    found = evaluated(lines.items(schema, "groups.people.n"), {"groups": people}, schema)
    assert found == '"a","b","c"'
