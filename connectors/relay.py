"""Relaying a log: every event is sent on once and in order, whatever is killed at whatever moment.

A relay reads the log as columns, makes CloudEvents of them, and gives them chunk by chunk to a sink
such as Kafka. They count with the place that they reach, all of them or none: so the next chunks
are made, and sent, while the sink still takes the ones before. What a relay knows is only what the
sink has: when it begins, and whenever sending was interrupted, it asks the sink for the place and
goes on from there. A relay that begins stops the one before it, which then finds another's name at
the place, and ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from typing import Protocol
from uuid import uuid4

import orjson

from connectors.chunks import Chunk, ahead, chunks
from connectors.errors import ConnectorError
from event_log import EventLog, NotReached, Registry

MOST_EVENTS = 20_000
MOST_BYTES = 32 * 2**20
"""How much counts together: what is done again when a relay is killed."""
MOST_SECONDS = 1.0
"""How long what was sent may wait to count while more comes."""
WINDOW = 1_000_000
"""Sequences that are read at a time: no file is needed long after it was sealed."""
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


class Sink(Protocol):
    """Where events are sent to."""

    @property
    def name(self) -> str:
        """What people call it."""

    def begin(self) -> Place | None:
        """Stop every other relay that sends there; return the place that was reached."""

    def place(self) -> Place | None:
        """Return the place that was reached, and stop nobody."""

    def put(self, chunk: Chunk) -> None:
        """Send events, which count with the next place; until then nobody reads them.

        Raises ``Interrupted`` if another relay has begun, or what was sent may be lost.
        """

    def commit(self, place: Place) -> None:
        """Let what was put count, together with the place that it reaches: all of it or none.

        Raises ``Interrupted`` if it is not known which, or another relay has begun.
        """

    def close(self) -> None:
        """Give back what is held."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """What was put and does not count yet."""

    events: int
    bytes: int
    sequence: int
    digest: str
    since: float


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

        ``tell`` is called with what an operator should know, ``now_and_then`` whenever more counts,
        and while there is nothing to send.
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
        self._sent: _Sent | None = None

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
        self._sent = None
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
        self._commit(position, self._digest_at(position))  # from now on others know who sends
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
        scanned = self._log.at(until).scan(after=after, categories=self._categories)
        made = chunks(scanned, self._source, self._most_events, self._most_bytes)
        with closing(ahead(made)) as following:
            for chunk in following:
                if chunk is not None:
                    reached = self._put(chunk)
                elif self._sent is not None:  # what was sent does not wait for what is read slowly
                    self._commit_sent(self._sent)
                if self.stopped:
                    break
            else:
                reached = until
        if self._sent is not None:
            self._commit_sent(self._sent)
        if reached > (self.position or 0):  # the last ones were of other categories
            self._commit(reached, self._digest_at(reached))
        return reached

    def _put(self, chunk: Chunk) -> int:
        """Send a chunk; returns the sequence that it reaches."""
        sent, events = self._sent, len(chunk.sequences)
        size = sum(map(len, chunk.cloud_events))
        if sent is not None and not self._has_room(sent, events, size):
            self._commit_sent(sent)
            sent = None
        self._sink.put(chunk)
        if sent is not None:
            events, size = events + sent.events, size + sent.bytes
        since = time.monotonic() if sent is None else sent.since
        self._sent = _Sent(events, size, chunk.sequences[-1], chunk.digest, since)
        return self._sent.sequence

    def _has_room(self, sent: _Sent, events: int, size: int) -> bool:
        return (
            sent.events + events <= self._most_events
            and sent.bytes + size <= self._most_bytes
            and time.monotonic() - sent.since < MOST_SECONDS
        )

    def _commit_sent(self, sent: _Sent) -> None:
        self._commit(sent.sequence, sent.digest, sent.events)
        self._failed = 0

    def _commit(self, sequence: int, digest: str, events: int = 0) -> None:
        self._sink.commit(Place(sequence, digest, self._categories, self.owner))
        self._sent = None
        self.position = sequence
        self.events += events
        self._now_and_then(self)

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
