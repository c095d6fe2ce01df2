"""What readers may know of an entity's life: its changes with their public annotations and dates.

Who appended an event, its id, and the annotations that the domain does not make public are for the
desk alone. So is what was replaced while it was under embargo: it was never public.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import orjson

from archive.export import export
from event_log import Effect, dates
from replay import Entity
from search import values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archive.opened import Opened
    from event_log import Event
    from replay import View

CREATED, REVISED, REMOVED, REINSTATED = "created", "revised", "removed", "reinstated"


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
    """``created``, ``revised``, ``removed`` or ``reinstated``, as readers saw it.

    The first that was public is ``created``, whatever it was for the desk.
    """
    date: datetime
    """When it occurred, or else when it was recorded, in UTC."""
    annotations: Mapping[str, Any]
    """Those that the domain makes public, and that say something."""
    changes: tuple[PublicChange, ...]
    """What differs from the last public state, in the order of the category's fields."""


@dataclass(frozen=True)
class _State:
    """What an entity was after an event: its fields, until when, and how long under embargo."""

    event: Event
    effect: Effect
    live: bool
    fields: Mapping[str, Any]
    until: int | None
    """When the next event was recorded, in microseconds since 1970; ``None`` if there is none."""
    release: int | None
    """The first instant at which it is not under embargo; ``None`` without a date."""

    def was_shown(self, now: int) -> bool:
        """Whether it was ever current and not under embargo at the same time."""
        if self.release is None:
            return True
        return self.release <= now and (self.until is None or self.release < self.until)


def public_history(
    archive: Opened, stream: str, now: datetime | None = None, embargoed: bool = False
) -> list[PublicEvent]:
    """List what readers may know of each event of an entity, oldest first.

    An event is public if what the entity was after it was ever current, from when it was recorded
    until the next one was, and not under embargo at the same time. The first tells the entity as it
    was then, each later one what changed since the last public state. The list is empty where a
    reader is to see no difference between an entity under embargo and one that does not exist. Of
    a removed entity the changes are left out, since its values were withdrawn.

    ``embargoed`` tells the desk in the same form what is and was under embargo too.
    """
    states = _states(archive, stream)
    instant = dates.microseconds(now or datetime.now(UTC))
    if not states or not (embargoed or states[-1].was_shown(instant)):
        return []
    told = [*_told(archive, [s for s in states if embargoed or s.was_shown(instant)])]
    if states[-1].live:
        return told
    return [replace(event, changes=()) for event in told]


def corrections(
    archive: Opened, stream: str, now: datetime | None = None, embargoed: bool = False
) -> list[PublicEvent]:
    """The events that tell readers why they revise, remove or reinstate an entity, oldest first."""
    told = public_history(archive, stream, now, embargoed)
    return [event for event in told if event.effect != CREATED and event.annotations]


def withdrawal(
    archive: Opened, stream: str, now: datetime | None = None, embargoed: bool = False
) -> PublicEvent | None:
    """What readers may know of the event that removed an entity; ``None`` if it was not removed.

    An entity under embargo, one that was never public, and one that does not exist have none.
    """
    told = public_history(archive, stream, now, embargoed)
    return told[-1] if told and told[-1].effect == REMOVED else None


def _told(archive: Opened, states: Sequence[_State]) -> Iterator[PublicEvent]:
    """What readers saw happen from one public state to the next.

    A removal of what they never saw was nothing for them, nor was what was revised while removed.
    """
    shown: _State | None = None
    gone = False
    for state in states:
        removes = state.effect is Effect.REMOVES
        if not state.live and not (removes and shown is not None):
            continue
        if removes:
            effect = REMOVED
        elif shown is None or state.effect is Effect.CREATES:
            effect = CREATED
        else:
            effect = REINSTATED if gone else REVISED
        gone = removes
        yield _public(archive, state, effect, shown)
        shown = state if state.live else shown


def _public(archive: Opened, state: _State, effect: str, shown: _State | None) -> PublicEvent:
    """An event as readers know it, whose last public state before was ``shown``."""
    event, category = state.event, archive.log.registry.owner[state.event.type]
    before = {} if shown is None else shown.fields
    # a note on a revision is about what it replaced, which here nobody saw
    noted = shown is not None or state.effect is Effect.CREATES
    return PublicEvent(
        event.version,
        event.sequence,
        event.type,
        effect,
        event.occurred_at or event.recorded_at,
        {
            name: event.data[name]
            for name in category.annotations.names
            if noted and name in archive.domain.public and _says_something(event.data.get(name))
        },
        tuple(
            PublicChange(name, before.get(name), state.fields.get(name))
            for name in category.fields.names
            if state.live and before.get(name) != state.fields.get(name)
        ),
    )


def _says_something(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value is not None


def _states(archive: Opened, stream: str) -> list[_State]:
    """What an entity was after each of its events."""
    registry, events = archive.log.registry, archive.log.stream(stream)
    category = stream.partition("/")[0]
    hiding = [v for v in archive.views.values() if v.embargo and v.date and v.per == category]
    entity, states = Entity(stream), []
    for event, following in zip_longest(events, events[1:]):
        entity.apply(event, registry)
        releases = [
            dates.first_instant(value)
            for view in hiding
            for value in _dates(archive, entity, view, following is None)
        ]
        states.append(
            _State(
                event,
                registry.event_types[event.type].effect,
                entity.live,
                dict(entity.fields),
                None if following is None else dates.microseconds(following.recorded_at),
                max(releases, default=None),
            )
        )
    return states


def _dates(archive: Opened, entity: Entity, view: View, is_last: bool) -> Iterator[Any]:
    """The date of the entity's document; of a removed one, the date before it was removed.

    A date that is called as a field of the entity is that field. Any other is in the document: as
    of the entity's event, or as it is now if that is the last.
    """
    path = view.date or ""
    if path in archive.log.registry[str(view.per)].fields.names:
        value = entity.fields.get(path)
        yield from () if value is None else (value,)
        return
    at = entity.removal.sequence - 1 if entity.removal else None if is_last else entity.sequence
    for line in export(archive, view, at, [entity.stream]):
        yield from values(orjson.loads(line), path)
