"""What a source of messages is: partitions that are read in order, from positions that it is told.

A source keeps no position itself: the log has them (``Partition.producer``). A position is the
offset after the last message that counts, never a number of messages: transactions and compaction
leave holes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Protocol

from connectors.debezium.change import Message
from connectors.errors import ConnectorError


class Partition(NamedTuple):
    """One partition of a topic; ``topic_id`` tells a topic from a later one of the same name."""

    topic: str
    topic_id: str
    number: int

    @property
    def producer(self) -> str:
        """The name under which the log keeps the position.

        >>> Partition("shop", "bBx5pDTyRoKr1lx5Xm1bsQ", 0).producer
        'kafka:bBx5pDTyRoKr1lx5Xm1bsQ:0'
        """
        return f"kafka:{self.topic_id}:{self.number}"

    @property
    def shown(self) -> str:
        """The partition in a message to people."""
        return f"{self.topic}, partition {self.number}"


@lru_cache
def partition_of(topic: str, topic_id: str, number: int) -> Partition:
    """Return the partition of a message, which is one of few: it is made once."""
    return Partition(topic, topic_id, number)


@lru_cache
def producer_of(topic_id: str, number: int) -> str:
    """Return the producer of a message's partition, likewise."""
    return Partition("", topic_id, number).producer


@dataclass(slots=True)
class Taken:
    """Messages that were taken, in order, and the partitions that have no more for now.

    ``at_end`` has for these the offset that the next message will have, or more. ``away`` says why
    the broker does not answer; empty when it does.
    """

    messages: list[Message] = field(default_factory=list)
    at_end: dict[Partition, int] = field(default_factory=dict)
    away: str = ""


class SourceError(ConnectorError):
    """A source cannot be read, or not without losing something; the message says what to do."""


class SourceAway(SourceError):
    """The source does not answer now; it may later."""


class TopicMissing(SourceError):
    """A topic does not exist."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"there is no topic {topic}")
        self.topic = topic


class OffsetGone(SourceError):
    """The source does not hold the offset any more at which reading is to go on."""

    def __init__(self, partition: Partition, offset: int, first: int | None) -> None:
        begins = f"it begins at {first:,}" if first is not None else "it was deleted"
        super().__init__(f"{partition.shown}: offset {offset:,} is not held any more, {begins}")
        self.partition = partition
        self.offset = offset
        self.first = first


class Source(Protocol):
    """Where messages come from: a Kafka cluster, or what was captured from one.

    ``tests/connectors/test_source.py`` says what holds for each.
    """

    def partitions(self) -> list[Partition]:
        """Ask for all partitions of the topics, with the ids that the topics have now.

        Raises ``SourceAway`` and ``TopicMissing``.
        """

    def begin(self, positions: Mapping[Partition, int]) -> None:
        """Read these partitions from now on, each from its position; 0 is its beginning."""

    def take(self, most: int, seconds: float) -> Taken:
        """Take the next messages: those that are there, or the first that comes in some seconds.

        Raises ``OffsetGone`` when a position is none of the partition.
        """

    def ends(self) -> dict[Partition, int]:
        """Ask for the offset after the last message of each partition; raises ``SourceAway``."""

    def firsts(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Ask for the first offset that each of some partitions holds; raises ``SourceAway``."""

    def newest(self, partition: Partition) -> int | None:
        """The offset after the last message as it was when some were fetched; None if unknown."""

    def close(self) -> None:
        """End the connection."""
