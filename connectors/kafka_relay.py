"""A log relayed to Kafka: its topics, its relay, and what it says of itself."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import Unwritable
from connectors.relay import MOST_BYTES, MOST_EVENTS, Relay, Sink, checked
from connectors.standing import RELAY, RunsAlready, Standing, hold, say, standings
from event_log import EventLog, Lock

SAY_SECONDS = 1.0
RATE_SECONDS = 10.0
TOPIC = "stet"
Tell = Callable[[str], None]


@dataclass(frozen=True)
class KafkaRelay:
    """Sends the events of a log to Kafka; ``folder`` is the archive's.

    ``from_`` counts while nothing was relayed to the topic: "start", "now", or the first sequence.
    ``per_category`` sends the events of each category to a topic of its own, ``topic.category``.
    ``partitions`` is how many a topic is made with; with more than one, only the events of one
    stream are in order.
    """

    log: EventLog
    folder: Path
    source: str
    topic: str = TOPIC
    categories: Sequence[str] | None = None
    per_category: bool = False
    partitions: int = 1
    from_: int | str = "start"
    most_events: int = MOST_EVENTS
    most_bytes: int = MOST_BYTES

    @property
    def name(self) -> str:
        """Its name among the connectors and relays of the archive."""
        return f"relay-{self.topic}"

    def run(
        self,
        tell: Tell,
        until_end: bool = False,
        started: Callable[[Relay], None] = lambda _: None,
        said: Callable[[Standing], None] = lambda _: None,
    ) -> Relay:
        """Relay until it is stopped; ``started`` is given what ``stop`` is called on.

        ``said`` is called about once a second with how it does. Raises ``RelayError``, and
        ``KafkaError`` where Kafka cannot be used as asked.
        """
        from connectors.kafka.connection import client_settings

        client_settings()  # says what to install, if the client is not there
        from connectors.kafka.sink import KafkaSink
        from connectors.kafka.topics import topics_of

        chosen = checked(self.categories, self.log.registry) or tuple(self.log.registry)
        saying = _Saying(self, said)
        sink = KafkaSink(
            topics_of(self.topic, chosen, self.per_category),
            self.log.registry,
            self.partitions,
            tell,
            waiting=lambda why: saying.waiting(relay, why),
        )
        relay = self._relay(sink, tell, saying.now_and_then)
        with closing(sink), closing(saying):
            saying.others = f"{sink.name}, {sink.cluster}"
            started(relay)
            try:
                relay.run(until_end)
            except BaseException:
                with suppress(Unwritable):  # why it ends says more
                    saying.say(relay)
                raise
            saying.say(relay)
        return relay

    def _relay(self, sink: Sink, tell: Tell, now_and_then: Callable[[Relay], None]) -> Relay:
        return Relay(
            self.log,
            sink,
            self.source,
            self.categories,
            self.from_,
            tell,
            now_and_then,
            self.most_events,
            self.most_bytes,
        )


class _Saying:
    """Says once a second how a relay does, to the archive's folder and to who runs it.

    A relay that begins takes the place of one that runs, also here as soon as that one has ended.
    """

    def __init__(self, of: KafkaRelay, said: Callable[[Standing], None]) -> None:
        self.others = ""
        self._of, self._said, self._note, self._next = of, said, "", 0.0
        self._counts: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._lock: Lock | None = None
        earlier = (each for each in standings(of.folder) if each.name == of.name)
        self._positions = next((each.positions for each in earlier), {})

    def now_and_then(self, relay: Relay) -> None:
        """Say it, if it was not said within the last second."""
        self._note = ""
        if time.monotonic() >= self._next:
            self.say(relay)

    def waiting(self, relay: Relay, why: str) -> bool:
        """Say what the relay waits for; returns whether it was told to end."""
        self._note = why
        if time.monotonic() >= self._next:
            self.say(relay)
        return relay.stopped

    def say(self, relay: Relay) -> None:
        """Say it now."""
        now = time.monotonic()
        self._next = now + SAY_SECONDS
        while len(self._counts) > 1 and self._counts[0][0] < now - RATE_SECONDS:
            self._counts.popleft()
        since, before = self._counts[0]
        self._counts.append((now, relay.events))
        if relay.position is not None:
            self._positions = {self._of.topic: relay.position}
        position = next(iter(self._positions.values()), None)
        standing = Standing(
            self._of.name,
            RELAY,
            self.others,
            positions=self._positions,
            lag=None if position is None else max(0, self._of.log.head - position),
            rate=round((relay.events - before) / max(now - since, 0.001), 1),
            events=relay.events,
            note=self._note,
        )
        self._take_name()
        say(self._of.folder, standing)
        self._said(standing)

    def _take_name(self) -> None:
        if self._lock is None:
            with suppress(RunsAlready):
                self._lock = hold(self._of.folder, self._of.name)

    def close(self) -> None:
        """Let another process have the name."""
        if self._lock is not None:
            self._lock.release()
