"""Creations of what exists already become revisions: of what differs, and of nothing else.

A source that says an entity whole, each time, is imported by it: a dump that is imported again adds
nothing, and one that changed adds what changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from connectors.comparing import said as as_said
from event_log import Effect, EventLog, NewEvent
from replay import read_entities

Fields = dict[str, Any]


class Revisions:
    """What creating events of one source become, in the light of the log and of those before.

    Each has an id that is made from the entity and all that is said of it. What was said before
    says nothing new, also when something else was said since.

    >>> import pyarrow as pa, tempfile
    >>> from event_log import Category, EventType
    >>> types = EventType("TagDefined", Effect.CREATES), EventType("TagRevised", Effect.REVISES)
    >>> tag = Category("tag", pa.schema([("name", pa.string()), ("kind", pa.string())]), types)
    >>> revisions = Revisions(EventLog(tempfile.mkdtemp(), (tag,)))
    >>> sea, more = {"name": "Sea"}, {"name": "Sea", "kind": "place"}
    >>> said = [NewEvent("tag/sea", "TagDefined", sea, "1"),
    ...         NewEvent("tag/sea", "TagDefined", more, "2")]
    >>> [(event.type, event.data) for event in revisions.settled(said)]
    [('TagDefined', {'name': 'Sea'}), ('TagRevised', {'kind': 'place'})]
    >>> revisions.settled(said)
    [None, None]
    """

    def __init__(
        self,
        log: EventLog,
        once: Collection[str] = (),
        owned: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """``once`` are the categories whose entities are created, and never revised.

        ``owned`` are, by category, the fields that are cleared when they are not said any more.
        """
        self._log = log
        self._once = once
        self._owned = owned or {}
        self._said: dict[str, Fields] = {}
        self._ids: set[str] = set()
        self._revising = {
            category.name: kind.name
            for category in log.registry.values()
            for kind in reversed(category.types)
            if kind.effect is Effect.REVISES and not kind.retired
        }

    def settled(self, events: Sequence[NewEvent]) -> list[NewEvent | None]:
        """The events as they are appended, in their order; None for one that says nothing new."""
        self._look_up(events)
        return [self._settle(event) for event in events]

    def _look_up(self, events: Sequence[NewEvent]) -> None:
        """Look up at once all that is not known yet of the events' ids and streams."""
        whole = [event for event in events if _category(event) not in self._once]
        ids = {str(event.event_id) for event in whole} - self._ids
        known = self._log.known(ids)
        self._ids.update(known)
        streams = {event.stream for event in events if event.event_id not in known}
        streams -= self._said.keys()
        versions = self._log.versions(streams)
        begun = {stream for stream, version in versions.items() if version}
        to_read = begun.intersection(event.stream for event in whole)
        self._said.update({stream: {} for stream in begun - to_read})
        for stream, entity in read_entities(self._log, to_read).items():
            self._said[stream] = {name: as_said(value) for name, value in entity.fields.items()}

    def _settle(self, event: NewEvent) -> NewEvent | None:
        if event.event_id in self._ids:
            return None
        category = _category(event)
        said = self._said.get(event.stream)
        if said is None:
            self._said[event.stream] = {} if category in self._once else dict(event.data)
            if category not in self._once:
                self._ids.add(str(event.event_id))
            return event
        if category in self._once:
            return None
        self._ids.add(str(event.event_id))
        changed = {name: value for name, value in event.data.items() if said.get(name) != value}
        owned = self._owned.get(category, ())
        cleared = [name for name in owned if said.get(name) and name not in event.data]
        said.update(changed)
        for name in cleared:
            del said[name]
        if not changed and not cleared:
            return None
        data = changed | {"cleared": cleared} if cleared else changed
        revising = self._revising[category]
        return NewEvent(event.stream, revising, data, event.event_id, None, event.actor)


def _category(event: NewEvent) -> str:
    return event.stream.partition("/")[0]
