"""How many messages a second go from Kafka into the log and out of it, and by the bare client."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from benchmarks.main import STET
from benchmarks.measuring import run

AT_ONCE = 10_000
IN_A_TRANSACTION = 10_000


@dataclass(frozen=True)
class Rate:
    """So many messages of so many bytes in so many seconds, and a process's peak memory in MB."""

    messages: int
    bytes: int
    seconds: float
    peak: float = 0.0

    @property
    def a_second(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds


def subscribed(broker: str, topic: str, count: int) -> tuple[Rate, list[Message]]:
    """Read a topic with the bare client, doing nothing with what comes."""
    reading = Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": "bench",
            "enable.auto.commit": "false",
            "isolation.level": "read_committed",
            "queued.min.messages": 100_000,
        }
    )
    reading.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    begun, found = time.perf_counter(), list[Message]()
    while len(found) < count:
        wanted = min(AT_ONCE, count - len(found))
        found += [each for each in reading.consume(wanted, 1.0) if each.error() is None]
    seconds = time.perf_counter() - begun
    reading.close()
    return Rate(len(found), _size(found), seconds), found


def produced(broker: str, topic: str, messages: list[Message]) -> Rate:
    """Send messages with the bare client, in transactions, as a relay must."""
    sending = Producer(
        {"bootstrap.servers": broker, "transactional.id": f"bench-{topic}", "linger.ms": 5}
    )
    sending.init_transactions(30)
    begun = time.perf_counter()
    for first in range(0, len(messages), IN_A_TRANSACTION):
        sending.begin_transaction()
        for each in messages[first : first + IN_A_TRANSACTION]:
            _send(sending, topic, each)
        sending.commit_transaction(30)
    seconds = time.perf_counter() - begun
    return Rate(len(messages), _size(messages), seconds)


def _send(sending: Producer, topic: str, message: Message) -> None:
    while True:
        try:
            sending.produce(topic, message.value(), message.key(), headers=message.headers() or [])
        except BufferError:
            sending.poll(0.1)
        else:
            return


def _size(messages: list[Message]) -> int:
    return sum(len(each.value() or b"") + len(each.key() or b"") for each in messages)


@dataclass(frozen=True)
class Done:
    """What a command took for its work: without what it takes to begin and to end with none."""

    seconds: float
    cpu: float
    peak: float
    idle: float

    @classmethod
    def of(cls, *command: str | Path) -> Done:
        """Run a command that ends when all is done; then again, when there is nothing to do."""
        working, idle = run(STET, *command), run(STET, *command)
        seconds, cpu = working.seconds - idle.seconds, working.cpu - idle.cpu
        return cls(seconds, cpu, working.peak, idle.seconds)


def connected(mapping: Path, home: Path) -> Done:
    """`stet connect`, until all that the topic has is read."""
    return Done.of("connect", mapping, "--until-end", "--home", home)


def relayed(home: Path, topic: str) -> Done:
    """`stet relay`, until all that the log has is sent."""
    return Done.of("relay", "--topic", topic, "--until-end", "--home", home)
