"""A log with the events of a batch that is not appended yet: each is checked after those before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from event_log import Event

if TYPE_CHECKING:
    from event_log import EventLog, NewEvent, Registry


class Supposed:
    """What ``replay.check_edit`` reads of a log, as it will be after the events that were added."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._streams: dict[str, list[Event]] = {}
        self._added: dict[str, int] = {}

    @property
    def registry(self) -> Registry:
        """The categories of the log."""
        return self._log.registry

    def stream(self, stream: str) -> list[Event]:
        """All events of one stream, by version; each stream is read once."""
        if stream not in self._streams:
            self._streams[stream] = self._log.stream(stream)
        return self._streams[stream]

    def added(self, stream: str) -> int:
        """The number of events that were added to a stream."""
        return self._added.get(stream, 0)

    def add(self, event: NewEvent) -> None:
        """Suppose that an event comes next in its stream."""
        events = self.stream(event.stream)
        category = self.registry.owner[event.type]
        self._added[event.stream] = self.added(event.stream) + 1
        events.append(
            Event(
                sequence=events[-1].sequence if events else 0,
                event_id=event.event_id or "",
                stream=event.stream,
                category=category.name,
                version=len(events) + 1,
                type=event.type,
                schema_version=category.schema_version,
                recorded_at=datetime.now(UTC),
                occurred_at=None,
                actor=event.actor,
                correlation_id=None,
                causation_id=None,
                digest=b"",
                data=event.data,
            )
        )
