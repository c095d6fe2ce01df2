"""DuckDB's progress bar is off, also where it cannot be set: in a notebook without widgets."""

from __future__ import annotations

from typing import Any

import duckdb

from replay.progress_bar import hide_progress_bar


def test_the_bar_is_switched_off() -> None:
    connection = duckdb.connect()
    hide_progress_bar(connection)
    shown = connection.execute("SELECT current_setting('enable_progress_bar')").fetchone()
    assert shown == (False,)


def test_a_bar_that_is_off_is_not_set() -> None:
    class Notebook:
        """A connection in a notebook without ipywidgets, as DuckDB 1.5 answers there."""

        def execute(self, query: str) -> Any:
            if query.startswith("SET"):
                raise duckdb.InvalidInputException("required package 'ipywidgets' is missing")
            return duckdb.connect().execute("SELECT false")

    hide_progress_bar(Notebook())  # type: ignore[arg-type]
