"""The first and the last committed message of a topic, read without a group."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka import KafkaError as ClientError

from connectors.kafka.patience import TRY_SECONDS, made

TAIL = 100
"""So many messages are read first to find the last one; then ever more."""
ANSWER_SECONDS = 5.0
"""A cluster that has just told a topic's end is given so long for what is before it."""
READING: Mapping[str, Any] = {
    "group.id": "stet-relay",
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 50,  # the end is only told after so long
}


def last_value(client: Mapping[str, Any], topic: str) -> bytes | None:
    """Return the last committed message of a topic's one partition; None where there is none."""
    with closing(made(Consumer, {**client, **READING})) as reading:
        low, high = reading.get_watermark_offsets(TopicPartition(topic, 0), TRY_SECONDS)
        count = TAIL
        while True:
            begin = max(low, high - count)
            found = _values(reading, TopicPartition(topic, 0, begin))
            if found or begin == low:
                return found[-1] if found else None
            count *= 10  # what is there was aborted


def has_messages(client: Mapping[str, Any], topic: str) -> bool:
    """Whether a topic has a committed message, in whichever partition."""
    with closing(made(Consumer, {**client, **READING})) as reading:
        partitions = reading.list_topics(topic, timeout=TRY_SECONDS).topics[topic].partitions
        for number in partitions:
            low, _ = reading.get_watermark_offsets(TopicPartition(topic, number), TRY_SECONDS)
            if _values(reading, TopicPartition(topic, number, low), most=1):
                return True
    return False


def _values(reading: Consumer, begin: TopicPartition, most: int | None = None) -> list[bytes]:
    """The committed messages from an offset to the end; raises ``KafkaException``."""
    reading.assign([begin])
    found: list[bytes] = []
    while most is None or len(found) < most:
        message = reading.poll(ANSWER_SECONDS)
        if message is None:
            raise KafkaException(ClientError(ClientError._TIMED_OUT))
        error = message.error()
        if error is None:
            found.append(message.value() or b"")
        elif error.code() == ClientError._PARTITION_EOF:
            break
        else:
            raise KafkaException(error)
    return found
