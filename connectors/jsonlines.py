"""JSON Lines as a source: one event a line.

An event without an id gets one that is made from the source's name and the event's content
(``derived``). With a producer's name the lines are known by their numbers; no ids are made then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from connectors.derived import DerivedIds, source_name
from connectors.errors import BadLine
from connectors.importing import Imported, OnError, Progress, import_source
from connectors.lines import LONGEST_LINE, Lines
from connectors.source import Source
from event_log import EventLog, InvalidEvent, NewEvent

FIELDS = frozenset(NewEvent.__dataclass_fields__)


class EventLines(Source[bytes | None]):
    """A file of JSON Lines; a line that is too long to be read is None."""

    def __init__(self, path: str, derived: DerivedIds | None = None) -> None:
        self._lines = Lines(path)
        super().__init__(path, self._lines)
        self._derived = derived

    def parts(self) -> Iterator[tuple[int, bytes | None]]:
        """The lines, each after its number."""
        return iter(self._lines)

    def events(self, part: bytes | None) -> Sequence[NewEvent]:
        """The event of a line, none of a blank one."""
        event = _event_of(part)
        return () if event is None else (event,)

    def text(self, part: bytes | None) -> bytes:
        """The line; nothing of one that is too long."""
        return part or b""

    def settled(self, events: list[NewEvent]) -> list[NewEvent | None]:
        """The events with ids."""
        return [*self._derived.complete(events)] if self._derived else [*events]


def import_events(
    log: EventLog,
    path: str,
    on_error: OnError = "stop",
    progress: Progress | None = None,
    producer: str | None = None,
    source: str | None = None,
    rejects: str | None = None,
) -> Imported:
    """Import a file (``.jsonl``, ``.gz``, ``.zst``, or ``-`` for standard input) into a log.

    An event without an id gets one made from its content and the name of its ``source``, which is
    the file's name without folder and compression by default. So the same file adds nothing when it
    is imported again, also from another folder. Events of a file that say the same are all kept.

    What ``on_error``, ``progress``, ``producer`` and ``rejects`` mean, and which errors are raised,
    ``connectors.importing.import_source`` says.
    """
    derived = None if producer else DerivedIds(source := source or source_name(path))
    lines = EventLines(path, derived)
    result = import_source(log, lines, on_error, progress, producer, rejects)
    result.source = source if result.derived else None
    return result


def read_events(path: str) -> Iterator[tuple[int, NewEvent]]:
    """The events of a file, each after the number of its line; blank lines have none.

    Raises ``UnreadableFile``, and ``BadLine`` at the first line that has no event.
    """
    for number, line in Lines(path):
        try:
            event = _event_of(line)
        except InvalidEvent as error:
            raise BadLine(path, number, error.field or None, error.reason) from None
        if event is not None:
            yield number, event


def _event_of(line: bytes | None) -> NewEvent | None:
    """The event of a line, None for a blank one; raises ``InvalidEvent`` if it has none.

    A line that is too long to be read is None.
    """
    if line is None:
        raise InvalidEvent("", f"is longer than {LONGEST_LINE // 2**20} MB")
    return _event(line) if line and not line.isspace() else None


def _event(line: bytes) -> NewEvent:
    """The event of a line; raises ``InvalidEvent`` when the line is none."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InvalidEvent("", f"is not JSON ({error})") from None
    if not isinstance(fields, dict):
        raise InvalidEvent("", "is not an object")
    if not fields.keys() <= FIELDS:
        unknown = min(fields.keys() - FIELDS)
        raise InvalidEvent(unknown, f"is no field of an event ({', '.join(sorted(FIELDS))})")
    for field in ("stream", "type", "data"):
        if fields.get(field) is None:
            raise InvalidEvent(field, "is missing")
        if field != "data" and not isinstance(fields[field], str):
            raise InvalidEvent(field, "must be a string")
    return NewEvent(**fields)
