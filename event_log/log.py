"""The event log: append events, read them, follow them, and open snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa

from event_log.appending import duplicates
from event_log.appending.appender import Appender
from event_log.appending.pending import Pending
from event_log.category import Category, Registry
from event_log.checking.batch import Batch
from event_log.checking.one_event import Validator, possible
from event_log.checking.one_event import name as checked_name
from event_log.clock import seconds_ahead
from event_log.errors import InvalidEvent, InvalidPoint
from event_log.event import Event, NewEvent, Receipt
from event_log.files import commit, log_digest, reading, sealing
from event_log.files.layout import Commits
from event_log.files.moves import Moves
from event_log.following.status import (
    FOLDER,
    SubscriptionStatus,
    check_checkpoints,
    subscriptions,
)
from event_log.following.subscription import Subscription
from event_log.following.watch import Watch, wait_for, watch
from event_log.index.lookup import Lookup
from event_log.proving import verify as verification
from event_log.proving.proof import Proof, prove
from event_log.snapshot import Point, Snapshot, locate
from event_log.storage.opening import open_store
from event_log.storage.store import Store

NOWHERE: Mapping[str, int] = MappingProxyType({})
"""The positions of an append without producers."""


class EventLog:
    """An ordered, immutable log of events in a folder or an object store.

    ``location`` is a folder, which the first append makes, or a URL such as ``s3://bucket/log``.
    Opening a folder does no I/O. Any number of processes and threads may append at the same time.

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

    def __init__(self, location: Path | str | Store, categories: Sequence[Category]) -> None:
        self.registry = Registry(tuple(categories))
        self._validator = Validator(self.registry)
        self._store = open_store(location) if isinstance(location, str | Path) else location
        self._commits = Commits(self._store)
        self._lookup = Lookup(self._commits)
        self._moves = Moves(self._commits)
        self._appender = Appender(self._commits, self._lookup, self._moves, self.registry)

    @property
    def path(self) -> Path:
        """The log's folder. For a log in an object store, the local folder of its caches."""
        return self._store.local

    @property
    def head(self) -> int:
        """The last sequence in the log now; 0 when it is empty."""
        return self._commits.refresh()

    @property
    def digest(self) -> str:
        """The log's digest at the head, hexadecimal. It covers every event."""
        return log_digest.digest_at(self._commits, self._commits.refresh()).hex()

    @property
    def seconds_ahead(self) -> float:
        """The seconds by which the last event was recorded ahead of this machine's clock; or 0."""
        self._commits.refresh()
        return seconds_ahead(self._commits.recorded_to)

    # appending

    def append(
        self,
        events: Iterable[NewEvent],
        expected_version: int | Mapping[str, int] | None = None,
    ) -> Receipt:
        """Append events, all or nothing, and return when they are durable.

        ``expected_version`` is compared with the stream's version: a number when all events are of
        one stream, or one for each stream to check; 0 means that the stream has no events.
        Threads that append at the same time share commits, and do not affect each other's results.

        Raises ``InvalidEvent`` for an event that is not valid, ``WrongExpectedVersion`` for a
        conflict, ``StoreError`` when the disk refuses, ``WrongClock`` when the last event is ahead
        of the clock by more than ``STET_CLOCK_AHEAD`` seconds; in each case nothing was appended.
        An event whose id is already in the log is not added again; the receipt has its sequence. If
        the log has a different event with that id, the append raises ``InvalidEvent``.
        """
        batch = self.batch()
        for position, event in enumerate(events):
            try:
                batch.add(event)
            except InvalidEvent as error:
                raise InvalidEvent(error.field, error.reason, position) from None
        if isinstance(expected_version, int):
            streams = batch.streams()
            if len(streams) > 1:
                raise InvalidEvent("stream", "one expected version needs events of one stream")
            expected_version = dict.fromkeys(streams, expected_version)
        return self.commit(batch, expected_version)

    def append_many(
        self,
        events: pa.Table | pa.RecordBatch,
        positions: Mapping[str, int] = NOWHERE,
        after: Mapping[str, int] | None = None,
    ) -> Receipt:
        """Append a table of events as one commit, for bulk loads of some 100,000 events at a time.

        The columns are ``stream`` and ``type``, optionally ``event_id``, ``occurred_at``,
        ``actor``, ``correlation_id`` and ``causation_id``, and one struct column for each category
        of the events, with its name and its fields.

        Producers may give the ``positions`` that they reach with these events, numbers from 1 by
        name. Events and positions become durable together, and ``position_of`` returns them. They
        move also when there are no events, or none that the log lacks. An append whose positions
        were all reached before adds nothing. ``after`` has the positions that producers must be at
        before, 0 for none: if one is elsewhere, the append raises ``WrongPosition`` and changes
        nothing. It does so too when some of its positions were reached before and others not,
        unless ``after`` says that the producer stays there. Raises what ``append`` raises; after a
        ``StoreError`` ask where the producers are.

        >>> import tempfile
        >>> from event_log import Effect, EventType
        >>> tag = Category("tag", pa.schema([("name", pa.string())]),
        ...                (EventType("TagDefined", Effect.CREATES, ("name",)),))
        >>> log = EventLog(tempfile.mkdtemp(), (tag,))
        >>> events = pa.table({"stream": ["tag/a", "tag/b"], "type": ["TagDefined"] * 2,
        ...                    "tag": [{"name": "A"}, {"name": "B"}]})
        >>> log.append_many(events, positions={"tags": 2}, after={"tags": 0}).added
        2
        >>> log.append_many(events, positions={"tags": 2}).added, log.position_of("tags")
        (0, 2)
        >>> log.append_many(events.slice(0, 0), positions={"tags": 5, "others": 1}).added
        0
        >>> log.positions_of(["tags", "others", "none"])
        {'tags': 5, 'others': 1, 'none': 0}
        """
        batch = self.batch()
        batch.add_columns(pa.Table.from_batches([events]) if _is_batch(events) else events)
        return self.commit(batch, None, positions, after)

    def batch(self) -> Batch:
        """Return an empty batch for this log. Fill it, then pass it to ``commit``."""
        return Batch(self.registry, self._validator)

    def commit(
        self,
        batch: Batch,
        expected_version: Mapping[str, int] | None = None,
        positions: Mapping[str, int] = NOWHERE,
        after: Mapping[str, int] | None = None,
    ) -> Receipt:
        """Append a batch, all or nothing; like ``append``, for events added one by one.

        For ``positions`` and ``after`` see ``append_many``; with positions the batch may be empty.
        """
        positions, after = _checked(positions, "positions", 1), _checked(after or {}, "after", 0)
        if len(batch):
            self._commits.schemas.register(self.registry)
        elif not positions:
            raise InvalidEvent("events", "there is nothing to append")
        return self._appender.append(Pending(batch, expected_version or {}, positions, after))

    def receipt(self, sequence: int) -> Receipt:
        """Return the receipt of an event that is in the log, after making it durable.

        Its ``added`` is 0. Raises ``InvalidPoint`` for a sequence that the log does not have.
        """
        head = self._commits.refresh()
        if not 1 <= sequence <= head:
            raise InvalidPoint(f"there is no sequence {sequence}; the log's head is {head}")
        return duplicates.receipt_at(self._commits, sequence)

    def position_of(self, producer: str) -> int:
        """Return the last position that a producer has reached; 0 when it has none."""
        return self.positions_of([producer])[producer]

    def positions_of(self, producers: Iterable[str]) -> dict[str, int]:
        """Return the last positions that producers have reached, by name; 0 for one without."""
        names = list(dict.fromkeys(producers))
        committed = self._lookup.find(producers=names).producers
        known = possible(names)
        positions = self._moves.standing(known, committed).positions
        return {name: positions.get(name, 0) for name in names}

    def versions(self, streams: Iterable[str]) -> dict[str, int]:
        """Return the version of each stream; 0 for a stream without events."""
        names = list(streams)
        versions = self._lookup.find(streams=names).versions
        return {stream: versions.get(stream, 0) for stream in names}

    def known(self, event_ids: Iterable[str]) -> dict[str, int]:
        """Return the sequences of those event ids that the log has."""
        return self._lookup.find(list(event_ids)).known

    # reading

    def at(self, point: Point = None) -> Snapshot:
        """Return a snapshot as of a sequence or an instant (by ``recorded_at``); default: now.

        Raises ``InvalidPoint`` for a sequence beyond the head, and for text that is neither.
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
        """Yield the events after a sequence, oldest first; only of a stream, category or type."""
        if stream is not None and type is None and category is None:
            all_sequences = self._lookup.find(sequences_of=stream).sequences
            sequences = [sequence for sequence in all_sequences if sequence > after][:limit]
            return reading.of_stream(self._commits, stream, sequences, self.registry)
        return self.at().read(after, stream, category, type, limit)

    def stream(self, stream: str) -> list[Event]:
        """Return all events of one stream, by version."""
        return list(self.read(stream=stream))

    def scan(
        self,
        columns: Sequence[str] | None = None,
        after: int = 0,
        categories: Sequence[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the events after a sequence as Arrow batches; see ``Snapshot.scan``."""
        return self.at().scan(columns, after, categories)

    # following

    def wait(self, sequence: int, timeout: float | None = None) -> int:
        """Wait until the log has a sequence, and return the head.

        ``timeout`` is in seconds; None waits for ever. In a folder the wait ends some milliseconds
        after the commit; an object store is polled once a second. Raises ``NotReached`` when the
        time is up.
        """
        return wait_for(lambda: self.head, sequence, timeout, self._watch())

    def subscribe(
        self,
        name: str,
        categories: Sequence[str] | None = None,
        from_: int | str = "start",
        explicit: bool = False,
    ) -> Subscription:
        """Return a subscription: it reads the log in order from its checkpoint, then follows it.

        See ``Subscription``. Its checkpoint is kept in ``subscriptions/`` below ``path``; for an
        object store that is on this machine. Entering it raises ``SubscriptionHeld`` when another
        process holds the name.
        """
        folder = self.path / FOLDER
        return Subscription(self, folder, name, self._watch(), categories, from_, explicit)

    def subscriptions(self) -> list[SubscriptionStatus]:
        """Return the subscriptions with a checkpoint here, by name, with their lag and holder."""
        return subscriptions(self, self.path / FOLDER)

    def _watch(self) -> Watch:
        return watch(self._store.watch_folder(commit.FOLDER))

    # keeping

    @property
    def open_commits(self) -> int:
        """The number of commits that are not sealed yet."""
        self._commits.refresh()
        return len(self._commits)

    @property
    def sealed_through(self) -> int:
        """The last sequence that is sealed; 0 when nothing is."""
        self._commits.refresh()
        return self._commits.manifest.through

    def seal(self, grace_seconds: float = sealing.SEAL_GRACE_SECONDS) -> sealing.Sealed:
        """Rewrite the open commits into large files for scanning; see ``sealing.seal``."""
        return sealing.seal(self._commits, grace_seconds)

    def prove(self, sequence: int, at: Point = None) -> Proof:
        """Return a proof that the log holds an event as of a point; ``check_proof`` needs no log.

        Raises ``InvalidPoint`` for a sequence that is not in the log at that point.
        """
        self._commits.refresh()
        head = locate(at, self._commits)
        if not 1 <= sequence <= head:
            raise InvalidPoint(f"there is no sequence {sequence}; the log's head is {head}")
        event = reading.written(self._commits, sequence)
        before = log_digest.frontier_at(self._commits, sequence - 1)
        digests = log_digest.blocks(self._commits, before.size, head)
        return prove(event, log_digest.frontier_at(self._commits, head), digests, before)

    def verify(self, after: int = 0, until: int | None = None) -> verification.Verified:
        """Recompute every digest, and raise ``DamagedLog`` at the first sequence that differs.

        With ``after`` and ``until``, only the commits and sealed groups of that range are read; the
        digest before them is taken as correct. Raises ``InvalidPoint`` for a range that the log
        does not have.

        A whole verification also raises ``InvalidCheckpoint`` for a subscription's checkpoint that
        is damaged, and deletes an index that does not say what the log says: it is made anew.
        """
        self._commits.refresh()
        verified = verification.verify(self._commits, after, until)
        if not after and until is None:
            self._lookup.check()
            check_checkpoints(self, self.path / FOLDER)
        return verified


def _checked(positions: Mapping[str, int], field: str, lowest: int) -> dict[str, int]:
    """Return positions by producer, if all are names and whole numbers."""
    for producer, position in positions.items():
        checked_name(producer, "producer")
        whole = isinstance(position, int) and not isinstance(position, bool)
        if not whole or not lowest <= position < 2**63:
            raise InvalidEvent(field, f"{producer!r} must be at a whole number from {lowest}")
    return dict(positions)


def _is_batch(events: pa.Table | pa.RecordBatch) -> bool:
    return isinstance(events, pa.RecordBatch)
