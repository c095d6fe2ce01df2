"""Import a source into a log, whatever its format: in commits of many events.

While one commit is written, the next is parsed. Events that the log has already are recognized by
their ids, so importing a file again adds nothing, and an import that was killed continues where it
was. With a producer's name the log keeps, with each commit, the number of the last part of the
source that it covers, and the parts are known by that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, TypeAlias

from connectors.errors import BadLine, OtherImport, UnreadableFile
from connectors.rejects import Rejects
from connectors.source import Source
from event_log import (
    Batch,
    Effect,
    EventLog,
    InvalidEvent,
    NewEvent,
    Receipt,
    Validator,
    WrongPosition,
    counted,
)

COMMIT_EVENTS = 100_000
COMMIT_BYTES = 128 * 1024 * 1024
"""The events, or the bytes of their parts, at which a commit is full, whichever comes first."""
CHUNK = 4096

OnError = Literal["stop", "reject"]
Progress: TypeAlias = Callable[[int, int, int | None], None]
Parsed: TypeAlias = tuple[int, Any, list[NewEvent]]
Settled: TypeAlias = tuple[NewEvent, NewEvent | None]
"""An event as its part says it, and as it is appended; None if it says nothing new."""


@dataclass(slots=True)
class Imported:
    """The result of an import, in numbers of events and of parts of the source, such as lines.

    ``known`` events were in the log already. ``skipped`` parts were imported before under the same
    producer's name. ``rejected_file`` has the rejected parts with their reasons. ``derived`` of the
    added and known events had no id, and got one that is made from ``source`` and their content.
    """

    added: int = 0
    known: int = 0
    rejected: int = 0
    rejected_file: str | None = None
    skipped: int = 0
    derived: int = 0
    source: str | None = None


def import_source(
    log: EventLog,
    source: Source[Any],
    on_error: OnError = "stop",
    progress: Progress | None = None,
    producer: str | None = None,
    rejects: str | None = None,
) -> Imported:
    """Import a source into a log.

    ``stop`` raises ``BadLine`` at the first bad part and keeps all whole commits before it;
    ``reject`` writes bad parts and their reasons to the file ``rejects``, by default
    ``<path>.rejected.jsonl``, and goes on.
    ``progress`` is called with the parts and the bytes read, and the file's bytes (None for ``-``).

    With a ``producer``'s name, such as "import:congress", the import begins after the last part
    that the log has from an import of that name. An import that is killed at any moment and
    started again adds exactly the missing events, even if they have no ids. The file may have
    grown meanwhile.

    Raises ``UnreadableFile``, ``BadLine``, ``OtherImport`` when another import uses the same file
    or name, and the log's ``StoreError`` when the disk refuses.
    """
    with _Import(log, source, on_error, producer, rejects) as running:
        try:
            for chunk in _chunks(source.parts()):
                running.take(chunk)
                if progress:
                    progress(running.read, source.consumed, source.size)
        except UnreadableFile as error:
            running.reject_rest(error)
        return running.finish()


def _chunks(parts: Iterable[tuple[int, Any]]) -> Iterator[list[tuple[int, Any]]]:
    """The parts in lists; parts read before an ``UnreadableFile`` are returned before it is."""
    source = iter(parts)
    while True:
        chunk: list[tuple[int, Any]] = []
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
        source: Source[Any],
        on_error: OnError,
        producer: str | None,
        rejects: str | None,
    ) -> None:
        self.read = self._number = 0
        self._source = source
        self._log = log
        self._producer = producer
        self._reached = self._begin = log.position_of(producer) if producer else 0
        self._reject = on_error == "reject"
        self._result = Imported()
        self._rejects = Rejects(source.path, self._reached, rejects, source.part)
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

    def take(self, chunk: list[tuple[int, Any]]) -> None:
        """Turn a list of parts into events, add them to the batch, and write it when it is full."""
        self.read += len(chunk)
        self._number = max(self._number, chunk[-1][0])
        new_parts = [(number, part) for number, part in chunk if number > self._begin]
        self._result.skipped += len(chunk) - len(new_parts)
        settled = list(self._settled(list(self._parsed(new_parts))))
        existing = self._existing(settled)
        for number, part, events in settled:
            try:
                self._add(events, existing)
            except InvalidEvent as error:
                self._bad(number, part, error)
                continue
            self._bytes += self._source.length(part)
        if len(self._batch) >= COMMIT_EVENTS or self._bytes >= COMMIT_BYTES:
            self._write()

    def reject_rest(self, error: UnreadableFile) -> None:
        """Reject the part from which the file cannot be read; raises the error on ``stop``."""
        if not self._reject or error.line is None:
            raise error
        self._set_aside(error.line, b"", None, error.reason)

    def finish(self) -> Imported:
        """Write the last batch, wait for it and return the result."""
        if self._begin > self._number:
            raise UnreadableFile(
                self._source.path,
                None,
                f"has {counted(self._number, self._source.part)}, but producer "
                f"{self._producer!r} has imported {self._begin:,}; give the same file, or another "
                "name",
            )
        self._write()
        self._wait()
        self._rejects.make_durable()
        return self._result

    def _begin_batch(self) -> None:
        self._batch: Batch = self._log.batch()
        self._streams: set[str] = set()
        self._bytes = 0

    def _parsed(self, chunk: list[tuple[int, Any]]) -> Iterator[Parsed]:
        for number, part in chunk:
            try:
                events = self._source.events(part)
            except InvalidEvent as error:
                self._bad(number, part, error)
                continue
            if events:
                yield number, part, list(events)

    def _settled(self, parsed: list[Parsed]) -> Iterator[tuple[int, Any, list[Settled]]]:
        """The events of each part, beside what becomes of them."""
        settled = iter(self._source.settled([e for _, _, events in parsed for e in events]))
        for number, part, events in parsed:
            yield number, part, [(event, next(settled)) for event in events]

    def _existing(self, settled: list[tuple[int, Any, list[Settled]]]) -> set[str]:
        """The streams that exist in the log or in this import's batches, of those looked up."""
        here = self._streams | self._written_streams
        wanted = {
            event.stream
            for _, _, events in settled
            for _, event in events
            if event and event.type not in self._creating and event.stream not in here
        }
        versions = self._log.versions(wanted) if wanted else {}
        return here | {stream for stream, version in versions.items() if version}

    def _add(self, settled: list[Settled], existing: set[str]) -> None:
        """Add the events of a part to the batch, all or none; raises ``InvalidEvent``."""
        if len(settled) > 1:
            self._check_all([event for _, event in settled if event], existing)
        for given, event in settled:
            if event is None:
                self._result.known += 1
                continue
            if event.type not in self._creating and event.stream not in existing:
                self._check_exists(event)
            self._batch.add(event)
            self._result.derived += given.event_id is None and event.event_id is not None
            existing.add(event.stream)
            self._streams.add(event.stream)

    def _check_all(self, events: list[NewEvent], existing: set[str]) -> None:
        begun: set[str] = set()
        for event in events:
            category = self._validator.category(event)
            self._validator.data(event, category)
            self._validator.envelope(event)
            if event.type in self._creating:
                begun.add(event.stream)
            elif event.stream not in existing and event.stream not in begun:
                self._check_exists(event)

    def _check_exists(self, event: NewEvent) -> None:
        raise InvalidEvent("type", self._validator.category(event).not_begun(event.stream))

    def _bad(self, number: int, part: Any, error: InvalidEvent) -> None:
        field = error.field or None
        if not self._reject:
            self._wait()
            named, kind = self._source.name(part), self._source.part
            raise BadLine(self._source.path, number, field, error.reason, kind, named)
        self._set_aside(number, self._source.text(part), field, error.reason)

    def _set_aside(self, number: int, text: bytes, field: str | None, reason: str) -> None:
        self._rejects.add(number, field, reason, text)
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
        self._pending = self._writer.submit(self._commit, batch, self._number)
        self._result.known += batch.repeated
        self._written_streams = self._streams
        self._begin_batch()

    def _commit(self, batch: Batch, reached: int) -> tuple[Receipt, int]:
        """Commit a batch that covers the source up to a part; returns its receipt and its size."""
        if self._producer is None:
            return self._log.commit(batch), len(batch)
        try:
            receipt = self._log.commit(
                batch,
                positions={self._producer: reached},
                after={self._producer: self._reached},
            )
        except WrongPosition as error:
            raise OtherImport(
                f"{self._source.path}: another import under the name {self._producer!r} came to "
                f"{self._source.part} {error.actual:,} meanwhile; import again when it has ended"
            ) from None
        self._reached = reached
        return receipt, len(batch)

    def _wait(self) -> None:
        if self._pending is None:
            return
        pending, self._pending = self._pending, None
        receipt, count = pending.result()
        self._result.added += receipt.added
        self._result.known += count - receipt.added
