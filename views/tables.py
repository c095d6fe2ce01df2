"""Temporary tables: what a step puts down on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def temporary(duck: DuckDBPyConnection, table: str, query: str) -> int:
    """Make a temporary table anew from a query, and say how many lines it has.

    >>> import duckdb
    >>> temporary(duckdb.connect(), "made", "SELECT unnest([1, 2])")
    2
    """
    made = duck.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {query}").fetchone()
    return int(made[0]) if made else 0
