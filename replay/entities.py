"""Entities: what a view's expressions read, wherever they are evaluated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

    from event_log import Registry


DAY_COLUMN = "day of the instant"
"""A column beside an entity's fields, named as no field is."""


class Entities(ABC):
    """The current entities of a log at one sequence, as tables to make documents from.

    A rebuild folds them from the log (``replay.state.State``). Catching up has them in a kept state
    (``replay.kept.entities``): the same expressions, for the documents in question.
    """

    backend: Backend
    registry: Registry

    @abstractmethod
    def entities(self, category: str) -> ir.Table:
        """The entities of a category, hidden ones too, as ``replay.fold.fold`` describes them."""

    def among(self, category: str, keys: ir.Table | None) -> ir.Table:
        """The entities of a category with these ids; all of them when there are no keys."""
        return chosen(self.entities(category), keys)

    @abstractmethod
    def events(self, category: str) -> ir.Table:
        """The events of a category: the envelope, its fields, and ``cleared``."""

    @abstractmethod
    def text(self, category: str, field: str) -> ir.Table:
        """The long prose that events gave: ``sequence`` and the field.

        Joined by ``<field>_sequence`` it is fetched once, however often views use the entity. Only
        an entity's own document may show its text.
        """

    def naming(self, category: str, field: str, keys: ir.Table | None) -> ir.Table:
        """The entities of a category that name one of the keys in a field, at least.

        For a few pages it spares most of the archive. All entities when there are no keys.
        """
        entities = self.entities(category)
        if keys is None:
            return entities
        if not entities[field].type().is_array():
            return entities.semi_join(keys, entities[field] == keys.id)
        pairs = referring(entities, field)
        return entities.semi_join(pairs.semi_join(keys, pairs.entity == keys.id), "id")

    def dated(self, category: str, field: str, days: ir.Table | None) -> ir.Table:
        """The entities of a category whose instant falls on one of the days, in UTC, at least.

        ``days`` has their ISO 8601 names as ``id``. All entities when there are none.
        """
        entities = self.entities(category)
        if days is None:
            return entities
        told = entities.mutate(**{DAY_COLUMN: self.day(entities[field])})
        return told.semi_join(self.days(days), DAY_COLUMN).drop(DAY_COLUMN)

    def days(self, named: ir.Table) -> ir.Table:
        """The days that have these names, as ``day`` tells them."""
        return named.select(**{DAY_COLUMN: self.day(named.id.try_cast("timestamp('UTC')"))})

    def day(self, instant: ir.Value) -> ir.Value:
        """Tells the day of an instant from all others."""
        return instant.date()

    def sequences(self) -> ir.Table:
        """Every entity of every category with the sequence of its last event."""
        tables = [self.entities(name).select("id", "sequence") for name in self.registry]
        return ibis.union(*tables)


def visible(state: Entities, category: str, keys: ir.Table | None = None) -> ir.Table:
    """The entities of a category that are live, and of them only those of the given keys."""
    return live(state.among(category, keys))


def live(entities: ir.Table) -> ir.Table:
    """The entities that are not removed."""
    return entities.filter(entities.live)


def chosen(table: ir.Table, keys: ir.Table | None) -> ir.Table:
    """The lines whose ``id`` is one of the keys; all lines when there are no keys."""
    return table if keys is None else table.semi_join(keys, "id")


def referring(entities: ir.Table, field: str) -> ir.Table:
    """Lineage of a field: pairs ``id, entity`` of each entity and those that its field names."""
    value = entities[field]
    if value.type().is_array():
        return entities.select("id", entity=value.unnest())
    pairs = entities.select("id", entity=value)
    return pairs.filter(pairs.entity.notnull())
