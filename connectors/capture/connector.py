"""A connector of an archive: its mapping, its file, its source, and what it says of itself."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.capture.capture import Capture, Figures
from connectors.capture.kept import Kept, errors_told
from connectors.capture.letters import Letter, Letters
from connectors.capture.looking import Looked, look
from connectors.capture.replaying import Replayed, replay
from connectors.capture.source import Source
from connectors.errors import ConnectorError, Unwritable
from connectors.mapping.declared import Mapping
from connectors.standing import CONNECT, Standing, hold, say
from event_log import EventLog

SAY_SECONDS = 1.0
RATE_SECONDS = 10.0
Tell = Callable[[str], None]


@dataclass
class Connector:
    """Follows the topics of a mapping into a log; ``folder`` is the archive's.

    ``source`` is the mapping's topics in Kafka unless another is given.
    """

    log: EventLog
    mapping: Mapping
    folder: Path
    source: Source | None = None

    @property
    def name(self) -> str:
        """Its name: that of its file, and of the process that runs it."""
        return self.mapping.source

    def run(
        self,
        tell: Tell,
        until_end: bool = False,
        begin_again: bool = False,
        started: Callable[[Capture], None] = lambda _: None,
        said: Callable[[Standing], None] = lambda _: None,
    ) -> Figures:
        """Follow until it is stopped; ``started`` is given what ``stop`` is called on.

        ``said`` is called about once a second with how it does.
        """
        with self._held() as kept, self._opened() as source:
            capture = Capture(self.log, self.mapping, source, kept, tell)
            started(capture)
            saying = _Saying(self, capture, said)
            try:
                figures = capture.run(until_end, begin_again, saying.now_and_then)
            except BaseException:
                with suppress(Unwritable):  # why it ends says more
                    saying.at_last()
                raise
            saying.at_last()
            return figures

    def look(self, count: int, tell: Tell) -> Looked:
        """What the next messages would become; nothing is appended or kept."""
        with self._opened() as source, errors_told(Kept.path_of(self.folder, self.name)):
            return look(self.log, self.mapping, source, self.folder, count, tell)

    def letters(self) -> list[Letter]:
        """The dead letters, in their order; it may run meanwhile."""
        if not Kept.path_of(self.folder, self.name).exists():
            return []
        with self._kept() as kept:
            return list(Letters(kept))

    def replay(self) -> Replayed:
        """Try the dead letters again; raises ``RunsAlready`` while it runs."""
        with self._held() as kept:
            return replay(self.log, self.mapping, kept)

    @contextmanager
    def _held(self) -> Iterator[Kept]:
        lock = hold(self.folder, self.name)
        try:
            with self._kept() as kept:
                yield kept
        finally:
            lock.release()

    @contextmanager
    def _kept(self) -> Iterator[Kept]:
        kept = Kept(self.folder, self.name)
        try:
            with errors_told(kept.path):
                yield kept
        finally:
            kept.close()

    @contextmanager
    def _opened(self) -> Iterator[Source]:
        if self.source is not None:
            yield self.source
            return
        if not self.mapping.topics:
            raise ConnectorError(f"{self.mapping.path}: topics: is missing; name those to read")
        from connectors.kafka.connection import client_settings

        client_settings(self.mapping.kafka)
        from connectors.kafka.source import KafkaSource

        source = KafkaSource(self.mapping.topics, self.name, self.mapping.kafka)
        try:
            yield source
        finally:
            source.close()


class _Saying:
    """Says once a second how a capture does, to the archive's folder and to who runs it."""

    def __init__(
        self, connector: Connector, capture: Capture, said: Callable[[Standing], None]
    ) -> None:
        self._connector, self._capture, self._said = connector, capture, said
        self._next = 0.0
        self._counts: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    def now_and_then(self) -> None:
        """Say it, if it was not said within the last second."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + SAY_SECONDS
            self._say(now)

    def at_last(self) -> None:
        """Say it when the capture ends."""
        self._say(time.monotonic())

    def _say(self, now: float) -> None:
        figures, mapping = self._capture.figures, self._connector.mapping
        while len(self._counts) > 1 and self._counts[0][0] < now - RATE_SECONDS:
            self._counts.popleft()
        since, before = self._counts[0]
        self._counts.append((now, figures.messages))
        asking: dict[str, Any] = {"kafka": dict(mapping.kafka)}
        asking["partitions"] = [[*each] for each in figures.positions]
        standing = Standing(
            self._connector.name,
            CONNECT,
            others=", ".join(mapping.topics),
            positions={each.shown: position for each, position in figures.positions.items()},
            lag=figures.lag,
            rate=round((figures.messages - before) / max(now - since, 0.001), 1),
            events=figures.events,
            dead_letters=len(self._capture.rounds.letters),
            note=self._capture.waiting.away,
            asking=asking,
        )
        say(self._connector.folder, standing)
        self._said(standing)
