"""Events of one correlation id, and the others of their streams, read as columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from event_log import Effect, Event
from replay.lazy_ibis import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from event_log import Category
    from replay.entities import Entities

ROWS = 10_000
"""Events that are Python objects at a time."""
UNKNOWN = datetime.fromtimestamp(0, UTC)
"""The instant of an event whose envelope is not read."""


@dataclass(frozen=True)
class Together:
    """All events of one stream, of which some have the correlation id."""

    category: Category
    events: list[Event]
    """By version. They carry only the fields that the events of the correlation id changed."""
    life: bool
    """Whether one of these creates, removes or reinstates the entity."""


def of_correlation(state: Entities, correlation_id: str) -> Iterator[Together]:
    """Yield the streams that have events of a correlation id.

    Those come first in which such an event creates, removes or reinstates the entity. An entity
    that may have to be created anew has all of its fields.
    """
    found = []
    for name in state.registry:
        category = state.category(name)
        events = state.events(name)
        marked = events.filter(events.correlation_id == correlation_id)
        fields = _fields(marked, category)
        if fields is not None:
            found.append((category, events, marked, fields))
    for life in (True, False):
        for category, events, marked, fields in found:
            ends = marked.type.isin(category.types_that(*(set(Effect) - {Effect.REVISES})))
            living = marked.filter(ends).select("stream").distinct()
            streams = marked.select("stream").distinct()
            chosen = living if life else streams.anti_join(living, "stream")
            those = events.semi_join(chosen, "stream")
            for told in _streams(state, those, category, fields):
                yield Together(category, told, life)


def _fields(marked: ir.Table, category: Category) -> Collection[str] | None:
    """The fields that these events change; ``None`` where there are no events."""
    changed = {
        f"field {name}": (
            marked[name].notnull() | ibis.coalesce(marked.cleared.contains(name), False)
        ).any()
        for name in category.fields.names
    }
    lines = marked.group_by("type").agg(**changed).to_pyarrow().to_pylist()
    if not lines:
        return None
    anew = {*category.types_that(Effect.CREATES)}
    if not category.types_to_use(Effect.REINSTATES):
        anew |= {*category.types_that(Effect.REMOVES)}
    if any(line["type"] in anew for line in lines):
        return list(category.fields.names)
    return [n for n in category.fields.names if any(line[f"field {n}"] for line in lines)]


def lines_of(state: Entities, table: ir.Table) -> Iterator[dict[str, Any]]:
    """Yield the lines of a table, of which few are Python objects at a time."""
    reader = state.backend.con.execute(state.backend.compile(table)).to_arrow_reader(ROWS)
    for batch in reader:
        yield from batch.to_pylist()


def _streams(
    state: Entities, events: ir.Table, category: Category, fields: Collection[str]
) -> Iterator[list[Event]]:
    envelope = ["stream", "version", "sequence", "type", "correlation_id", "cleared"]
    rows = events.select(*envelope, *fields).order_by("stream", "version")
    lines = lines_of(state, rows)
    for _, of_stream in groupby(lines, lambda line: line["stream"]):
        yield [_event(line, category, fields) for line in of_stream]


def _event(line: dict[str, Any], category: Category, fields: Collection[str]) -> Event:
    data = {name: line[name] for name in fields if line[name] is not None}
    if line["cleared"]:
        data["cleared"] = line["cleared"]
    return Event(
        sequence=line["sequence"],
        event_id="",
        stream=line["stream"],
        category=category.name,
        version=line["version"],
        type=line["type"],
        schema_version=category.schema_version,
        recorded_at=UNKNOWN,
        occurred_at=None,
        actor=None,
        correlation_id=line["correlation_id"],
        causation_id=None,
        digest=b"",
        data=data,
    )
