"""What a relay has sent to a real Kafka, as a subscriber reads it; and relays to be killed."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors import KafkaRelay, kafka_relay, source_of
from event_log import EventLog
from newsroom.categories import CATEGORIES

SOURCE = source_of(None)


@dataclass(frozen=True)
class Told:
    """A message as a subscriber gets it."""

    topic: str
    partition: int
    key: str
    value: bytes
    headers: dict[str, str]

    @property
    def sequence(self) -> int:
        """The sequence in its header."""
        return int(self.headers["stet-sequence"])

    @property
    def event(self) -> Any:
        """The CloudEvent."""
        return orjson.loads(self.value)


def told(broker: str, topic: str) -> list[Told]:
    """All committed messages of a topic, partition by partition; none if there is no such topic."""
    return [
        Told(
            topic,
            message.partition() or 0,
            (message.key() or b"").decode(),
            message.value() or b"",
            {name: value.decode() for name, value in message.headers() or ()},
        )
        for message in committed(broker, topic)
    ]


def committed(broker: str, topic: str) -> list[Message]:
    """All committed messages of a topic, as the client gives them."""
    client = {
        "bootstrap.servers": broker,
        "group.id": "none",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
    }
    with closing(Consumer(client)) as reading:
        partitions = reading.list_topics(timeout=30).topics
        count = len(partitions[topic].partitions) if topic in partitions else 0
        reading.assign([TopicPartition(topic, n, OFFSET_BEGINNING) for n in range(count)])
        found: list[Message] = []
        ended = 0
        while ended < count:
            for message in reading.consume(10_000, 1.0):
                error = message.error()
                if error is None:
                    found.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended += 1
                elif not error.retriable():
                    raise AssertionError(error)
    return found


def sequences(broker: str, topic: str) -> list[int]:
    """The sequences of all committed messages of a topic."""
    return [each.sequence for each in told(broker, topic)]


@contextmanager
def topics_removed(broker: str, name: str) -> Iterator[str]:
    """Remove all topics whose names begin so in the end."""
    try:
        yield name
    finally:
        admin = AdminClient({"bootstrap.servers": broker})
        names = [each for each in admin.list_topics(timeout=30).topics if each.startswith(name)]
        for removed in admin.delete_topics(names).values() if names else ():
            removed.result()


def relay_of(folder: Path, topic: str, **named: Any) -> KafkaRelay:
    """A relay of the log in a folder."""
    log = EventLog(folder / "log", CATEGORIES)
    return KafkaRelay(log, folder, SOURCE, topic, **named)


def run(folder: Path, topic: str, broker: str, once: bool, named: dict[str, Any]) -> None:
    """Relay in this process, until it ends or is killed."""
    os.environ["STET_KAFKA"] = broker
    kafka_relay.SAY_SECONDS = 0.0  # so that the test sees how far it came
    relay_of(folder, topic, **named).run(print, once)


def process(folder: Path, topic: str, broker: str, once: bool = False, **named: Any) -> Any:
    """A process that relays; it begins at once, because what it imports is imported already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["relayed", "connectors.kafka.sink"])
    started = context.Process(target=run, args=(folder, topic, broker, once, named))
    started.start()
    return started
