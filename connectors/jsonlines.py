"""Import JSON Lines into a log: one event a line, in commits of many events.

While one commit is written, the next is parsed. Events that the log has already are recognized by
their ids, so importing a file again adds nothing, and an import that was killed continues where it
was. An event without an id gets one that is made from the source's name and the event's content
(``derived``). With a producer's name the log keeps, with each commit, the number of the last line
that it covers, and the lines are known by that; no ids are made then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypeAlias

import orjson

from connectors.derived import DerivedIds, source_name
from connectors.errors import BadLine, OtherImport, UnreadableFile
from connectors.lines import LONGEST_LINE, Lines
from connectors.rejects import Rejects
from event_log import (
    Batch,
    Effect,
    EventLog,
    InvalidEvent,
    NewEvent,
    Receipt,
    Validator,
    WrongPosition,
)

COMMIT_EVENTS = 100_000
COMMIT_BYTES = 128 * 1024 * 1024
"""The events, or the bytes of their lines, at which a commit is full, whichever comes first."""
CHUNK = 4096
FIELDS = frozenset(NewEvent.__dataclass_fields__)

OnError = Literal["stop", "reject"]
Parsed: TypeAlias = tuple[int, bytes, NewEvent]


@dataclass(slots=True)
class Imported:
    """The result of an import, in numbers of events and lines.

    ``known`` events were in the log already. ``skipped`` lines were imported before under the same
    producer's name. ``rejected_file`` has the rejected lines with their reasons. ``derived`` of the
    added and known events had no id, and got one that is made from ``source`` and their content.
    """

    added: int = 0
    known: int = 0
    rejected: int = 0
    rejected_file: str | None = None
    skipped: int = 0
    derived: int = 0
    source: str | None = None


def import_events(
    log: EventLog,
    path: str,
    on_error: OnError = "stop",
    progress: Callable[[int, int, int | None], None] | None = None,
    producer: str | None = None,
    source: str | None = None,
    rejects: str | None = None,
) -> Imported:
    """Import a file (``.jsonl``, ``.gz``, ``.zst``, or ``-`` for standard input) into a log.

    ``stop`` raises ``BadLine`` at the first bad line and keeps all whole commits before it;
    ``reject`` writes bad lines and their reasons to the file ``rejects``, by default
    ``<path>.rejected.jsonl``, and goes on.
    ``progress`` is called with the lines and the bytes read, and the file's bytes (None for ``-``).

    An event without an id gets one made from its content and the name of its ``source``, which is
    the file's name without folder and compression by default. So the same file adds nothing when it
    is imported again, also from another folder. Events of a file that say the same are all kept.

    With a ``producer``'s name, such as "import:congress", the import begins after the last line
    that the log has from an import of that name. An import that is killed at any moment and
    started again adds exactly the missing events, even if they have no ids. The file may have
    grown meanwhile.

    Raises ``UnreadableFile``, ``BadLine``, ``OtherImport`` when another import uses the same file
    or name, and the log's ``StoreError`` when the disk refuses.
    """
    derived = None if producer else DerivedIds(source := source or source_name(path))
    with _Import(log, Lines(path), on_error, producer, derived, rejects) as running:
        try:
            for chunk in _chunks(running.lines):
                running.take(chunk)
                if progress:
                    progress(running.read, running.lines.consumed, running.lines.size)
        except UnreadableFile as error:
            running.reject_rest(error)
        result = running.finish()
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


def _chunks(lines: Iterable[tuple[int, bytes | None]]) -> Iterator[list[tuple[int, bytes | None]]]:
    """The lines in lists; lines read before an ``UnreadableFile`` are returned before it is."""
    source = iter(lines)
    while True:
        chunk: list[tuple[int, bytes | None]] = []
        try:
            chunk.extend(islice(source, CHUNK))
        except UnreadableFile:
            if chunk:
                yield chunk
            raise
        if not chunk:
            return
        yield chunk


class _Import:
    """A running import: the batch that is being filled, and the one that is being written."""

    def __init__(
        self,
        log: EventLog,
        lines: Lines,
        on_error: OnError,
        producer: str | None,
        derived: DerivedIds | None,
        rejects: str | None = None,
    ) -> None:
        self.lines = lines
        self.read = 0
        self._log = log
        self._producer = producer
        self._derived = derived
        self._reached = self._begin = log.position_of(producer) if producer else 0
        self._reject = on_error == "reject"
        self._result = Imported()
        self._rejects = Rejects(lines.path, self._reached, rejects)
        self._writer = ThreadPoolExecutor(1)
        self._validator = Validator(log.registry)
        self._begin_batch()
        self._written_streams: set[str] = set()
        self._pending: Future[tuple[Receipt, int]] | None = None
        types = log.registry.event_types.values()
        self._creating = {t.name for t in types if t.effect is Effect.CREATES}

    def __enter__(self) -> _Import:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.shutdown()
        self._rejects.close()

    def take(self, chunk: list[tuple[int, bytes | None]]) -> None:
        """Parse a list of lines, add their events to the batch, and write it when it is full."""
        self.read += len(chunk)
        new_lines = [(number, line) for number, line in chunk if number > self._begin]
        self._result.skipped += len(chunk) - len(new_lines)
        parsed = list(self._parsed(new_lines))
        existing = self._existing(parsed)
        for number, line, event, derived in self._with_ids(parsed):
            try:
                if event.type not in self._creating and event.stream not in existing:
                    self._check_exists(event)
                self._batch.add(event)
            except InvalidEvent as error:
                self._bad(number, line, error.field, error.reason)
                continue
            self._result.derived += derived
            existing.add(event.stream)
            self._streams.add(event.stream)
            self._bytes += len(line)
        if len(self._batch) >= COMMIT_EVENTS or self._bytes >= COMMIT_BYTES:
            self._write()

    def reject_rest(self, error: UnreadableFile) -> None:
        """Reject the line from which the file cannot be read; raises the error on ``stop``."""
        if not self._reject or error.line is None:
            raise error
        self._bad(error.line, b"", None, error.reason)

    def finish(self) -> Imported:
        """Write the last batch, wait for it and return the result."""
        if self._begin > self.lines.number:
            raise UnreadableFile(
                self.lines.path,
                None,
                f"has {self.lines.number:,} lines, but producer {self._producer!r} has imported "
                f"{self._begin:,}; give the same file, or another name",
            )
        self._write()
        self._wait()
        self._rejects.make_durable()
        return self._result

    def _begin_batch(self) -> None:
        self._batch: Batch = self._log.batch()
        self._streams: set[str] = set()
        self._bytes = 0

    def _parsed(self, chunk: list[tuple[int, bytes | None]]) -> Iterator[Parsed]:
        for number, line in chunk:
            try:
                event = _event_of(line)
            except InvalidEvent as error:
                self._bad(number, line or b"", error.field or None, error.reason)
                continue
            if line is not None and event is not None:
                yield number, line, event

    def _with_ids(self, parsed: list[Parsed]) -> Iterator[tuple[int, bytes, NewEvent, bool]]:
        """The events with their ids, and whether these were made here."""
        events = [event for _, _, event in parsed]
        complete = self._derived.complete(events) if self._derived else events
        for (number, line, given), event in zip(parsed, complete, strict=True):
            yield number, line, event, event is not given

    def _existing(self, parsed: list[Parsed]) -> set[str]:
        """The streams that exist in the log or in this import's batches, of those looked up."""
        here = self._streams | self._written_streams
        wanted = {
            event.stream
            for _, _, event in parsed
            if event.type not in self._creating and event.stream not in here
        }
        versions = self._log.versions(wanted) if wanted else {}
        return here | {stream for stream, version in versions.items() if version}

    def _check_exists(self, event: NewEvent) -> None:
        raise InvalidEvent("type", self._validator.category(event).not_begun(event.stream))

    def _bad(self, number: int, line: bytes, field: str | None, reason: str) -> None:
        if not self._reject:
            self._wait()
            raise BadLine(self.lines.path, number, field, reason)
        self._rejects.add(number, field, reason, line)
        self._result.rejected_file = self._rejects.path
        self._result.rejected += 1

    def _write(self) -> None:
        """Give the batch to the writing thread, after the batch before it is written."""
        self._wait()
        batch = self._batch
        if not len(batch):
            return
        if self._producer:
            self._rejects.make_durable()
        self._pending = self._writer.submit(self._commit, batch, self.lines.number)
        self._result.known += batch.repeated
        self._written_streams = self._streams
        self._begin_batch()

    def _commit(self, batch: Batch, line: int) -> tuple[Receipt, int]:
        """Commit a batch that covers the file up to ``line``; returns its receipt and its size."""
        if self._producer is None:
            return self._log.commit(batch), len(batch)
        try:
            receipt = self._log.commit(
                batch,
                positions={self._producer: line},
                after={self._producer: self._reached},
            )
        except WrongPosition as error:
            raise OtherImport(
                f"{self.lines.path}: another import under the name {self._producer!r} came to line "
                f"{error.actual:,} meanwhile; import again when it has ended"
            ) from None
        self._reached = line
        return receipt, len(batch)

    def _wait(self) -> None:
        if self._pending is None:
            return
        pending, self._pending = self._pending, None
        receipt, count = pending.result()
        self._result.added += receipt.added
        self._result.known += count - receipt.added


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
