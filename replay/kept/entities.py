"""Slices: the kept entities as a view's expressions read them, all of them or a neighbourhood.

Every name here stays the same from one step of catching up to the next, and only what the tables
hold changes: so an expression is compiled once for all steps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir

from replay.entities import DAY_COLUMN, Entities
from replay.kept.state import HASH, HASHED, entity_table, hashed, lines, text_table, texts

if TYPE_CHECKING:
    from replay.kept.state import Kept


def _declared(value):  # type: ignore[no-untyped-def]  # its types are the signature
    """Declared for Ibis; DuckDB has the body."""


_hash: Callable[[ir.Value], Any] = ibis.udf.scalar.builtin(
    _declared, name="hash", signature=(("string",), "uint64")
)
_microseconds: Callable[[ir.Value], Any] = ibis.udf.scalar.builtin(
    _declared, name="epoch_us", signature=(("timestamp('UTC')",), "int64")
)
LINE = "number of the line"
"""A column beside an entity's fields, named as no field is."""
A_DAY = 86_400_000_000


class Whole(Entities):
    """All kept entities."""

    name = "whole"
    """Tells what was compiled over these tables from what was compiled over others."""

    def __init__(self, kept: Kept) -> None:
        self.backend = kept.backend
        self.registry = kept.registry
        self._tables = kept.tables

    def entities(self, category: str) -> ir.Table:
        """All entities of a category that are kept."""
        return self._hashed(category).drop(HASH)

    def among(self, category: str, keys: ir.Table | None) -> ir.Table:
        """The same, by the hashes of the ids."""
        if keys is None:
            return self.entities(category)
        return self._of(category, keys.select(**{HASH: _hash(keys.id)}), HASH)

    def text(self, category: str, field: str) -> ir.Table:
        """All long prose that entities have now."""
        return self.backend.table(text_table(category, field))

    def events(self, category: str) -> ir.Table:
        """The events of this step, each entity's own before it as one."""
        return self.backend.table(f"events_{category}")

    def naming(self, category: str, field: str, keys: ir.Table | None) -> ir.Table:
        """The same, by the references that are kept where the field is a list."""
        if keys is None or not self.entities(category)[field].type().is_array():
            return super().naming(category, field, keys)
        references = self.backend.table("named_by").filter(lambda known: known.field == field)
        sources = references.semi_join(keys.select(target=_hash(keys.id)), "target")
        return self._of(category, sources.select(**{HASH: "source"}), HASH)

    def dated(self, category: str, field: str, days: ir.Table | None) -> ir.Table:
        """The same; what else they say is read of these only."""
        if days is None:
            return self.entities(category)
        return self._of(category, self.days(days), DAY_COLUMN, lambda known: self.day(known[field]))

    def _hashed(self, category: str) -> ir.Table:
        """The same as ``entities``, with a hash of each id."""
        return self.backend.table(entity_table(category))

    def _of(
        self,
        category: str,
        wanted: ir.Table,
        by: str,
        told: Callable[[ir.Table], ir.Value] = lambda known: known[HASH],
    ) -> ir.Table:
        """The entities of which ``told`` says what the column ``by`` of a table has.

        They are found by this alone, and only where one is found are the other columns read:
        DuckDB does so when it is asked for lines by their number.
        """
        known = self._hashed(category)
        numbered = known.mutate(**{LINE: known.rowid(), by: told(known)})
        found = numbered.semi_join(wanted, by).select(LINE)
        return numbered.semi_join(found, LINE).drop({HASH, LINE, by})

    def day(self, instant: ir.Value) -> ir.Value:
        """Its number: for a date, DuckDB would ask its calendar."""
        days: ir.Value = _microseconds(instant) // A_DAY
        return days


class Few(Whole):
    """All kept entities, and of the long prose only what a few documents show."""

    name = "few"

    def text(self, category: str, field: str) -> ir.Table:
        """The long prose that was copied: a join would read most of what there is."""
        return self.backend.table(f"few_{text_table(category, field)}")

    def fill(self, keyed: str) -> None:
        """Copy the texts of the entities that the table ``keyed`` names, by id."""
        keys = f"{HASHED} IN (SELECT hash(id) FROM {keyed})"
        for category, field in texts(self.registry):
            table = text_table(category, field)
            last = f"SELECT {field}_sequence {lines(entity_table(category), keys)}"
            self._tables.fill(f"few_{table}", lines(table, f"sequence IN ({last})"))


class WholeHappened(Whole):
    """All kept entities, for lineage: of the events only those of this step."""

    name = "whole happened"

    def events(self, category: str) -> ir.Table:
        """The events of this step; the others are old."""
        return self.backend.table(f"new_{category}")


class Happened(WholeHappened):
    """The same, and of the entities only a neighbourhood."""

    name = "happened"

    def _hashed(self, category: str) -> ir.Table:
        return self.backend.table(f"near_{entity_table(category)}")

    def fill(self, near: str) -> None:
        """Hold the entities of the table ``near``, by the hash of their id."""
        for category in self.registry:
            table = entity_table(category)
            self._tables.fill(
                f"near_{table}", lines(table, f"{HASHED} IN (SELECT key FROM {near})")
            )

    def renew(self, categories: Collection[str]) -> None:
        """Hold the entities that changed as the step has folded them."""
        for category in categories:
            table = f"near_{entity_table(category)}"
            self._tables.run(f"DELETE FROM {table} WHERE id IN (SELECT id FROM changed)")
            self._tables.add(table, f"BY NAME {hashed(f'folded_{category}')}")
