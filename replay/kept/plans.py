"""The tables that a step fills on its way, and the plans of its queries, which later steps use.

Half of what a small query costs is to parse, bind and plan it. Its plan stays right as long as no
table is made or dropped: so these tables are made once, and are empty again when a step ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

LEFT_OUT = "statistics_propagation, compressed_materialization"
"""What DuckDB may not do in a plan that is used again: conclude from the data of the moment.

It leaves the first out by itself where it is newer: https://github.com/duckdb/duckdb/pull/24696.
"""
MOST_PLANS = 2_000


def prepare(duck: DuckDBPyConnection, name: str, query: str) -> None:
    """Plan a query for ``EXECUTE``, so that the plan is right whatever the tables hold by then."""
    duck.execute(f"SET disabled_optimizers = '{LEFT_OUT}'")
    try:
        duck.execute(f"PREPARE {name} AS {query}")
    finally:
        duck.execute("RESET disabled_optimizers")


class Tables:
    """The temporary tables of one connection, and the plans of what is asked of them.

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
        """Is so little asked for that planning would cost more than doing it?"""

    def fill(self, table: str, query: str) -> int:
        """Let a table hold what a query gives, and nothing else; says how many lines it has.

        A table's columns are those of the first query.
        """
        if table not in self._known:
            self._duck.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM ({query}) LIMIT 0")
            self._known.add(table)
            self._settled = False
            self._drop_plans()
        self._empty(table)
        return self.add(table, query)

    def take(self, table: str, lines: pa.Table) -> None:
        """Let a table hold what Arrow does, and nothing else."""
        if table not in self._known:
            self._duck.register("taken", lines.schema.empty_table())
            self.fill(table, "FROM taken")
            self._duck.unregister("taken")
        self._empty(table)
        self._duck.from_arrow(lines).insert_into(table)
        self._filled.add(table)

    def add(self, table: str, query: str) -> int:
        """Let a table that was filled hold what a query gives as well; says how much that is."""
        added = self.changed(f"INSERT INTO {table} {query}")
        if added:
            self._filled.add(table)
        return added

    def run(self, query: str) -> DuckDBPyConnection:
        """Run a query, by its plan if it has one."""
        if not (self.few and self._settled):
            return self._duck.execute(query)
        if query not in self._plans:
            self._plans[query] = self._plan(query)
        return self._duck.execute(f"EXECUTE {self._plans[query]}")

    def changed(self, statement: str) -> int:
        """Run a statement, and say how many lines it put, changed or deleted."""
        found = self.run(statement).fetchone()
        return int(found[0]) if found else 0

    def count(self, query: str) -> int:
        """How many lines a query gives."""
        return self.changed(f"SELECT count(*) FROM ({query})")

    def clear(self) -> None:
        """Empty the tables; within the transaction that filled them, so that nothing is left."""
        for table in list(self._filled):
            self._empty(table)
        self._settled = True

    def forget(self) -> None:
        """Make tables and plans anew: a transaction was rolled back, or another table was made."""
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
