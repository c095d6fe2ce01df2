"""Tables of a step: plans are used again, and stay right whatever the tables hold by then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.kept.plans import Tables

NUMBERS = st.lists(st.integers(-5, 5), max_size=6)


@pytest.fixture
def duck(tmp_path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(tmp_path / "kept.duckdb")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT range AS i FROM range(100)")
        yield connection


@contextmanager
def step(duck: duckdb.DuckDBPyConnection, tables: Tables) -> Iterator[None]:
    """A transaction, at whose end the tables are empty."""
    duck.begin()
    yield
    tables.clear()
    duck.commit()


def planned(duck: duckdb.DuckDBPyConnection) -> set[str]:
    found = duck.execute("SELECT name FROM duckdb_prepared_statements()").fetchall()
    return {name for (name,) in found}


def few(duck: duckdb.DuckDBPyConnection) -> Tables:
    tables = Tables(duck)
    tables.few = True
    return tables


def test_a_plan_sees_what_came_after_it_was_made(duck):
    tables = few(duck)
    query = "SELECT i FROM kept WHERE i = 200"
    assert tables.run(query).fetchall() == []
    duck.execute("INSERT INTO kept VALUES (200)")
    assert tables.run(query).fetchall() == [(200,)]


def test_a_plan_for_a_join_sees_what_is_outside_of_the_range_of_then(duck):
    tables = few(duck)
    query = "SELECT i FROM kept JOIN wanted USING (i) ORDER BY i"
    with step(duck, tables):
        tables.fill("wanted", "SELECT unnest([30, 50])::BIGINT AS i")
    with step(duck, tables):
        tables.fill("wanted", "SELECT unnest([30, 50])::BIGINT AS i")
        assert tables.run(query).fetchall() == [(30,), (50,)]
    with step(duck, tables):
        tables.fill("wanted", "SELECT unnest([1, 99])::BIGINT AS i")
        assert tables.run(query).fetchall() == [(1,), (99,)]


@settings(max_examples=25)
@given(st.lists(st.tuples(NUMBERS, NUMBERS, st.booleans()), max_size=6))
def test_a_query_answers_the_same_with_its_plan_and_without(steps):
    with duckdb.connect() as duck:
        duck.execute("CREATE TABLE kept (i BIGINT)")
        tables = Tables(duck)
        for stored, wanted, many in steps:
            tables.few = not many
            with step(duck, tables):
                duck.execute("INSERT INTO kept SELECT unnest(?)", [stored])
                tables.take("given", pa.table({"i": pa.array(wanted, pa.int64())}))
                tables.fill("twice", "SELECT i, count(*) AS n FROM given GROUP BY i HAVING n > 1")
                for query in (
                    "SELECT count(*), min(i), max(i) FROM kept WHERE i > 3",
                    "SELECT i FROM kept SEMI JOIN given USING (i) ORDER BY i",
                    "SELECT i FROM given ANTI JOIN kept USING (i) ORDER BY i",
                    "SELECT i, n FROM twice LEFT JOIN kept USING (i) ORDER BY ALL",
                ):
                    assert tables.run(query).fetchall() == duck.execute(query).fetchall()


def test_a_table_is_empty_again_when_a_step_ends_and_leaves_nothing_behind(duck):
    tables = few(duck)
    for _ in range(20):
        with step(duck, tables):
            tables.fill("many", "SELECT range AS i FROM range(10_000)")
        assert tables.count("FROM many") == 0
    assert duck.execute("PRAGMA storage_info('many')").fetchall() == []


def test_what_is_filled_twice_has_the_second_only(duck):
    tables = few(duck)
    with step(duck, tables):
        tables.fill("made", "SELECT 1 AS i")
        assert tables.fill("made", "SELECT unnest([2, 3]) AS i") == 2
        assert tables.add("made", "SELECT 4 AS i") == 1
        assert tables.run("SELECT i FROM made ORDER BY i").fetchall() == [(2,), (3,), (4,)]


def test_plans_are_kept_from_step_to_step_but_not_those_of_many_lines(duck):
    tables = few(duck)
    for _ in range(2):
        with step(duck, tables):
            tables.fill("made", "SELECT 1 AS i")
            tables.count("FROM made")
    first = planned(duck)
    with step(duck, tables):
        tables.fill("made", "SELECT 1 AS i")
        tables.count("FROM made")
    assert first
    assert planned(duck) == first
    tables.few = False
    tables.count("SELECT 1")
    assert planned(duck) == first


def test_after_a_roll_back_tables_are_made_again(duck):
    tables = few(duck)
    duck.begin()
    tables.fill("made", "SELECT 1 AS i")
    duck.rollback()
    tables.forget()
    with step(duck, tables):
        assert tables.fill("made", "SELECT unnest([1, 2]) AS i") == 2
    assert planned(duck) == set()


def test_only_plans_do_without_statistics(duck):
    tables = few(duck)
    tables.count("FROM kept")
    (left_out,) = duck.execute("SELECT current_setting('disabled_optimizers')").fetchone()
    assert left_out == ""
