"""What whole lines say is compared with what the log has: only what differs is appended.

Lines of a file say each time all of their entity, as a snapshot does. The state decides, not what
the file said before: a value that changed and changed back is told both times.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from connectors.derived import uuid5
from event_log import Effect, EventLog, NewEvent, instant_text
from replay import read_entities


@dataclass(slots=True)
class _Entity:
    version: int
    fields: dict[str, Any] = field(default_factory=dict)


class Comparison:
    """The events of whole lines, in the light of the log and of the lines before.

    The id of an event is made from the source's name, the stream, its version and what the event
    says. An entity that was removed stays so: what a line says of it is kept for its return.
    """

    def __init__(
        self, log: EventLog, source: str, revising: Mapping[str, str], owned: Collection[str]
    ) -> None:
        """``revising`` has the type of revisions by category; ``owned`` fields may be emptied."""
        self._log, self._source, self._revising, self._owned = log, source, revising, owned
        self._known: dict[str, _Entity] = {}
        types = log.registry.event_types.values()
        self._creating = {each.name for each in types if each.effect is Effect.CREATES}

    def settled(self, events: Sequence[NewEvent]) -> list[NewEvent | None]:
        """The events as they are appended, in their order; None for one that says nothing new."""
        self._look_up({event.stream for event in events} - self._known.keys())
        return [self._settle(event) for event in events]

    def _look_up(self, streams: set[str]) -> None:
        versions = self._log.versions(streams)
        begun = [stream for stream, version in versions.items() if version]
        for stream, entity in read_entities(self._log, begun).items():
            fields = {name: said(value) for name, value in entity.fields.items()}
            self._known[stream] = _Entity(entity.version, fields)

    def _settle(self, event: NewEvent) -> NewEvent | None:
        known, category = self._known.get(event.stream), event.stream.partition("/")[0]
        annotations = self._log.registry[category].annotations.names
        if known is None:
            if event.type in self._creating:
                fields = {n: v for n, v in event.data.items() if n not in annotations}
                self._known[event.stream] = _Entity(1, fields)
            return self._named(event, event.type, dict(event.data), 0)
        data = {
            name: value
            for name, value in event.data.items()
            if name not in annotations and known.fields.get(name) != value
        }
        cleared = []
        if event.type in self._creating:
            cleared = [n for n in self._owned if n in known.fields and n not in event.data]
        if not data and not cleared:
            return None
        told = data | {n: v for n, v in event.data.items() if n in annotations}
        if cleared:
            told["cleared"] = cleared
        revised = self._named(event, self._revising.get(category, event.type), told, known.version)
        known.version += 1
        known.fields.update(data)
        for name in cleared:
            del known.fields[name]
        return revised

    def _named(self, event: NewEvent, kind: str, data: dict[str, Any], version: int) -> NewEvent:
        content = orjson.dumps(data, option=orjson.OPT_SORT_KEYS, default=str).decode()
        event_id = uuid5(f"{self._source}\n{event.stream}\n{version}\n{kind}\n{content}")
        return NewEvent(event.stream, kind, data, event_id, event.occurred_at, event.actor)


def said(value: Any) -> Any:
    """Return a value in the form in which lines say it: an instant as text."""
    return instant_text(value) if isinstance(value, datetime) else value
