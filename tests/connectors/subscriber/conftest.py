"""One contract, two transports: what a log has is given by the log itself, or by Kafka's topic."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connectors import FromKafka, FromLog, Message
from connectors.subscriber.transport import Delivered, Marks, Transport
from event_log import INSTANT, Category, Effect, Event, EventLog, EventType, NewEvent, instant_text

CART = Category(
    "cart",
    pa.schema([("owner", pa.string()), ("opened_at", INSTANT), ("tags", pa.list_(pa.string()))]),
    (EventType("CartOpened", Effect.CREATES, "owner"), EventType("ItemAdded", Effect.REVISES)),
    annotations=pa.schema([("price", pa.int64()), ("day", pa.date32())]),
)
BEGUN = "2026-11-30T08:00:00.000001Z"


NOTE = Category(
    "note", pa.schema([("text", pa.string())]), (EventType("NoteWritten", Effect.CREATES, "text"),)
)


@pytest.fixture
def carts(tmp_path: Path) -> EventLog:
    """A log of carts without events."""
    return EventLog(tmp_path / "log", [CART])


@pytest.fixture
def other_category() -> Category:
    """A category that programs which know carts alone do not know."""
    return NOTE


class Source(ABC):
    """A log of carts, and the transports by which its events come to subscribers."""

    def __init__(self, folder: Path) -> None:
        self.log = EventLog(folder, [CART])

    def open_carts(self, *names: str) -> None:
        """Append a cart for each name."""
        self.append(
            NewEvent(f"cart/{n}", "CartOpened", {"owner": n, "opened_at": BEGUN, "tags": ["a"]})
            for n in names
        )

    def add(self, *prices: tuple[str, int]) -> None:
        """Append an item for each pair of a cart and a price."""
        self.append(NewEvent(f"cart/{cart}", "ItemAdded", {"price": p}) for cart, p in prices)

    def append(self, events: Iterator[NewEvent] | Sequence[NewEvent]) -> None:
        self.log.append(events)
        self.published()

    @abstractmethod
    def published(self) -> None:
        """Bring what is in the log to where the transports read."""

    @abstractmethod
    def transport(self, categories: Sequence[Category] = (CART,)) -> Transport:
        """A transport for one subscriber."""


class LogSource(Source):
    """The log itself."""

    def published(self) -> None: ...

    def transport(self, categories: Sequence[Category] = (CART,)) -> Transport:
        return FromLog(EventLog(self.log.path, categories), "tests")


class KafkaSource(Source):
    """A topic to which the events are sent in the form of `stet relay`."""

    def __init__(self, folder: Path, topic: str, broker: str) -> None:
        super().__init__(folder)
        from confluent_kafka import Producer

        self.topic, self.broker, self.sent = topic, broker, 0
        self.producer = Producer(
            {"bootstrap.servers": broker, "linger.ms": 1, "allow.auto.create.topics": False}
        )

    def published(self) -> None:
        for event in self.log.read(after=self.sent):
            self.send(event)
            self.sent = event.sequence
        self.producer.flush(10)

    def send(self, event: Event) -> None:
        """Send one event, in the form that it has in the log."""
        headers = {
            "stet-sequence": event.sequence,
            "stet-type": event.type,
            "stet-event-id": event.event_id,
            "stet-version": event.version,
            "stet-schema-version": event.schema_version,
        }
        self.producer.produce(
            self.topic,
            json.dumps(told(event)).encode(),
            event.stream.encode(),
            headers={name: str(value).encode() for name, value in headers.items()},
        )

    def transport(self, categories: Sequence[Category] = (CART,)) -> Transport:
        return UntilTheEnd(FromKafka(self.topic, categories, {"bootstrap.servers": self.broker}))


def told(event: Event) -> dict[str, Any]:
    """An event as CloudEvents 1.0 has it, written by hand."""
    said = {
        "specversion": "1.0",
        "id": event.event_id,
        "source": "/tests",
        "type": event.type,
        "subject": event.stream,
        "time": instant_text(event.recorded_at),
        "datacontenttype": "application/json",
        "sequence": f"{event.sequence:019}",
        "streamversion": event.version,
        "actor": event.actor,
        "occurredat": event.occurred_at and instant_text(event.occurred_at),
        "correlationid": event.correlation_id,
        "causationid": event.causation_id,
    }
    data = {
        name: instant_text(value) if hasattr(value, "hour") else value
        for name, value in event.data.items()
    }
    data = {n: v.isoformat() if hasattr(v, "isoformat") else v for n, v in data.items()}
    return {**{name: value for name, value in said.items() if value is not None}, "data": data}


class UntilTheEnd:
    """A topic of which "no more" is said only where it ends: a broker takes a while to answer."""

    def __init__(self, inner: FromKafka) -> None:
        self.inner, self.marks = inner, dict[int, Any]()

    def open(self, marks: Marks) -> Marks:
        self.marks = dict(self.inner.open(marks))
        return self.marks

    def read(self, most: int, timeout: float) -> Sequence[Delivered]:
        while not (found := self.inner.read(most, timeout)) and timeout == 0:
            if self.inner.behind(self.marks) == 0:
                break
        for each in found:
            self.marks[each.partition] = each.mark
        return found

    def newest(self, message: Message) -> Message:
        return self.inner.newest(message)

    def behind(self, marks: Marks) -> int:
        return self.inner.behind(marks)

    def stop(self) -> None:
        self.inner.stop()

    def close(self) -> None:
        self.inner.close()


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[Callable[..., KafkaSource]]:
    """Makes a topic of so many partitions, with a log whose events are sent there."""
    import real_services

    broker = real_services.kafka()
    with ExitStack() as stack:

        def make(partitions: int = 1, log: Path = tmp_path / "log") -> KafkaSource:
            topic = stack.enter_context(real_services.own_topic(partitions))
            return KafkaSource(log, topic, broker)

        yield make


@contextmanager
def _log(folder: Path) -> Iterator[Source]:
    yield LogSource(folder)


@contextmanager
def _kafka(folder: Path) -> Iterator[Source]:
    import real_services

    broker = real_services.kafka()
    with real_services.own_topic() as topic:
        yield KafkaSource(folder, topic, broker)


OPENED: dict[str, Any] = {"log": _log, "kafka": _kafka}


@pytest.fixture(params=["log", pytest.param("kafka", marks=pytest.mark.server)])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    """A log of carts whose events come by the transport under contract."""
    opened: AbstractContextManager[Source] = OPENED[request.param](tmp_path / "log")
    with opened as found:
        yield found
