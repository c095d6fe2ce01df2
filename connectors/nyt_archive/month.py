"""``Month``: the documents of one answer of the Archive API, or of Article Search, as a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from connectors.errors import UnreadableFile
from connectors.importing import Imported, OnError, Progress, import_source
from connectors.lines import Lines
from connectors.nyt_archive.document import ONCE, OWNED, events_of, identity
from connectors.revising import Revisions
from connectors.source import Source
from event_log import EventLog, NewEvent

LARGEST = 1 << 30
"""Bytes of JSON, uncompressed. A month has some 20 MB."""


class Month(Source[Any]):
    """A file with a month's documents. The file is read whole, and freed document by document."""

    part = "document"

    def __init__(self, log: EventLog, path: str) -> None:
        self._lines = Lines(path)
        super().__init__(path, self._lines)
        self._revisions = Revisions(log, ONCE, OWNED)
        self._named: set[str | None] = set()
        self._length = 0

    def parts(self) -> Iterator[tuple[int, Any]]:
        """The documents, in their order, from 1."""
        content = self._lines.whole(LARGEST)
        documents = _documents(self.path, content)
        self._length = len(content) // max(1, len(documents))
        del content
        documents.reverse()
        for number in range(1, len(documents) + 1):
            yield number, documents.pop()

    def events(self, part: Any) -> list[NewEvent]:
        """The events of a document: what it names that none before it named, and the article."""
        *naming, article = events_of(part)
        new = []
        for event in naming:
            if (said_by := _said_by(event)) not in self._named:
                self._named.add(said_by)
                new.append(event)
        return [*new, article]

    def text(self, part: Any) -> bytes:
        """The document as JSON."""
        return orjson.dumps(part)

    def length(self, part: Any) -> int:  # noqa: ARG002 - all count the same
        """The length of a document, on the average."""
        return self._length

    def name(self, part: Any) -> str | None:
        """What the document is known by."""
        return identity(part)

    def settled(self, events: list[NewEvent]) -> list[NewEvent | None]:
        """The events that say something new: of what the log has, only what differs."""
        return self._revisions.settled(events)


def _said_by(event: NewEvent) -> str | None:
    """What makes an event that creates what is named another event."""
    return event.stream if event.stream.partition("/")[0] in ONCE else event.event_id


def _documents(path: str, content: bytes) -> list[Any]:
    try:
        month = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UnreadableFile(path, None, f"is not JSON ({error})") from None
    response = month.get("response") if isinstance(month, Mapping) else None
    if not isinstance(response, Mapping) or "docs" not in response:
        raise UnreadableFile(path, None, f"is no month of the Archive API: {_instead(month)}")
    documents = response["docs"]
    if documents is None:
        return []
    if not isinstance(documents, list):
        raise UnreadableFile(path, None, "is no month of the Archive API: response.docs is no list")
    return documents


def _instead(month: Any) -> str:
    """What a file has in place of a month: often the API's own error."""
    fault = month.get("fault") if isinstance(month, Mapping) else None
    if isinstance(fault, Mapping) and isinstance(fault.get("faultstring"), str):
        return f"the API answered {fault['faultstring']!r}; ask for the month again"
    errors = month.get("errors") if isinstance(month, Mapping) else None
    if isinstance(errors, list) and errors:
        return f"the API answered {errors[0]!r:.200}; ask for the month again"
    return "it has no response.docs"


def import_month(
    log: EventLog,
    path: str,
    on_error: OnError = "stop",
    progress: Progress | None = None,
    rejects: str | None = None,
) -> Imported:
    """Import a month of the Archive API (``.json``, ``.gz``, ``.zst`` or ``-``) into a log.

    The log's domain must be the newsroom. A document that the log has already adds nothing; one
    that changed revises its article by what differs. What ``on_error``, ``progress`` and
    ``rejects`` mean, ``connectors.importing.import_source`` says.

    Raises ``UnreadableFile`` for a file that is no month, and what ``import_source`` raises.
    """
    return import_source(log, Month(log, path), on_error, progress, rejects=rejects)
