"""``Entities``: the tables that a view's expressions read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING

from replay.lazy_ibis import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

    from event_log import Category, Registry


DAY_COLUMN = "day of the instant"
"""The name of a column beside an entity's fields; no field can have it."""


class UnknownCategory(Exception):
    """A view reads a category that the domain does not have."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no category {name!r}; there is {', '.join(known)}")


class Entities(ABC):
    """The entities of a log at one sequence, as tables that documents are computed from.

    A rebuild folds them from the log (``replay.state.State``). Catching up has them in a kept state
    (``replay.kept.entities``), and evaluates the same expressions for a few documents.
    """

    backend: Backend
    registry: Registry

    def category(self, name: str) -> Category:
        """The category of this name; raises ``UnknownCategory``."""
        if name not in self.registry:
            raise UnknownCategory(name, self.registry)
        return self.registry[name]

    @abstractmethod
    def entities(self, category: str) -> ir.Table:
        """The entities of a category, removed ones included, as ``fold`` gives them."""

    def among(self, category: str, keys: ir.Table | None) -> ir.Table:
        """The entities of a category with these ids; all of them if ``keys`` is ``None``."""
        return chosen(self.entities(category), keys)

    @abstractmethod
    def events(self, category: str) -> ir.Table:
        """The events of a category: the envelope, its fields, and ``cleared``."""

    @abstractmethod
    def text(self, category: str, field: str) -> ir.Table:
        """The values of a long text field: ``sequence`` of the event, and the field.

        Joined by ``<field>_sequence``, a text is read once, however often views use the entity.
        Only an entity's own document may show its text.
        """

    def naming(self, category: str, field: str, keys: ir.Table | None) -> ir.Table:
        """The entities of a category that refer to one of the keys in a field, and perhaps others.

        All entities if ``keys`` is ``None``. For a few documents most of the archive is not read.
        """
        entities = self.entities(category)
        if keys is None:
            return entities
        if not entities[field].type().is_array():
            return entities.semi_join(keys, entities[field] == keys.id)
        pairs = referring(entities, field)
        return entities.semi_join(pairs.semi_join(keys, pairs.entity == keys.id), "id")

    def dated(self, category: str, field: str, days: ir.Table | None) -> ir.Table:
        """The entities of a category with an instant on one of the days, and perhaps others.

        ``days`` has the days in UTC, in ISO 8601, as ``id``. All entities if it is ``None``.
        """
        entities = self.entities(category)
        if days is None:
            return entities
        with_day = entities.mutate(**{DAY_COLUMN: self.day(entities[field])})
        return with_day.semi_join(self.days(days), DAY_COLUMN).drop(DAY_COLUMN)

    def days(self, ids: ir.Table) -> ir.Table:
        """The days with these ISO 8601 dates as ``id``, as ``day`` computes them."""
        return ids.select(**{DAY_COLUMN: self.day(ids.id.try_cast("timestamp('UTC')"))})

    def day(self, instant: ir.Value) -> ir.Value:
        """The day of an instant, as a value to compare."""
        return instant.date()

    def sequences(self) -> ir.Table:
        """The entities of all categories: ``id``, and the ``sequence`` of the last event."""
        tables = [self.entities(name).select("id", "sequence") for name in self.registry]
        return ibis.union(*tables)


def visible(state: Entities, category: str, keys: ir.Table | None = None) -> ir.Table:
    """The entities of a category that are not removed; only those of ``keys`` if given."""
    return live(state.among(category, keys))


def live(entities: ir.Table) -> ir.Table:
    """Only the entities that are not removed."""
    return entities.filter(entities.live)


def chosen(table: ir.Table, keys: ir.Table | None) -> ir.Table:
    """Only the lines whose ``id`` is one of the keys; all of them if ``keys`` is ``None``."""
    return table if keys is None else table.semi_join(keys, "id")


def referring(entities: ir.Table, field: str) -> ir.Table:
    """Lineage of a field: pairs ``id, entity`` of each entity and those that it refers to."""
    value = entities[field]
    if value.type().is_array():
        return entities.select("id", entity=value.unnest())
    pairs = entities.select("id", entity=value)
    return pairs.filter(pairs.entity.notnull())
