"""The log: append events, read them back, and look at it as of any point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from event_log.appending.appender import Appender
from event_log.appending.pending import Pending
from event_log.category import Category, Registry
from event_log.checking.batch import Batch
from event_log.checking.one_event import Validator
from event_log.checking.one_event import name as checked_name
from event_log.errors import InvalidEvent, InvalidPoint
from event_log.event import Event, NewEvent, Receipt
from event_log.files import commit, log_digest, reading, sealing
from event_log.files.layout import Commits
from event_log.following.status import FOLDER, SubscriptionStatus, subscriptions
from event_log.following.subscription import Subscription
from event_log.following.watch import Watch, wait_for, watch
from event_log.index.event_index import EventIndex
from event_log.index.lookup import Lookup
from event_log.proving import verify as verification
from event_log.proving.proof import Proof, prove
from event_log.snapshot import Point, Snapshot, locate
from event_log.storage.opening import open_store
from event_log.storage.store import Store


class EventLog:
    """An ordered, immutable log of events in a folder or an object store.

    ``location`` is a folder, which the first append makes, or a URL such as ``s3://bucket/log``.
    Opening a folder does no I/O. Any number of processes and threads may append at a time.

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
        self._lookup = Lookup(self._commits, EventIndex(self._store.local / "cache/index.sqlite"))
        self._appender = Appender(self._commits, self._lookup, self.registry)

    @property
    def path(self) -> Path:
        """The log's folder; of one in an object store, the folder for its caches."""
        return self._store.local

    @property
    def head(self) -> int:
        """The last sequence of the log now; 0 when it is empty."""
        return self._commits.refresh()

    @property
    def digest(self) -> str:
        """The log's digest at the head, hexadecimal: it stands for everything before it."""
        return log_digest.digest_at(self._commits, self._commits.refresh()).hex()

    # appending

    def append(
        self,
        events: Iterable[NewEvent],
        expected_version: int | Mapping[str, int] | None = None,
    ) -> Receipt:
        """Append events, all or nothing, and return when they are durable.

        ``expected_version`` is checked against the stream as it is: a number when all events are
        of one stream, or one for each stream to check; 0 means that the stream has no events.
        Threads that append at the same time share commits, and stay independent of each other.

        Raises ``InvalidEvent`` for an event that does not fit, ``WrongExpectedVersion`` for a
        conflict, ``StoreError`` when the disk refuses; in each case nothing was appended. Events
        whose ids the log has are not added again: the receipt says where they are. An id under
        which the log has another event is an ``InvalidEvent``.
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
        producer: str | None = None,
        position: int | None = None,
        after: int | None = None,
    ) -> Receipt:
        """Append events that come as columns, as one commit: for bulk.

        The columns are ``stream`` and ``type``, if wanted ``event_id``, ``occurred_at``,
        ``actor``, ``correlation_id`` and ``causation_id``, and for each category that there are
        events of a struct column of its name, with its fields. It is meant for some 100,000 events
        at a time.

        A ``producer`` may say which ``position`` it reaches with these events, a number from 1:
        both become durable together, ``position_of`` tells it, and nothing is added at or below a
        position that was reached. With ``after`` it says at which position it must be before, 0
        for none; ``WrongPosition`` tells that it is not. Raises what ``append`` raises.

        >>> import tempfile
        >>> from event_log import Effect, EventType
        >>> tag = Category("tag", pa.schema([("name", pa.string())]),
        ...                (EventType("TagDefined", Effect.CREATES, ("name",)),))
        >>> log = EventLog(tempfile.mkdtemp(), (tag,))
        >>> events = pa.table({"stream": ["tag/a", "tag/b"], "type": ["TagDefined"] * 2,
        ...                    "tag": [{"name": "A"}, {"name": "B"}]})
        >>> log.append_many(events, producer="tags", position=2).added
        2
        >>> log.append_many(events, producer="tags", position=2).added, log.position_of("tags")
        (0, 2)
        """
        batch = self.batch()
        batch.add_columns(pa.Table.from_batches([events]) if _is_batch(events) else events)
        return self.commit(batch, None, producer, position, after)

    def batch(self) -> Batch:
        """An empty batch for this log, to be filled and handed to ``commit``."""
        return Batch(self.registry, self._validator)

    def commit(
        self,
        batch: Batch,
        expected_version: Mapping[str, int] | None = None,
        producer: str | None = None,
        position: int | None = None,
        after: int | None = None,
    ) -> Receipt:
        """Append a batch all or nothing; like ``append``, for events added one by one."""
        if not len(batch):
            raise InvalidEvent("events", "there is nothing to append")
        self._commits.schemas.register(self.registry)
        reached = _reached(producer, position)
        return self._appender.append(Pending(batch, expected_version or {}, reached, after))

    def position_of(self, producer: str) -> int:
        """The last position that a producer has reached; 0 when it has appended nothing."""
        found = self._lookup.find(producer=producer).producer
        return found[0] if found else 0

    def versions(self, streams: Iterable[str]) -> dict[str, int]:
        """The version that each stream is at; 0 for one that has no events."""
        names = list(streams)
        found = self._lookup.find(streams=names).versions
        return {stream: found.get(stream, 0) for stream in names}

    def known(self, event_ids: Iterable[str]) -> dict[str, int]:
        """The sequence of each of these event ids that the log has."""
        return self._lookup.find(list(event_ids)).known

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
            found = self._lookup.find(sequences_of=stream).sequences
            sequences = [sequence for sequence in found if sequence > after][:limit]
            return reading.of_stream(self._commits, stream, sequences, self.registry)
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

    # following

    def wait(self, sequence: int, timeout: float | None = None) -> int:
        """Wait until the log has a sequence, whoever appends it; returns the head.

        ``timeout`` is in seconds, None waits for ever. It wakes some milliseconds after a commit
        in a folder; in an object store it looks once a second. Raises ``NotReached``.
        """
        return wait_for(lambda: self.head, sequence, timeout, self._watch())

    def subscribe(
        self,
        name: str,
        categories: Sequence[str] | None = None,
        from_: int | str = "start",
        explicit: bool = False,
    ) -> Subscription:
        """Read what is there in order, then follow, from a checkpoint kept under this name.

        See ``Subscription``. Its checkpoint lies in ``subscriptions/`` below ``path``: with an
        object store, on this machine. Raises ``SubscriptionHeld`` when someone holds the name.
        """
        folder = self.path / FOLDER
        return Subscription(self, folder, name, self._watch(), categories, from_, explicit)

    def subscriptions(self) -> list[SubscriptionStatus]:
        """The subscriptions that have a checkpoint here, by name, with their lag and holder."""
        return subscriptions(self, self.path / FOLDER)

    def _watch(self) -> Watch:
        return watch(self._store.watch_folder(commit.FOLDER))

    # keeping

    @property
    def open_commits(self) -> int:
        """How many commits are not sealed yet."""
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
        """A proof that this event stands in the log as of a point; ``check_proof`` needs no log.

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
        """Recompute every digest; raises ``DamagedLog`` at the first sequence that does not fit.

        With ``after`` and ``until`` only the commits and sealed groups that hold the events
        between; what is before is believed. Raises ``InvalidPoint`` for events that the log does
        not have.
        """
        self._commits.refresh()
        return verification.verify(self._commits, after, until)


def _reached(producer: str | None, position: int | None) -> tuple[str, int] | None:
    if producer is None and position is None:
        return None
    if producer is None or position is None:
        raise InvalidEvent("producer", "needs a position, and a position its producer")
    if isinstance(position, bool) or not isinstance(position, int) or not 0 < position < 2**63:
        raise InvalidEvent("position", "must be a whole number from 1")
    return checked_name(producer, "producer"), position


def _is_batch(events: pa.Table | pa.RecordBatch) -> bool:
    return isinstance(events, pa.RecordBatch)
