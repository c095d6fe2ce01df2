"""The log: append events, read them back, and look at it as of any point."""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from event_log import commit, placing, reading, verification
from event_log.batch import Batch
from event_log.category import ENVELOPE, Category, Registry
from event_log.commit import CommitMetadata
from event_log.commits import Commits
from event_log.digest import chain
from event_log.errors import InvalidEvent, WrongExpectedVersion
from event_log.event import Event, NewEvent, Receipt
from event_log.index import EventIndex, Found
from event_log.lookup import Lookup
from event_log.schemas import Schemas
from event_log.snapshot import Point, Snapshot, locate
from event_log.store import LocalStore, StoreError


class EventLog:
    """An ordered, immutable log of events in a folder, which the first append makes.

    Opening it does no I/O. Any number of processes and threads may append to one log at a time.

    >>> import tempfile, pyarrow as pa
    >>> from event_log import Category, Effect, EventLog, EventType, NewEvent
    >>> tag = Category("tag", pa.schema([("name", pa.string())]),
    ...                (EventType("TagDefined", Effect.CREATES, ("name",)),))
    >>> log = EventLog(tempfile.mkdtemp(), (tag,))
    >>> log.append([NewEvent("tag/whales", "TagDefined", {"name": "Whales"})]).last
    1
    >>> [event.data for event in log.read()]
    [{'name': 'Whales'}]
    """

    def __init__(self, path: Path | str, categories: Sequence[Category]) -> None:
        self.path = Path(path)
        self.registry = Registry(tuple(categories))
        self._store = LocalStore(self.path)
        self._commits = Commits(self._store)
        index = EventIndex(self._store.path("cache/index.sqlite"))
        self._lookup = Lookup(self._commits, index)
        self._appending = threading.Lock()
        self._schemas = Schemas(self._store)

    @property
    def head(self) -> int:
        """The last sequence of the log now; 0 when it is empty."""
        return self._commits.refresh()

    @property
    def digest(self) -> str:
        """The chain's digest at the head, hexadecimal: it stands for everything before it."""
        return self._commits.digest(self._commits.refresh()).hex()

    # appending

    def append(
        self,
        events: Iterable[NewEvent],
        expected_version: int | Mapping[str, int] | None = None,
    ) -> Receipt:
        """Append events, all or nothing, and return when they are durable.

        ``expected_version`` is checked against the stream as it is: a number when all events are
        of one stream, or one for each stream to check; 0 means that the stream has no events.

        Raises ``InvalidEvent`` for an event that does not fit, ``WrongExpectedVersion`` for a
        conflict, ``StoreError`` when the disk refuses; in each case nothing was appended. Events
        whose ids the log has are not added again: the receipt says where they are.
        """
        batch = self.batch()
        for position, event in enumerate(events):
            try:
                batch.add(event)
            except InvalidEvent as error:
                raise InvalidEvent(error.field, error.reason, position) from None
        if isinstance(expected_version, int):
            streams = batch.table().column("stream").unique().to_pylist()
            if len(streams) > 1:
                raise InvalidEvent("stream", "one expected version needs events of one stream")
            expected_version = dict.fromkeys(streams, expected_version)
        return self.commit(batch, expected_version)

    def batch(self) -> Batch:
        """An empty batch for this log, to be filled and handed to ``commit``."""
        return Batch(self.registry)

    def commit(self, batch: Batch, expected_version: Mapping[str, int] | None = None) -> Receipt:
        """Append a batch as one commit; like ``append``, for events added one by one."""
        if not len(batch):
            raise InvalidEvent("events", "there is nothing to append")
        self._schemas.register(self.registry)
        table, expected = batch.table(), expected_version or {}
        ids, streams = batch.ids_to_look_up(), table.column("stream").unique().to_pylist()
        with self._appending:
            while True:
                found = self._lookup.find(ids, {*streams, *expected})
                fresh = _without(table, found.known)
                if not len(fresh):
                    return self._first_receipt(found.known)
                for stream, version in expected.items():
                    if found.versions.get(stream, 0) != version:
                        actual = found.versions.get(stream, 0)
                        raise WrongExpectedVersion(stream, version, actual)
                receipt = self._put(batch, fresh, found)
                if receipt:
                    return receipt

    def versions(self, streams: Iterable[str]) -> dict[str, int]:
        """The version that each stream is at; 0 for one that has no events."""
        asked = list(streams)
        found = self._lookup.find(streams=asked).versions
        return {stream: found.get(stream, 0) for stream in asked}

    def known(self, event_ids: Iterable[str]) -> dict[str, int]:
        """The sequence of each of these event ids that the log has."""
        return self._lookup.find(list(event_ids)).known

    def _put(self, batch: Batch, fresh: pa.Table, found: Found) -> Receipt | None:
        """Try to make these the next commit; None when another writer was faster."""
        before = found.place[0]
        recorded_at = self._now(before)
        try:
            placed = placing.placed(fresh, before, recorded_at, found.versions, self.registry)
        except InvalidEvent as error:
            event_id = fresh.column("event_id")[error.position].as_py()
            raise InvalidEvent(error.field, error.reason, batch.position(event_id)) from None
        previous = self._commits.digest(before)
        digest = chain(previous, [events.column("digest") for events in placed])
        last = before + len(fresh)
        about = CommitMetadata(before + 1, last, recorded_at, previous, digest)
        table = pa.Table.from_batches(placed)
        name = commit.name_of(about.first)
        if not self._store.put_if_absent(name, lambda path: commit.write(path, table, about)):
            if self._commits.refresh() <= before:
                raise StoreError(f"{self._store.path(name)} is no commit; move it out of the log")
            return None
        self._commits.extend(about)
        self._lookup.extend((last, digest.hex()), placed)
        first = min([about.first, *found.known.values()])
        version = placed[-1].column("version")[-1].as_py()
        return Receipt(first, last, version, digest.hex(), len(fresh))

    def _now(self, head: int) -> int:
        """This moment, or the last commit's when the clock has jumped back behind it."""
        now = time.time_ns() // 1000
        return max(now, self._commits.at(head).recorded_at) if head else now

    def _first_receipt(self, known: Mapping[str, int]) -> Receipt:
        first, last = min(known.values()), max(known.values())
        event = next(self.at(last).read(after=last - 1))
        about = self._commits.at(last)
        self._store.make_durable(commit.name_of(about.first))  # its writer may have died before
        return Receipt(first, last, event.version, about.digest.hex(), 0)

    # reading

    def at(self, point: Point = None) -> Snapshot:
        """The log as of a sequence or an instant (by ``recorded_at``); as it is now by default.

        Raises ``InvalidPoint`` for a sequence beyond the head, and for what is neither.
        """
        self._commits.refresh()
        return Snapshot(locate(point, self._commits), self.registry, self._commits)

    def read(
        self,
        after: int = 0,
        stream: str | None = None,
        category: str | None = None,
        type: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Event]:
        """The events after a sequence, oldest first, of one stream, category or type if given."""
        if stream is not None and type is None and category is None:
            return self._read_stream(stream, after, limit)
        return self.at().read(after, stream, category, type, limit)

    def stream(self, stream: str) -> list[Event]:
        """All events of one stream, by version."""
        return list(self.read(stream=stream))

    def scan(
        self,
        columns: Sequence[str] | None = None,
        after: int = 0,
        categories: Sequence[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """The events after a sequence as Arrow batches; see ``Snapshot.scan``."""
        return self.at().scan(columns, after, categories)

    def _read_stream(self, stream: str, after: int, limit: int | None) -> Iterator[Event]:
        found = self._lookup.find(sequences_of=stream).sequences
        sequences = [sequence for sequence in found if sequence > after][:limit]
        types = reading.schema(self.registry)
        categories = [name for name in self.registry if stream.startswith(f"{name}/")]
        while sequences:
            about = self._commits.at(sequences[0])
            end = bisect.bisect_right(sequences, about.last)
            here, sequences = sequences[:end], sequences[end:]
            path = self._commits.path(about.first)
            columns = [*ENVELOPE.names, *categories]
            batches = reading.batches(path, columns, here[0] - 1, here[-1], types, self.registry)
            for batch in reading.only(batches, {"stream": [stream]}):
                yield from reading.events(batch)

    def verify(self) -> verification.Verified:
        """Recompute every digest; raises ``DamagedLog`` at the first sequence that does not fit."""
        self._commits.refresh()
        return verification.verify(self._commits)


def _without(events: pa.Table, known: Mapping[str, int]) -> pa.Table:
    if not known:
        return events
    ids = events.column("event_id")
    return events.filter(pc.invert(pc.is_in(ids, pa.array(list(known), pa.string()))))
