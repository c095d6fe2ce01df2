"""Relaying a log: every event is sent on once and in order, whatever is killed at whatever moment.

A relay reads the log as columns, makes CloudEvents of them, and gives them chunk by chunk to a sink
such as Kafka. The sink takes each chunk together with the place that it reaches, both or neither.
What a relay knows is only what the sink has: when it begins, and whenever sending was interrupted,
it asks the sink for the place and goes on from there. A relay that begins stops the one before it,
which then finds another's name at the place, and ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from typing import Protocol
from uuid import uuid4

import orjson
import pyarrow as pa

from connectors.cloud_event_form import cloud_events
from connectors.errors import ConnectorError
from event_log import EventLog, NotReached, Registry

MOST_EVENTS = 10_000
MOST_BYTES = 16 * 2**20
"""How much is sent at a time."""
WINDOW = 1_000_000
"""Sequences that are read at a time: no file is needed long after it was sealed."""
GATHERED_SECONDS = 0.05
"""The longest that a chunk is filled: opening a thousand small commits takes long."""
WAIT_SECONDS = 0.5
"""How often a relay that has nothing to send sees whether it shall end."""
TAKEOVER_SECONDS = 3.0
"""How long a new relay may take from stopping the one before it to saying its name."""
ATTEMPTS = 5
"""How often in a row sending may be interrupted before anything was sent."""


class RelayError(ConnectorError):
    """A log cannot be relayed as asked; the message says what to do."""


class Interrupted(ConnectorError):
    """Sending was interrupted; what the sink has is only known when it is asked."""


class Stopped(ConnectorError):
    """The relay was stopped while it waited for the sink."""


@dataclass(frozen=True)
class Place:
    """How far a log was relayed, as the sink keeps it.

    ``digest`` is that of the event at ``sequence``, by which the log is known again. ``owner`` is
    the relay that sent it. ``targets`` names what the sink sends to, as the sink knows it again.
    """

    sequence: int
    digest: str
    categories: tuple[str, ...] | None = None
    owner: str = ""
    targets: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> bytes:
        """Return the place as JSON."""
        return orjson.dumps({**asdict(self), "targets": dict(self.targets)})

    @classmethod
    def from_json(cls, text: bytes) -> Place:
        """Return the place that a text has; raises ``ValueError`` if it has none.

        >>> Place.from_json(Place(7, "ab", ("tag",)).to_json())
        Place(sequence=7, digest='ab', categories=('tag',), owner='', targets=())
        """
        try:
            given = orjson.loads(text)
            chosen = given["categories"]
            return cls(
                int(given["sequence"]),
                str(given["digest"]),
                None if chosen is None else tuple(map(str, chosen)),
                str(given["owner"]),
                tuple(sorted((str(k), str(v)) for k, v in given["targets"].items())),
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"is no place of a relay ({error!r})") from None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Events in a row as they are sent: where each is in the log, and itself as a CloudEvent."""

    sequences: list[int]
    streams: list[str]
    categories: list[str]
    types: list[str]
    event_ids: list[str]
    versions: list[int]
    cloud_events: list[bytes]
    digest: str
    """The digest of the last event, in hexadecimal digits."""

    @classmethod
    def of(cls, batch: pa.RecordBatch, source: str) -> Chunk:
        """Return the events of a batch that has all columns of the log."""
        return cls(
            batch.column("sequence").to_pylist(),
            batch.column("stream").to_pylist(),
            batch.column("category").to_pylist(),
            batch.column("type").to_pylist(),
            batch.column("event_id").to_pylist(),
            batch.column("version").to_pylist(),
            cloud_events(batch, source),
            batch.column("digest")[-1].as_py().hex(),
        )


class Sink(Protocol):
    """Where events are sent to."""

    @property
    def name(self) -> str:
        """What people call it."""

    def begin(self) -> Place | None:
        """Stop every other relay that sends there; return the place that was reached."""

    def place(self) -> Place | None:
        """Return the place that was reached, and stop nobody."""

    def send(self, chunk: Chunk | None, place: Place) -> None:
        """Send events together with the place that they reach: both or neither.

        Raises ``Interrupted`` if that is not known, or another relay has begun.
        """

    def close(self) -> None:
        """Give back what is held."""


