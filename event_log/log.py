"""The log: append events, read them back, and look at it as of any point."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from event_log import commit, reading, verification
from event_log.batch import Batch
from event_log.category import Category, Effect, Registry
from event_log.commit import ENVELOPE
from event_log.commits import Commits
from event_log.digest import chain, event_digests
from event_log.errors import InvalidEvent, WrongExpectedVersion
from event_log.event import Event, NewEvent, Receipt
from event_log.index import EventIndex
from event_log.snapshot import Point, Snapshot, locate
from event_log.store import LocalStore

INDEXED = ("sequence", "event_id", "stream", "version")


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
        self._index = EventIndex(self.path / "cache" / "index.sqlite")
        self._creating = pa.array(
            [t.name for t in self.registry.event_types.values() if t.effect is Effect.CREATES],
            pa.string(),
        )
        self._appending = threading.Lock()

    @property
    def head(self) -> int:
        """The last sequence of the log now; 0 when it is empty."""
        return self._commits.refresh()

    @property
    def digest(self) -> str:
        """The chain's digest at the head, hexadecimal: it stands for everything before it."""
        self._commits.refresh()
        return self._commits.digest.hex()

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
            if len(streams) != 1:
                raise InvalidEvent("stream", "one expected version needs events of one stream")
            expected_version = {streams[0]: expected_version}
        return self.commit(batch, expected_version)

    def batch(self) -> Batch:
        """An empty batch for this log, to be filled and handed to ``commit``."""
        return Batch(self.registry)

    def commit(self, batch: Batch, expected_version: Mapping[str, int] | None = None) -> Receipt:
        """Append a batch as one commit; like ``append``, for events added one by one."""
        if not len(batch):
            raise InvalidEvent("events", "there is nothing to append")
        table = batch.table()
        with self._appending:
            while True:
                self._catch_up_index()
                known = self._index.sequences_of(batch.given_ids) if batch.given_ids else {}
                fresh = _without(table, known)
                if not len(fresh):
                    return self._first_receipt(known)
                placed = self._placed(fresh, expected_version or {})
                receipt = self._put(placed)
                if receipt:
                    return receipt

    def versions(self, streams: Iterable[str]) -> dict[str, int]:
        """The version that each stream is at; 0 for one that has no events."""
        self._catch_up_index()
        return self._index.versions(streams)

    def known(self, event_ids: Iterable[str]) -> dict[str, int]:
        """The sequence of each of these event ids that the log has."""
        self._catch_up_index()
        return self._index.sequences_of(event_ids)

    def _placed(self, events: pa.Table, expected: Mapping[str, int]) -> pa.RecordBatch:
        """The events with their sequences, versions and time, and their digests."""
        streams = events.column("stream").to_pylist()
        versions = self._index.versions({*streams, *expected})
        for stream, version in expected.items():
            if versions[stream] != version:
                raise WrongExpectedVersion(stream, version, versions[stream])
        placed = []
        for stream in streams:
            versions[stream] += 1
            placed.append(versions[stream])
        self._check_beginnings(events, pa.array(placed))
        first = self._commits.last + 1
        columns = {name: events.column(name) for name in events.column_names}
        columns["sequence"] = pa.array(range(first, first + len(events)), pa.int64())
        columns["version"] = pa.array(placed, pa.int64())
        columns["recorded_at"] = pa.repeat(self._now(), len(events))
        order = [name for name in ENVELOPE.names if name != "digest"]
        structs = [f.name for f in events.schema if pa.types.is_struct(f.type)]
        table = pa.table({name: columns[name] for name in [*order, *structs]})
        batch: pa.RecordBatch = table.combine_chunks().to_batches()[0]
        return batch.add_column(
            ENVELOPE.get_field_index("digest"), ENVELOPE.field("digest"), event_digests(batch)
        )

    def _check_beginnings(self, events: pa.Table, versions: pa.Array) -> None:
        types = events.column("type").combine_chunks()
        wrong = pc.and_(pc.equal(versions, 1), pc.invert(pc.is_in(types, self._creating)))
        position = pc.index(wrong, True).as_py()
        if position < 0:
            return
        type_name = types[position].as_py()
        stream = events.column("stream")[position].as_py()
        begins = self.registry.owner[type_name].types_that(Effect.CREATES)
        raise InvalidEvent(
            "type", f"{stream} has not begun; {type_name} needs {' or '.join(begins)} before it",
            position,
        )  # fmt: skip

    def _now(self) -> pa.Scalar:
        """This moment, or the last commit's when the clock has jumped back behind it."""
        now = time.time_ns() // 1000
        if self._commits.last:
            path = self._commits.path(self._commits.firsts()[-1])
            last = next(
                reading.batches(path, ["recorded_at"], 0, self._commits.last, ENVELOPE)
            ).column("recorded_at")[0]
            now = max(now, last.value)
        return pa.scalar(now, ENVELOPE.field("recorded_at").type)

    def _put(self, batch: pa.RecordBatch) -> Receipt | None:
        """Try to make this the next commit; None when another writer was faster."""
        previous, before = self._commits.digest, self._commits.last
        digest = chain(previous, batch.column("digest"))
        first, last = before + 1, before + len(batch)
        table = pa.Table.from_batches([batch])
        name = commit.name_of(first)
        if not self._store.put_if_absent(
            name, lambda path: commit.write(path, table, previous, digest)
        ):
            return None
        self._commits.refresh()
        version = batch.column("version")[-1].as_py()
        return Receipt(first, last, version, digest.hex(), len(batch))

    def _first_receipt(self, known: Mapping[str, int]) -> Receipt:
        first, last = min(known.values()), max(known.values())
        event = next(self.at(last).read(after=last - 1))
        return Receipt(first, last, event.version, self._commits.at(last).digest.hex(), 0)

    def _catch_up_index(self) -> None:
        head = self._commits.refresh()
        try:
            self._extend_index(head)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self._index.delete()
            self._extend_index(head)

    def _extend_index(self, head: int) -> None:
        through, digest = self._index.through()
        if through > head or (through and self._commits.at(through).digest.hex() != digest):
            self._index.clear()
            through = 0
        for path in self._commits.paths(through, head) if through < head else ():
            about = commit.metadata(path)
            entries = (
                entry
                for batch in reading.batches(path, INDEXED, 0, about.last, ENVELOPE)
                for entry in zip(*(column.to_pylist() for column in batch.columns), strict=True)
            )
            self._index.extend(about.first - 1, about.last, about.digest.hex(), entries)

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
        self._catch_up_index()
        sequences = [s for s in self._index.stream(stream) if s > after][:limit]
        types = reading.schema(self.registry)
        columns = [*ENVELOPE.names, stream.partition("/")[0]]
        while sequences:
            about = self._commits.at(sequences[0])
            here = [sequence for sequence in sequences if sequence <= about.last]
            sequences = sequences[len(here) :]
            path = self._commits.path(about.first)
            found = reading.batches(path, columns, here[0] - 1, here[-1], types)
            for batch in reading.only(found, {"stream": stream}):
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
