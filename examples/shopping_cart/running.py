"""How each service is started: where its files lie, and which way its events come."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors import (
    ConnectorError,
    Delivered,
    FromKafka,
    FromLog,
    Marks,
    Message,
    Subscriber,
    Transport,
)
from event_log import Category, EventLog, EventLogError


@dataclass(frozen=True)
class Started:
    """What a service is told on its command line."""

    name: str
    home: Path
    topic: str | None
    twice: bool
    until_idle: bool

    @classmethod
    def by_command(cls, name: str) -> Started:
        """Read the command line of a service."""
        read = argparse.ArgumentParser(prog=f"python -m examples.shopping_cart.{name}")
        read.add_argument("--home", type=Path, default=Path("shop"), help="the shop's folder")
        read.add_argument("--kafka", metavar="TOPIC", help="read this topic instead of the log")
        read.add_argument("--twice", action="store_true", help="deliver every event twice")
        read.add_argument("--catch-up", action="store_true", help="end when there is no more")
        given = read.parse_args()
        return cls(name, given.home, given.kafka, given.twice, given.catch_up)

    @property
    def database(self) -> Path:
        """The service's own store."""
        return self.home / "services" / f"{self.name}.sqlite"

    def log(self, categories: Sequence[Category]) -> EventLog:
        """The log that all share."""
        return EventLog(self.home / "log", categories)

    def transport(self, categories: Sequence[Category]) -> Transport:
        """The way by which events come."""
        given: Transport = (
            FromKafka(self.topic, categories)
            if self.topic
            else FromLog(self.log(categories), self.name)
        )
        return Twice(given) if self.twice else given

    def run(self, subscriber: Subscriber, categories: Sequence[Category]) -> None:
        """Run a subscriber as the command line says; what people can mend ends it in one line."""
        try:
            subscriber.run(self.transport(categories), self.until_idle)
        except (ConnectorError, EventLogError) as error:
            self.tell(f"stopped: {error}")
            raise SystemExit(1) from None

    @property
    def tell(self) -> functools.partial[None]:
        """Say something to who watches."""
        return functools.partial(print, f"{self.name}:", file=sys.stderr, flush=True)


class Twice:
    """A transport that delivers everything twice, and once more before what comes next."""

    def __init__(self, inner: Transport) -> None:
        self._inner, self._last = inner, list[Delivered]()

    def open(self, marks: Marks) -> Marks:
        """Open the one within."""
        self._last = []
        return self._inner.open(marks)

    def read(self, most: int, timeout: float) -> Sequence[Delivered]:
        """What comes, each twice, after what came last."""
        came = self._inner.read(most, timeout)
        again = [*self._last, *(each for each in came for _ in range(2))]
        self._last = [*came] or self._last
        return again if came else []

    def newest(self, message: Message) -> Message:
        """What the one within says."""
        return self._inner.newest(message)

    def behind(self, marks: Marks) -> int:
        """How far behind it is."""
        return self._inner.behind(marks)

    def stop(self) -> None:
        """Stop the one within."""
        self._inner.stop()

    def close(self) -> None:
        """Close the one within."""
        self._inner.close()
