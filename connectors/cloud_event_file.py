"""CloudEvents 1.0 in JSON as a source: an event a line, a batch, which is a list, or one event.

``subject`` is the stream, ``type`` the type of the event, ``data`` its fields. The extensions that
an archive's own events have (``cloud_event_form``) are read too. An event of another system
happened at its ``time``; of an archive's own event ``time`` is only when it was recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, ClassVar
from uuid import UUID

import orjson

from connectors.derived import uuid5
from connectors.errors import UnreadableFile
from connectors.importing import Imported, OnError, Progress, import_source
from connectors.lines import LONGEST_LINE, Lines
from connectors.source import Source
from event_log import EventLog, InvalidEvent, NewEvent

LARGEST = 1 << 28
"""Bytes of a batch, which is read whole. Lines of events have no limit together."""
OWN = "streamversion"
"""The extension that an archive's own events have."""
REQUIRED = ("id", "source", "type", "subject")
MOST_MISSING = 1_000
"""So many versions of a stream that a file leaves out at one place are remembered."""
SAID = {"actor": "actor", "correlation_id": "correlationid", "causation_id": "causationid"}


@dataclass(slots=True)
class _Came:
    """The versions of an archive's stream that came so far: from the first to the last."""

    first: int
    last: int
    missing: set[int] = field(default_factory=set)


class CloudEventFile(Source[Any]):
    """A file of CloudEvents: the parts are lines, the events of a batch, or one event."""

    part: ClassVar[str] = "event"

    def __init__(self, log: EventLog, path: str) -> None:
        self._lines = Lines(path)
        super().__init__(path, self._lines)
        self._log = log
        self._came: dict[tuple[str, str], _Came] = {}

    def parts(self) -> Iterator[tuple[int, Any]]:
        """The lines as bytes, or the events of a batch as JSON has them."""
        if self._lines.first() == b"[":
            yield from enumerate(self._batch(), 1)
        else:
            yield from self._one_or_lines()

    def _batch(self) -> list[Any]:
        content = self._lines.whole(LARGEST)
        try:
            batch = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            reason = f"is no batch of events: it is not JSON ({error})"
            raise UnreadableFile(self.path, None, reason) from None
        return list(batch)

    def _one_or_lines(self) -> Iterator[tuple[int, Any]]:
        """The lines, or the one event that is written over all of them."""
        lines, begun, size = iter(self._lines), list[tuple[int, bytes | None]](), 0
        for number, line in lines:
            begun.append((number, line))
            first, size = not size, size + len(line.strip() if line else b"")
            if line is None or size > LONGEST_LINE or (first and size and _is_json(line)):
                return chain(begun, lines)
        try:
            one = orjson.loads(b"\n".join(line or b"" for _, line in begun))
        except orjson.JSONDecodeError:
            return iter(begun)
        return iter([(1, one)])

    def events(self, part: Any) -> list[NewEvent]:
        """The event of a part, none of a blank line."""
        if part is None:
            raise InvalidEvent("", f"is longer than {LONGEST_LINE // 2**20} MB")
        if isinstance(part, bytes):
            if not part or part.isspace():
                return []
            try:
                part = orjson.loads(part)
            except orjson.JSONDecodeError as error:
                reason = f"is not JSON ({error}); an event stands on one line, or all in one list"
                raise InvalidEvent("", reason) from None
        event = event_of(part)
        if OWN in part:
            self._check_order(part, event)
        return [event]

    def _check_order(self, said: Mapping[str, Any], event: NewEvent) -> None:
        """Refuse an archive's own event that comes after later ones of its stream.

        One that came before, or that the log has, adds nothing, wherever it comes.
        """
        version = said[OWN]
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise InvalidEvent(OWN, f"is {version!r}, and no version of a stream: a number from 1")
        came = self._came.get((said["source"], event.stream))
        if came is None:
            self._came[said["source"], event.stream] = _Came(version, version)
            return
        if version > came.last:
            came.missing.update(range(came.last + 1, min(version, came.last + MOST_MISSING)))
            came.last = version
        elif (version < came.first or version in came.missing) and not self._is_known(event):
            raise InvalidEvent(
                OWN,
                f"is {version}, but version {came.last} of {event.stream} came before it; an"
                f" archive's own events must be in its order: sort them by {OWN}",
            )

    def _is_known(self, event: NewEvent) -> bool:
        return bool(self._log.known([str(event.event_id)]))

    def text(self, part: Any) -> bytes:
        """The event as JSON."""
        if part is None or isinstance(part, bytes):
            return part or b""
        return orjson.dumps(part)


def event_of(said: Any) -> NewEvent:
    """The event of a CloudEvent; raises ``InvalidEvent`` with the attribute that is wrong.

    >>> event_of({"specversion": "1.0", "id": "1", "source": "/cms", "type": "TagDefined",
    ...           "subject": "tag/sea", "time": "1912-04-15T20:00:00Z", "data": {"name": "Sea"}})
    NewEvent(stream='tag/sea', type='TagDefined', data={'name': 'Sea'}, ...)
    """
    if not isinstance(said, Mapping):
        raise InvalidEvent("", "is not an object")
    if said.get("specversion") != "1.0":
        raise InvalidEvent("specversion", "must be 1.0: that is what CloudEvents are read of")
    for name in REQUIRED:
        if not isinstance(said.get(name), str) or not said[name]:
            raise InvalidEvent(name, "is missing" if said.get(name) is None else "must be a text")
    if "data_base64" in said:
        raise InvalidEvent("data_base64", "is binary; an event's data must be JSON")
    kind = said.get("datacontenttype")
    if kind is not None and not (
        isinstance(kind, str) and "json" in kind.partition(";")[0].lower()
    ):
        raise InvalidEvent("datacontenttype", f"is {kind!r}; an event's data must be JSON")
    is_own = OWN in said
    occurred_at = said.get("occurredat") if is_own else said.get("occurredat", said.get("time"))
    data: Any = said.get("data")
    return NewEvent(
        said["subject"],
        said["type"],
        {} if data is None else data,
        said["id"] if is_own or _is_uuid(said["id"]) else _global_id(said["source"], said["id"]),
        occurred_at,
        **{name: said.get(attribute) for name, attribute in SAID.items()},
    )


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _global_id(source: str, event_id: str) -> str:
    """The id of another system's event: its own is one of a kind only beside its source."""
    return uuid5(f"cloudevents\n{source}\n{event_id}")


def import_cloud_events(
    log: EventLog,
    path: str,
    on_error: OnError = "stop",
    progress: Progress | None = None,
    rejects: str | None = None,
) -> Imported:
    """Import CloudEvents in JSON (an event a line, or a batch; ``.gz``, ``.zst`` or ``-``).

    An event whose id the log has adds nothing; so the events of an archive, such as its feed or its
    relay gives them, are imported into it again without harm. They must be in the archive's order,
    stream by stream: one that comes after a later version of its stream is bad.

    What ``on_error``, ``progress`` and ``rejects`` mean, and which errors are raised,
    ``connectors.importing.import_source`` says.
    """
    return import_source(log, CloudEventFile(log, path), on_error, progress, rejects=rejects)
