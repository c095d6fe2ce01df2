"""Folding on: new events are folded onto the kept entities, by the same fold as a rebuild's.

A kept entity stands for all its earlier events. The fold, and the changes of the history, read it
as a few *stand-in* events: one that creates it, one that has its fields, and one for each long
text, with the sequence of the text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow as pa

from event_log import ENVELOPE, Category, Effect, log_schema
from replay.fold import fold, long_texts
from replay.kept.expressions import compiled_sql
from replay.kept.state import (
    HASHED,
    SIDES,
    Kept,
    entity_table,
    hashed,
    lines,
    pairs,
    text_table,
)

if TYPE_CHECKING:
    from event_log import EventLog
    from replay.domain import References

CHANGED = f"({HASHED}, id) IN (SELECT hash(id), id FROM changed)"
"""The condition for lines of kept entities that have changed."""
NEITHER = ""
"""The type of a stand-in event that neither creates nor removes."""


class Folding:
    """The events of a step, and their fold onto the entities of a kept state.

    It fills these tables: ``arrived`` (the events), ``changed`` (their entities, as ``id`` and as
    ``entity``), ``folded`` (the entities' sequences, once the new ones are kept), and by category
    ``new_<category>`` (its events), ``old_<category>`` (the entities before the step),
    ``events_<category>`` (the stand-in events, and the new events).
    """

    def __init__(self, kept: Kept, references: References) -> None:
        self._kept = kept
        self._tables = kept.tables
        self._references = references
        self.take(log_schema(kept.registry).empty_table(), kept.registry)

    def read(self, log: EventLog, after: int, until: int) -> int:
        """Read the events between two sequences of the log; returns their number."""
        types = log_schema(self._kept.registry)
        events = pa.Table.from_batches(log.at(until).scan(after=after), types)
        self.take(events)
        return len(events)

    def take(self, events: pa.Table, categories: Iterable[str] = ()) -> None:
        """Make these the events of the step, and add the stand-in events of their entities."""
        self._tables.take("arrived", events)
        self._tables.fill(
            "changed",
            "SELECT DISTINCT stream AS id, stream AS entity, category FROM arrived",
        )
        self._tables.fill("folded", "SELECT ''::VARCHAR AS id, 0::BIGINT AS sequence WHERE false")
        changed = self._tables.run("SELECT DISTINCT category FROM changed").fetchall()
        self.categories = [name for (name,) in changed]
        for name in {*self.categories, *categories}:
            self._fill_events(self._kept.registry[name])

    def _fill_events(self, category: Category) -> None:
        name, table = category.name, entity_table(category.name)
        columns = [*ENVELOPE.names, *(f'"{name}"."{f.name}"' for f in category.struct)]
        self._tables.fill(
            f"new_{name}",
            f"SELECT {', '.join(columns)} FROM arrived WHERE category = '{name}'",
        )
        self._tables.fill(f"old_{name}", f"SELECT * EXCLUDE {HASHED} {lines(table, CHANGED)}")
        events = [f"FROM new_{name}", *_stand_ins(category)]
        self._tables.fill(f"events_{name}", " UNION ALL BY NAME ".join(events))

    def fold(self) -> None:
        """Fold the events of the step onto the entities, into the tables ``folded_<category>``.

        The old entities are still stored. The new references are stored beside the old ones.
        """
        for name in self.categories:
            self._tables.fill(f"folded_{name}", self._folded(self._kept.registry[name]))
        naming = {
            name: self._references[name] for name in self.categories if name in self._references
        }
        folded = {name: f"folded_{name}" for name in naming}
        self._tables.fill("naming", pairs(folded, self._kept.registry, naming))
        self._tables.fill(
            "named",
            "SELECT n.source, n.target, n.field FROM names n"
            " SEMI JOIN changed c ON n.source = hash(c.id)",
        )
        for table in SIDES:
            self._tables.run(f"INSERT INTO {table} FROM naming EXCEPT FROM named")

    def keep(self) -> None:
        """Replace the stored entities by the folded ones, and delete old references."""
        for name in self.categories:
            category, table = self._kept.registry[name], entity_table(name)
            for field in long_texts(category):
                self._keep_text(category, field)
            self._tables.run(f"DELETE FROM {table} WHERE {CHANGED}")
            self._tables.run(f"INSERT INTO {table} BY NAME {hashed(f'folded_{name}')}")
            self._tables.add("folded", f"SELECT id, sequence FROM folded_{name}")
        self._tables.fill("unnamed", "FROM named EXCEPT FROM naming")
        for table, side in SIDES.items():
            self._tables.run(
                f"DELETE FROM {table} WHERE {side} IN (SELECT {side} FROM unnamed)"
                " AND (source, target, field) IN (FROM unnamed)"
            )

    def prepare(self) -> None:
        """Compile the folds, and create the tables for their results."""
        for name, category in self._kept.registry.items():
            self._tables.fill(f"folded_{name}", self._folded(category))

    def _folded(self, category: Category) -> str:
        events = f"events_{category.name}"
        return compiled_sql(
            self._kept, events, lambda: fold(self._kept.backend.table(events), category)
        )

    def _keep_text(self, category: Category, field: str) -> None:
        """Store the current values of a long text field, and delete the old ones."""
        table, last = text_table(category.name, field), f"{field}_sequence"
        self._tables.run(
            f"DELETE FROM {table} WHERE sequence IN (SELECT {last} FROM old_{category.name}"
            f" EXCEPT SELECT {last} FROM folded_{category.name})"
        )
        self._tables.run(
            f'INSERT INTO {table} SELECT n.sequence, n."{field}" FROM new_{category.name} n'
            f" SEMI JOIN folded_{category.name} f ON n.sequence = f.{last}"
        )


def _stand_ins(category: Category) -> list[str]:
    """The queries for the stand-in events of the entities in ``old_<category>``."""
    old, texts = f"old_{category.name}", long_texts(category)
    creates, hides = (
        (*category.types_that(effect), NEITHER)[0] for effect in (Effect.CREATES, Effect.REMOVES)
    )
    fields = "".join(f', "{f}"' for f in category.fields.names if f not in texts)
    created = f"SELECT id AS stream, '{creates}' AS type, 0 AS sequence, 0 AS version FROM {old}"
    given = (
        f"SELECT id AS stream, CASE WHEN live THEN '{NEITHER}' ELSE '{hides}' END AS type,"
        f" sequence, version, updated_at AS occurred_at{fields} FROM {old}"
    )
    written = [
        f"SELECT id AS stream, '{NEITHER}' AS type, t.sequence, 0 AS version, t.\"{f}\""
        f" FROM {old} JOIN ({_texts(category, f)}) t ON t.sequence = {f}_sequence"
        for f in texts
    ]
    return [created, given, *written]


def _texts(category: Category, field: str) -> str:
    """The query for the long texts of the entities in ``old_<category>``."""
    last = f"SELECT {field}_sequence FROM old_{category.name}"
    return lines(text_table(category.name, field), f"sequence IN ({last})")
