"""Kafka topics as a source: partitions are assigned, never balanced, and no offset is kept there.

Two things that Kafka does in silence are errors here. A client that is told to go on at an offset
that a topic does not hold any more jumps to its end or its beginning: ``auto.offset.reset`` is
``error``. A topic that was deleted and made again has the same name and the same offsets: only its
id differs, which ``partitions`` asks for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka import KafkaError as ClientError
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from connectors.capture.source import (
    OffsetGone,
    Partition,
    SourceAway,
    SourceError,
    Taken,
    TopicMissing,
)
from connectors.debezium.change import Message, Origin
from connectors.kafka.connection import KafkaError, client_settings, cluster_of

ANSWER_SECONDS = 5.0
"""How long a question to the cluster may take."""
MOST_BYTES = 64 * 1024 * 1024
"""The bytes of messages that are taken at once, about."""
AT_A_TIME = 1_000
READING: dict[str, Any] = {
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "fetch.queue.backoff.ms": 5,
    "queued.min.messages": 20_000,
    "queued.max.messages.kbytes": 32_768,
    "reconnect.backoff.max.ms": 1_000,
    "log.connection.close": False,
}
"""How messages are read; a file cannot say otherwise."""
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]
EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
GONE = {ClientError._AUTO_OFFSET_RESET, ClientError.OFFSET_OUT_OF_RANGE}
MISSING = {
    ClientError.UNKNOWN_TOPIC_OR_PART,
    ClientError._UNKNOWN_TOPIC,
    ClientError._UNKNOWN_PARTITION,
}
FOR_GOOD = {
    ClientError._AUTHENTICATION,
    ClientError._SSL,
    ClientError.TOPIC_AUTHORIZATION_FAILED,
    ClientError.SASL_AUTHENTICATION_FAILED,
    ClientError.CLUSTER_AUTHORIZATION_FAILED,
}
"""Errors that waiting does not mend."""
quiet_logger = logging.getLogger("stet.kafka")
quiet_logger.setLevel(logging.CRITICAL)  # what the client logs is told by ``Taken.away``, once
STALE = frozenset({ClientError.UNKNOWN_LEADER_EPOCH, ClientError.FENCED_LEADER_EPOCH})
"""What a client that knows another leader than the cluster was seen to be told for minutes."""


class KafkaSource:
    """Some topics of a cluster; ``given`` are the client's settings from a file."""

    def __init__(
        self, topics: Sequence[str], name: str, given: Mapping[str, Any] | None = None
    ) -> None:
        self._topics = list(topics)
        client = client_settings(given)
        self._cluster = cluster_of(client)
        self._away = ""
        self._fatal: ClientError | None = None
        client["error_cb"] = self._noted
        self._client = client
        self._admin = self._new_admin()
        reading = {**client, "group.id": f"stet-connect-{name}", **READING}
        self._consumer = _made(lambda: Consumer(reading, logger=quiet_logger))
        self._assigned: dict[tuple[str, int], Partition] = {}

    def partitions(self) -> list[Partition]:
        """Ask for all partitions of the topics, with the ids that the topics have now."""
        asked = self._admin.describe_topics(
            TopicCollection(self._topics), request_timeout=ANSWER_SECONDS
        )
        found: list[Partition] = []
        for topic in self._topics:
            try:
                described = asked[topic].result()
            except KafkaException as error:
                raise self._told(error.args[0], topic) from None
            topic_id = str(described.topic_id)
            found += [Partition(topic, topic_id, each.id) for each in described.partitions]
        self._away = ""
        return sorted(found)

    def begin(self, positions: Mapping[Partition, int]) -> None:
        """Read these partitions from now on, each from its position; 0 is its beginning."""
        self._assigned = {(each.topic, each.number): each for each in positions}
        self._positions = dict(positions)
        self._consumer.assign(
            [
                TopicPartition(each.topic, each.number, position or OFFSET_BEGINNING)
                for each, position in positions.items()
            ]
        )

    def take(self, most: int, seconds: float) -> Taken:
        """Take the next messages: those that are there, or the first that comes in some seconds."""
        # consume() with a time waits for all that it may take: so one is waited for, then the rest.
        came = self._consumer.consume(1, seconds)
        size = sum(map(len, came))
        while came and len(came) < most and size < MOST_BYTES:
            more = self._consumer.consume(min(most - len(came), AT_A_TIME), 0)
            if not more:
                break
            came += more
            size += sum(map(len, more))
        if self._fatal is not None:
            raise self._told(self._fatal)
        taken, assigned = Taken(), self._assigned
        add = taken.messages.append
        for one in came:
            if one.error() is not None:
                self._take_error(one, taken)
                continue
            partition = assigned[one.topic(), one.partition()]
            origin = Origin(*partition, one.offset())
            add(Message(origin, one.key(), one.value(), one.headers(), one.timestamp()[1]))
        taken.away = self._away
        return taken

    def ends(self) -> dict[Partition, int]:
        """Ask for the offset after the last message of each partition that is read."""
        return self._offsets(self._assigned.values(), LATEST)

    def firsts(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Ask for the first offset that each of some partitions holds."""
        return self._offsets(partitions, EARLIEST)

    def newest(self, partition: Partition) -> int | None:
        """The offset after the last message as it was when some were fetched; None if unknown."""
        try:
            _, high = self._consumer.get_watermark_offsets(
                TopicPartition(partition.topic, partition.number), cached=True
            )
        except KafkaException:
            return None
        return high if high >= 0 else None

    def close(self) -> None:
        """End the connection."""
        self._consumer.close()

    def _new_admin(self) -> AdminClient:
        admin: AdminClient = _made(lambda: AdminClient(self._client, logger=quiet_logger))
        return admin

    def _offsets(self, partitions: Iterable[Partition], which: OffsetSpec) -> dict[Partition, int]:
        asked = {(each.topic, each.number): each for each in partitions}
        if not asked:
            return {}
        answers = self._admin.list_offsets(
            {TopicPartition(*place): which for place in asked},
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=ANSWER_SECONDS,
        )
        found = {}
        for of, answer in answers.items():
            try:
                found[asked[of.topic, of.partition]] = answer.result().offset
            except KafkaException as error:
                if error.args[0].code() in STALE:
                    self._admin = self._new_admin()
                raise self._told(error.args[0], of.topic) from None
        return found

    def _take_error(self, one: Any, taken: Taken) -> None:
        error: ClientError = one.error()
        partition = self._assigned.get((one.topic(), one.partition()))
        if error.code() == ClientError._PARTITION_EOF and partition is not None:
            taken.at_end[partition] = one.offset()
        elif error.code() in GONE and partition is not None:
            raise OffsetGone(partition, self._place(partition), self._first(partition))
        elif error.retriable() and error.code() not in MISSING:
            self._away = self._reason(error)
        else:
            raise self._told(error, one.topic())

    def _place(self, partition: Partition) -> int:
        """The offset at which reading is to go on."""
        place = TopicPartition(partition.topic, partition.number)
        offset: int = self._consumer.position([place])[0].offset
        return offset if offset >= 0 else self._positions[partition]

    def _first(self, partition: Partition) -> int | None:
        """The first offset that the partition holds; None when it cannot be asked for."""
        try:
            return self._offsets([partition], EARLIEST)[partition]
        except SourceError:
            return None

    def _noted(self, error: ClientError) -> None:
        """Note an error that concerns no message; called while messages are taken."""
        if error.code() in FOR_GOOD or error.fatal():
            self._fatal = error
        elif error.code() == ClientError._ALL_BROKERS_DOWN:
            self._away = self._reason(error)

    def _told(self, error: ClientError, topic: str | None = None) -> SourceError | KafkaError:
        """The error for people: whether to wait, to make a topic, or to set something else."""
        if error.code() in MISSING and topic is not None:
            return TopicMissing(topic)
        if error.code() in FOR_GOOD or error.fatal():
            return KafkaError(
                f"Kafka at {self._cluster} refuses: {error.str()}; see the settings STET_KAFKA_..."
            )
        return SourceAway(self._reason(error))

    def _reason(self, error: ClientError) -> str:
        return f"Kafka at {self._cluster} does not answer ({error.name()})"


def _made(make: Any) -> Any:
    """A client; what is wrong with its settings is told as such."""
    try:
        return make()
    except KafkaException as error:
        raise KafkaError(f"kafka: {error.args[0].str()}; correct the section kafka") from None
    except (TypeError, ValueError) as error:
        raise KafkaError(f"kafka: {error}; correct the section kafka") from None
