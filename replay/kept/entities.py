"""The kept entities as a view's expressions read them: all of them, or a neighbourhood.

The names of the tables stay the same from one step of catching up to the next; only their content
changes. So an expression is compiled once for all steps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from typing import TYPE_CHECKING, Any

from replay.entities import DAY_COLUMN, Entities
from replay.kept.state import HASH, HASHED, entity_table, hashed, lines, text_table, texts
from replay.lazy_ibis import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

    from replay.kept.state import Kept


def _declared(value):  # type: ignore[no-untyped-def]  # its types are the signature
    """A declaration for Ibis of a function of DuckDB."""


@cache
def _builtin(name: str, takes: str, gives: str) -> Callable[[ir.Value], Any]:
    builtin: Callable[[ir.Value], Any] = ibis.udf.scalar.builtin(
        _declared, name=name, signature=((takes,), gives)
    )
    return builtin


def _hash(value: ir.Value) -> Any:
    return _builtin("hash", "string", "uint64")(value)


def _microseconds(value: ir.Value) -> Any:
    return _builtin("epoch_us", "timestamp('UTC')", "int64")(value)


def _timestamp(value: ir.Value) -> Any:
    return _builtin("make_timestamp", "int64", "timestamp")(value)


LINE = "number of the line"
"""The name of a column beside an entity's fields; no field can have it."""


class Whole(Entities):
    """All kept entities."""

    name = "whole"
    """Part of the key of an expression that was compiled over these tables."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self.registry = kept.registry
        self._tables = kept.tables

    @property
    def backend(self) -> Backend:
        """The backend of Ibis, which compiles expressions that are not compiled yet."""
        return self._kept.backend

    def entities(self, category: str) -> ir.Table:
        """All entities of a category that are kept."""
        return self._hashed(category).drop(HASH)

    def among(self, category: str, keys: ir.Table | None) -> ir.Table:
        """The entities of a category with these ids, found by their hashes."""
        if keys is None:
            return self.entities(category)
        return self._of(category, keys.select(**{HASH: _hash(keys.id)}), HASH)

    def text(self, category: str, field: str) -> ir.Table:
        """The current values of a long text field."""
        return self.backend.table(text_table(self.category(category).name, field))

    def events(self, category: str) -> ir.Table:
        """The events of this step, after those that stand for the entity before it."""
        return self.backend.table(f"events_{self.category(category).name}")

    def naming(self, category: str, field: str, keys: ir.Table | None) -> ir.Table:
        """The entities that refer to one of the keys; for a list field, by the kept references."""
        if keys is None or not self.entities(category)[field].type().is_array():
            return super().naming(category, field, keys)
        references = self.backend.table("named_by").filter(lambda pair: pair.field == field)
        sources = references.semi_join(keys.select(target=_hash(keys.id)), "target")
        return self._of(category, sources.select(**{HASH: "source"}), HASH)

    def dated(self, category: str, field: str, days: ir.Table | None) -> ir.Table:
        """The entities with an instant on one of the days; other columns are read of these only."""
        if days is None:
            return self.entities(category)
        return self._of(
            category, self.days(days), DAY_COLUMN, lambda entities: self.day(entities[field])
        )

    def _hashed(self, category: str) -> ir.Table:
        """All entities of a category, with the hash of each id."""
        return self.backend.table(entity_table(self.category(category).name))

    def _of(
        self,
        category: str,
        wanted: ir.Table,
        by: str,
        value: Callable[[ir.Table], ir.Value] = lambda entities: entities[HASH],
    ) -> ir.Table:
        """The entities whose ``value`` is in the column ``by`` of the table ``wanted``.

        Their lines are found by this value alone, and the other columns are read of these lines
        only: DuckDB does so when it is asked for lines by their number.
        """
        entities = self._hashed(category)
        numbered = entities.mutate(**{LINE: entities.rowid(), by: value(entities)})
        lines = numbered.semi_join(wanted, by).select(LINE)
        return numbered.semi_join(lines, LINE).drop({HASH, LINE, by})

    def day(self, instant: ir.Value) -> ir.Value:
        """The day of an instant, by whole numbers.

        DuckDB asks a calendar for the date of an instant with a time zone, which takes ten times
        as long. ``//`` of Ibis divides as floating-point numbers, which are wrong before 1685 and
        after 2255.
        """
        day: ir.Value = _timestamp(_microseconds(instant)).date()
        return day


class Few(Whole):
    """All kept entities, and the long texts of a few documents only."""

    name = "few"

    def text(self, category: str, field: str) -> ir.Table:
        """The copied values of a long text field: a join would read most of all texts."""
        return self.backend.table(f"few_{text_table(category, field)}")

    def fill(self, keyed: str) -> None:
        """Copy the long texts of the entities whose ids are in the table ``keyed``."""
        keys = f"{HASHED} IN (SELECT hash(id) FROM {keyed})"
        for category, field in texts(self.registry):
            table = text_table(category, field)
            last = f"SELECT {field}_sequence {lines(entity_table(category), keys)}"
            self._tables.fill(f"few_{table}", lines(table, f"sequence IN ({last})"))


class WholeHappened(Whole):
    """All kept entities, and the events of this step only: for lineage."""

    name = "whole happened"

    def events(self, category: str) -> ir.Table:
        """The events of this step."""
        return self.backend.table(f"new_{self.category(category).name}")


class Happened(WholeHappened):
    """A neighbourhood of the kept entities, and the events of this step: for lineage."""

    name = "happened"

    def _hashed(self, category: str) -> ir.Table:
        return self.backend.table(f"near_{entity_table(self.category(category).name)}")

    def fill(self, near: str) -> None:
        """Copy the entities whose hashes are in the table ``near``."""
        for category in self.registry:
            table = entity_table(category)
            self._tables.fill(
                f"near_{table}", lines(table, f"{HASHED} IN (SELECT key FROM {near})")
            )

    def renew(self, categories: Collection[str]) -> None:
        """Replace the entities that changed by those that the step has folded."""
        for category in categories:
            table = f"near_{entity_table(category)}"
            self._tables.run(f"DELETE FROM {table} WHERE id IN (SELECT id FROM changed)")
            self._tables.add(table, f"BY NAME {hashed(f'folded_{category}')}")
