"""What readers may know of an entity's life: its changes with their public annotations and dates.

Who appended an event, its id, and the annotations that the domain does not make public are for the
desk alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from archive.export import export
from event_log import Effect, dates
from replay import Entity
from search import values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archive.opened import Opened
    from event_log import Event
    from replay import View

EFFECTS = {
    Effect.CREATES: "created",
    Effect.REVISES: "revised",
    Effect.REMOVES: "removed",
    Effect.REINSTATES: "reinstated",
}


@dataclass(frozen=True)
class PublicChange:
    """One field that an event changed; ``None`` stands for no value."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True)
class PublicEvent:
    """What readers may know of one event."""

    version: int
    sequence: int
    type: str
    effect: str
    """``created``, ``revised``, ``removed`` or ``reinstated``."""
    date: datetime
    """When it occurred, or else when it was recorded, in UTC."""
    annotations: Mapping[str, Any]
    """Those that the domain makes public, and that say something."""
    changes: tuple[PublicChange, ...]
    """In the order of the category's fields."""


def public_history(archive: Opened, stream: str, now: datetime | None = None) -> list[PublicEvent]:
    """List what readers may know of each event of an entity, oldest first.

    It is empty where a reader is to see no difference between an entity under embargo and one that
    does not exist. Of a removed entity the changes are left out, since its values were withdrawn.
    """
    entity = Entity(stream)
    told = [_public(archive, entity, event) for event in archive.log.stream(stream)]
    if not told or _is_hidden(archive, entity, now or datetime.now(UTC)):
        return []
    if entity.live:
        return told
    return [replace(event, changes=()) for event in told]


def corrections(archive: Opened, stream: str, now: datetime | None = None) -> list[PublicEvent]:
    """The events that tell readers why they revise, remove or reinstate an entity, oldest first."""
    told = public_history(archive, stream, now)
    return [
        event for event in told if event.effect != EFFECTS[Effect.CREATES] and event.annotations
    ]


def withdrawal(archive: Opened, stream: str, now: datetime | None = None) -> PublicEvent | None:
    """What readers may know of the event that removed an entity; ``None`` if it was not removed.

    An entity under embargo, and one that does not exist, have none either.
    """
    told = public_history(archive, stream, now)
    ended = [each for each in told if each.effect != EFFECTS[Effect.REVISES]]
    return ended[-1] if ended and ended[-1].effect == EFFECTS[Effect.REMOVES] else None


def _public(archive: Opened, entity: Entity, event: Event) -> PublicEvent:
    """Fold the event into the entity; returns what it changed."""
    registry = archive.log.registry
    category, before = registry.owner[event.type], dict(entity.fields)
    entity.apply(event, registry)
    return PublicEvent(
        event.version,
        event.sequence,
        event.type,
        EFFECTS[registry.event_types[event.type].effect],
        event.occurred_at or event.recorded_at,
        {
            name: event.data[name]
            for name in category.annotations.names
            if name in archive.domain.public and _says_something(event.data.get(name))
        },
        tuple(
            PublicChange(name, before.get(name), entity.fields.get(name))
            for name in category.fields.names
            if before.get(name) != entity.fields.get(name)
        ),
    )


def _says_something(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value is not None


def _is_hidden(archive: Opened, entity: Entity, now: datetime) -> bool:
    """Whether some view that has a document for the entity hides it until its date."""
    category = entity.stream.partition("/")[0]
    dated = [view for view in archive.views.values() if view.embargo and view.date]
    return any(
        dates.first_instant(value) > dates.microseconds(now)
        for view in dated
        if view.per == category
        for value in _dates(archive, entity, view)
    )


def _dates(archive: Opened, entity: Entity, view: View) -> Iterator[Any]:
    """The date of the entity's document; of a removed one, the date before it was removed.

    A date that is called as a field of the entity is that field. Any other is in the document.
    """
    path = view.date or ""
    if path in archive.log.registry[str(view.per)].fields.names:
        value = entity.fields.get(path)
        yield from () if value is None else (value,)
        return
    at = entity.removal.sequence - 1 if entity.removal else None
    for line in export(archive, view, at, [entity.stream]):
        yield from values(orjson.loads(line), path)
