"""The temporary tables of a step, and the plans of its queries, which later steps use again.

To parse, bind and plan a small query takes half of its time. A plan stays valid as long as no table
is created or dropped. So these tables are created once, and emptied when a step ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

LEFT_OUT = "statistics_propagation, compressed_materialization"
"""The optimizations that DuckDB may not make in a plan that is used again: they use current data.

Newer versions leave the first out by themselves: https://github.com/duckdb/duckdb/pull/24696.
"""
MOST_PLANS = 2_000
"""When there are so many plans, all are dropped."""


def prepare(duck: DuckDBPyConnection, name: str, query: str) -> None:
    """Plan a query for ``EXECUTE``, so that the plan is right whatever the tables contain then."""
    duck.execute(f"SET disabled_optimizers = '{LEFT_OUT}'")
    try:
        duck.execute(f"PREPARE {name} AS {query}")
    finally:
        duck.execute("RESET disabled_optimizers")


class Tables:
    """The temporary tables of one connection, and the plans of queries over them.

    >>> import duckdb
    >>> tables = Tables(duckdb.connect())
    >>> tables.fill("made", "SELECT unnest([1, 2]) AS id"), tables.count("FROM made")
    (2, 2)
    >>> tables.clear()
    >>> tables.count("FROM made")
    0
    """

    def __init__(self, duck: DuckDBPyConnection) -> None:
        self._duck = duck
        self._known: set[str] = set()
        self._filled: set[str] = set()
        self._plans: dict[str, str] = {}
        self._numbered = 0
        self._settled = True
        self.few = False
        """Whether the step is so small that plans are kept and used again."""

    def fill(self, table: str, query: str) -> int:
        """Replace the content of a table by the result of a query; returns the number of lines.

        The table is created with the columns of its first query.
        """
        if table not in self._known:
            self._duck.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM ({query}) LIMIT 0")
            self._known.add(table)
            self._settled = False
            self._drop_plans()
        self._empty(table)
        return self.add(table, query)

    def take(self, table: str, lines: pa.Table) -> None:
        """Replace the content of a table by that of an Arrow table."""
        if table not in self._known:
            self._duck.register("arrow", lines.schema.empty_table())
            self.fill(table, "FROM arrow")
            self._duck.unregister("arrow")
        self._empty(table)
        self._duck.from_arrow(lines).insert_into(table)
        self._filled.add(table)

    def add(self, table: str, query: str) -> int:
        """Append the result of a query to a table; returns the number of lines appended."""
        added = self.changed(f"INSERT INTO {table} {query}")
        if added:
            self._filled.add(table)
        return added

    def run(self, query: str) -> DuckDBPyConnection:
        """Run a query; in a small step, by a kept plan."""
        if not (self.few and self._settled):
            return self._duck.execute(query)
        if query not in self._plans:
            self._plans[query] = self._plan(query)
        return self._duck.execute(f"EXECUTE {self._plans[query]}")

    def changed(self, statement: str) -> int:
        """Run a statement; returns how many lines it inserted, changed or deleted."""
        counted = self.run(statement).fetchone()
        return int(counted[0]) if counted else 0

    def count(self, query: str) -> int:
        """The number of lines of a query's result."""
        return self.changed(f"SELECT count(*) FROM ({query})")

    def clear(self) -> None:
        """Empty the tables, within the transaction that filled them: so nothing is stored."""
        for table in list(self._filled):
            self._empty(table)
        self._settled = True

    def forget(self) -> None:
        """Forget tables and plans, after a rollback or when another table was created."""
        self._known.clear()
        self._filled.clear()
        self._drop_plans()

    def _empty(self, table: str) -> None:
        if table in self._filled:
            self.run(f"DELETE FROM {table}")
            self._filled.remove(table)

    def _plan(self, query: str) -> str:
        if len(self._plans) >= MOST_PLANS:
            self._drop_plans()
        self._numbered += 1
        name = f"plan_{self._numbered}"
        prepare(self._duck, name, query)
        return name

    def _drop_plans(self) -> None:
        for name in self._plans.values():
            self._duck.execute(f"DEALLOCATE {name}")
        self._plans.clear()