class Relay:
    """Sends the events of a log to a sink, from the place that it has reached."""

    def __init__(
        self,
        log: EventLog,
        sink: Sink,
        source: str,
        categories: Sequence[str] | None = None,
        from_: int | str = "start",
        tell: Callable[[str], None] = lambda _: None,
        now_and_then: Callable[[Relay], None] = lambda _: None,
        most_events: int = MOST_EVENTS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """``from_`` counts while nothing was relayed: "start", "now", or the first sequence.

        ``tell`` is called with what an operator should know, ``now_and_then`` after each chunk, and
        while there is nothing to send.
        """
        self.owner = uuid4().hex
        self.position: int | None = None
        """The sequence through which everything was relayed; None before that is known."""
        self.events = 0
        """How many events this relay has sent."""
        self._log, self._sink, self._source, self._from = log, sink, source, from_
        self._categories = checked(categories, log.registry)
        self._tell, self._now_and_then = tell, now_and_then
        self._most_events, self._most_bytes = most_events, most_bytes
        self._stopped = threading.Event()
        self._earlier = ""
        self._failed = 0

    @property
    def stopped(self) -> bool:
        """Whether the relay was told to end."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """End after the chunk that is being sent; may be called by a signal's handler."""
        self._stopped.set()

    def run(self, once: bool = False) -> None:
        """Relay what is in the log, and whatever is appended until it is stopped.

        With ``once`` it ends at the log's head. Raises ``RelayError``.
        """
        end = self._log.head if once else None
        with suppress(Stopped):
            while not self.stopped:
                try:
                    self._follow(self._begin(), end)
                except Interrupted as error:
                    self._see_why(error)
                else:
                    return

    # beginning

    def _begin(self) -> int:
        """Take over from an earlier relay; return the sequence that it has reached."""
        reached = self._sink.begin()
        if reached is None:
            position = self._first()
        else:
            self._check(reached)
            position, self._earlier = reached.sequence, reached.owner
            if self._from != "start" and self.owner != reached.owner:
                self._tell(
                    f"{self._sink.name} has the events through sequence {reached.sequence:,}, and"
                    " goes on from there: --from is for what was not relayed before"
                )
        self._send(None, position, self._digest_at(position))  # from now on others know who sends
        return position

    def _first(self) -> int:
        """The sequence to begin after, where nothing was relayed before."""
        head = self._log.head
        if self._from == "start":
            return 0
        if self._from == "now":
            return head
        if not isinstance(self._from, int) or not 1 <= self._from <= head + 1:
            raise RelayError(
                f"--from {self._from} is no sequence to begin at: give 1 to {head + 1}, or now"
            )
        return self._from - 1

    def _check(self, reached: Place) -> None:
        """Raise ``RelayError`` if what was relayed is not of this log, or not what is asked for."""
        if reached.sequence > (head := self._log.head):
            raise RelayError(
                f"{self._sink.name} has events through sequence {reached.sequence:,}, but the"
                f" log's head is {head:,}: it is another log, or was restored to an earlier state;"
                " relay the log that was relayed before, or to another topic"
            )
        if reached.digest != self._digest_at(reached.sequence):
            raise RelayError(
                f"{self._sink.name} has another event at sequence {reached.sequence:,} than this"
                " log: another log was relayed there; relay that one, or to another topic"
            )
        if reached.categories != self._categories:
            raise RelayError(
                f"{self._sink.name} was relayed with {_named(reached.categories)}, not with"
                f" {_named(self._categories)}; ask for the same, or relay to another topic"
            )

    def _see_why(self, error: Interrupted) -> None:
        """Raise ``RelayError`` if another relay has begun; else it may be tried again."""
        self._failed += 1
        if self._failed > ATTEMPTS:
            raise RelayError(
                f"{self._sink.name}: sending was interrupted {self._failed} times in a row"
                f" ({error}); look for the reason in the log of the cluster, and start again"
            )
        self._stopped.wait(TAKEOVER_SECONDS)
        reached = self._sink.place()
        if reached is not None and reached.owner not in (self.owner, self._earlier):
            raise RelayError(
                f"another relay has begun to send to {self._sink.name}, and has come to sequence"
                f" {reached.sequence:,}; nothing is lost or doubled: let one of them run"
            )
        self._tell(f"sending to {self._sink.name} was interrupted ({error}); it begins again")

    # sending

    def _follow(self, position: int, end: int | None) -> None:
        """Send what is there, and then what is appended, until the end."""
        while not self.stopped:
            head = self._log.head
            until = min(head if end is None else end, position + WINDOW)
            if until > position:
                self._log.receipt(until)  # its writer may not have come to make it durable
                position = self._send_until(position, until)
            elif end is not None:
                return
            elif head < position:
                raise RelayError(
                    f"the log's head is {head:,}, but {position:,} events were relayed: the log was"
                    " replaced while it was read"
                )
            else:
                self._now_and_then(self)
                with suppress(NotReached):
                    self._log.wait(position + 1, WAIT_SECONDS)

    def _send_until(self, after: int, until: int) -> int:
        """Send what is between two sequences; return the one that was reached."""
        reached = after
        with closing(_ahead(self._chunks(after, until))) as chunks:
            for chunk in chunks:
                reached = chunk.sequences[-1]
                self._send(chunk, reached, chunk.digest)
                if self.stopped:
                    return reached
        if reached < until:  # the last ones were of other categories
            self._send(None, until, self._digest_at(until))
        return until

    def _send(self, chunk: Chunk | None, sequence: int, digest: str) -> None:
        self._sink.send(chunk, Place(sequence, digest, self._categories, self.owner))
        self.position = sequence
        if chunk is not None:
            self.events += len(chunk.sequences)
            self._failed = 0
        self._now_and_then(self)

    def _chunks(self, after: int, until: int) -> Generator[Chunk, None, None]:
        scanned = self._log.at(until).scan(after=after, categories=self._categories)
        for batch in sized(scanned, self._most_events, self._most_bytes):
            yield Chunk.of(batch, self._source)

    def _digest_at(self, sequence: int) -> str:
        """The digest of the event at a sequence; empty before the first."""
        if not sequence:
            return ""
        batch = next(self._log.at(sequence).scan(["digest"], sequence - 1))
        digest: bytes = batch.column("digest")[0].as_py()
        return digest.hex()


def checked(categories: Sequence[str] | None, registry: Registry) -> tuple[str, ...] | None:
    """Return the categories in order; raises ``RelayError`` for one that there is not."""
    if categories is None:
        return None
    for name in categories:
        if name not in registry:
            raise RelayError(f"there is no category {name!r}, but {', '.join(registry)}")
    return tuple(sorted(set(categories)))


def _named(categories: tuple[str, ...] | None) -> str:
    if categories is None:
        return "all categories"
    named = "category" if len(categories) == 1 else "categories"
    return f"the {named} {', '.join(categories)}"


def sized(batches: Iterable[pa.RecordBatch], events: int, size: int) -> Iterator[pa.RecordBatch]:
    """Yield the events in batches of at most so many events and about so many bytes.

    They are filled while there is more, unless reading is slow.

    >>> one = pa.record_batch({"n": [1]})
    >>> [len(batch) for batch in sized([one] * 5, 2, 1_000)]
    [2, 2, 1]
    """
    waiting: list[pa.RecordBatch] = []
    count, used, begun = 0, 0, time.monotonic()
    for batch in batches:
        for piece in _pieces(batch, events, size):
            slow = time.monotonic() - begun > GATHERED_SECONDS
            if waiting and (slow or count + len(piece) > events or used + piece.nbytes > size):
                yield pa.concat_batches(waiting)
                waiting, count, used, begun = [], 0, 0, time.monotonic()
            waiting.append(piece)
            count, used = count + len(piece), used + piece.nbytes
    if waiting:
        yield pa.concat_batches(waiting)


def _pieces(batch: pa.RecordBatch, events: int, size: int) -> Iterator[pa.RecordBatch]:
    if len(batch) > 1 and (len(batch) > events or batch.nbytes > size):
        middle = len(batch) // 2
        yield from _pieces(batch.slice(0, middle), events, size)
        yield from _pieces(batch.slice(middle), events, size)
    elif len(batch):
        yield batch


def _ahead(chunks: Generator[Chunk, None, None]) -> Generator[Chunk, None, None]:
    """Yield the chunks, and make the next in a thread meanwhile."""
    with closing(chunks), ThreadPoolExecutor(1) as pool:  # closed after the thread has ended
        following = pool.submit(next, chunks, None)
        while (chunk := following.result()) is not None:
            following = pool.submit(next, chunks, None)
            yield chunk
