"""Slices: the kept entities as a view's expressions read them, all of them or a neighbourhood.

Every name here stays the same from one step of catching up to the next, and only what the tables
hold changes: so an expression is compiled once for all steps.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import ibis.expr.types as ir

from views.entities import Entities
from views.kept import entity_table, text_table, texts

if TYPE_CHECKING:
    from views.kept import Kept


class Whole(Entities):
    """All kept entities."""

    name = "whole"
    """Tells what was compiled over these tables from what was compiled over others."""

    def __init__(self, kept: Kept) -> None:
        self.backend = kept.backend
        self.registry = kept.registry

    def entities(self, category: str) -> ir.Table:
        """All entities of a category that are kept."""
        return self.backend.table(entity_table(category))

    def text(self, category: str, field: str) -> ir.Table:
        """All long prose that entities have now."""
        return self.backend.table(text_table(category, field))

    def events(self, category: str) -> ir.Table:
        """The events of this step, each entity's own before it as one."""
        return self.backend.table(f"events_{category}")


class Slice(Whole):
    """The entities of a neighbourhood, and the texts of those whose documents are wanted."""

    name = "slice"
    few = True

    def __init__(self, kept: Kept) -> None:
        super().__init__(kept)
        self._tables = kept.tables

    def entities(self, category: str) -> ir.Table:
        """The entities of a category that are in the neighbourhood."""
        return self.backend.table(f"slice_{entity_table(category)}")

    def text(self, category: str, field: str) -> ir.Table:
        """The long prose of the entities whose documents are wanted."""
        return self.backend.table(f"slice_{text_table(category, field)}")

    def fill(self, near: str) -> None:
        """Hold the entities of the table ``near``, by id."""
        for category in self.registry:
            table = entity_table(category)
            self._tables.fill(
                f"slice_{table}",
                f"FROM {table} WHERE rowid IN"
                f" (SELECT e.rowid FROM {table} e SEMI JOIN {near} USING (id))",
            )

    def renew(self, categories: Collection[str]) -> None:
        """Hold the entities that changed as the step has folded them."""
        for category in categories:
            table = f"slice_{entity_table(category)}"
            self._tables.run(f"DELETE FROM {table} WHERE id IN (SELECT id FROM changed)")
            self._tables.add(table, f"BY NAME FROM folded_{category}")

    def fill_texts(self, wanted: str) -> None:
        """Hold the texts of the entities of the table ``wanted`` that are held, by id."""
        for category, field in texts(self.registry):
            table = text_table(category, field)
            self._tables.fill(
                f"slice_{table}",
                f"FROM {table} WHERE rowid IN"
                f" (SELECT t.rowid FROM {table} t SEMI JOIN (SELECT {field}_sequence AS sequence"
                f" FROM slice_{entity_table(category)} SEMI JOIN {wanted} USING (id))"
                " USING (sequence))",
            )


class Happened(Slice):
    """The same, for lineage: of the events only those of this step, for the others are old."""

    name = "happened"

    def events(self, category: str) -> ir.Table:
        """The events of this step."""
        return self.backend.table(f"new_{category}")


class WholeHappened(Whole):
    """All kept entities, for lineage: of the events only those of this step."""

    name = "whole happened"

    def events(self, category: str) -> ir.Table:
        """The events of this step."""
        return self.backend.table(f"new_{category}")
