"""Kafka as a relay's sink: events and the place that they reach are sent in one transaction.

The transactional id is made from the topic's name. So a relay that begins aborts what an earlier
one has not finished, and fences it: Kafka takes nothing from it any more. Only then is the place
read, the last message of a compacted topic: it says what was sent and what was not. Whoever reads
with ``isolation.level=read_committed`` gets every event once, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, NoReturn

import orjson
from confluent_kafka import KafkaError as ClientError
from confluent_kafka import KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from connectors.chunks import Chunk
from connectors.cloud_event_form import MEDIA_TYPE
from connectors.kafka.connection import KafkaError, client_settings, cluster_of
from connectors.kafka.ends import has_messages, last_value
from connectors.kafka.patience import REFUSED, TRY_SECONDS, Patience, made
from connectors.kafka.topics import Found, Topics, prepared
from connectors.relay import Interrupted, Place, RelayError
from event_log import Registry

ABORT_SECONDS = 5.0
OVERHEAD = 512
"""The most bytes that a message takes beside its key and its value."""
MOST_BATCH = 1_000_000
"""Bytes that are sent at a time; the cluster takes no more than the topic's limit."""
LEAST_LIMIT = 1_000
"""The client takes no lower limit for the size of a message."""
ALWAYS: Mapping[str, Any] = {"reconnect.backoff.max.ms": 1_000, "log.connection.close": False}
SENDING: Mapping[str, Any] = {
    "enable.idempotence": True,
    "transaction.timeout.ms": 60_000,
    "compression.type": "lz4",
    "partitioner": "murmur2_random",  # as Kafka's own clients choose it
    "queue.buffering.max.messages": 1_000_000,
    "queue.buffering.max.kbytes": 1_048_576,
    "delivery.report.only.error": True,
}


class KafkaSink:
    """The topics of a relay in a Kafka cluster."""

    def __init__(
        self,
        topics: Topics,
        registry: Registry,
        partitions: int = 1,
        tell: Callable[[str], None] = lambda _: None,
        waiting: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """``tell`` is called with what an operator should know.

        ``waiting`` is called while the cluster does not answer, with the reason; it says whether to
        give up.
        """
        self._topics, self._partitions, self._tell = topics, partitions, tell
        self._client = {**ALWAYS, **client_settings()}
        self._cluster = cluster_of(self._client)
        self._patience = Patience(self._cluster, tell, waiting)
        self._admin = made(AdminClient, self._client)
        self._schema_versions = {name: str(c.schema_version) for name, c in registry.items()}
        self._producer: Producer | None = None
        self._found = Found((), {})
        self._told: set[str] = set()
        self._begun = False
        self._refused: tuple[ClientError, Message] | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return f"topic {self._topics.name}"

    @property
    def cluster(self) -> str:
        """The addresses of the cluster."""
        return self._cluster

    # the place

    def begin(self) -> Place | None:
        """Fence every other relay of this topic; return the place that was reached."""
        self.close()
        self._found = self._patience.until_answered(
            lambda: prepared(self._admin, self._topics, self._partitions, self._tell_once)
        )
        limits = self._found.most_bytes.values()
        sending = {
            **self._client,
            **SENDING,
            "transactional.id": f"stet-relay-{self._topics.name}",
            "message.max.bytes": max(LEAST_LIMIT, *limits),
            "batch.size": min(MOST_BATCH, *limits),
            "on_delivery": self._not_delivered,
        }
        self._producer = producer = made(Producer, sending)
        self._patience.until_answered(lambda: producer.init_transactions(TRY_SECONDS))
        place = self.place()
        self._check(place)
        return place

    def place(self) -> Place | None:
        """Return the place that the last committed message has; None where there is none."""
        topic = self._topics.progress
        text = self._patience.until_answered(lambda: last_value(self._client, topic))
        try:
            return None if text is None else Place.from_json(text)
        except ValueError as error:
            raise RelayError(
                f"topic {topic}: its last message {error}; relay to another topic"
            ) from None

    def _check(self, place: Place | None) -> None:
        """Raise ``RelayError`` if the topics do not have what the place says."""
        before, found = dict(place.targets if place else ()), dict(self._found.ids)
        if place is not None and any(found.get(topic) != id for topic, id in before.items()):
            raise RelayError(
                f"{self.name} was deleted and made again, or is not the one topic of before, since"
                f" events were sent through sequence {place.sequence:,}; relay to another topic, or"
                f" delete topic {self._topics.progress} as well to send all events again"
            )
        for topic in found.keys() - before.keys():  # also of a category that the domain got since
            if self._patience.until_answered(lambda topic=topic: has_messages(self._client, topic)):  # type: ignore[misc]
                raise RelayError(
                    f"topic {topic} has messages, but topic {self._topics.progress} does not say"
                    " how far they go; relay to another topic, or delete both to send all again"
                )

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._tell(text)

    # sending

    def put(self, chunk: Chunk) -> None:
        """Send events; they belong to the transaction of the next place."""
        with self._transaction() as producer:
            self._produce(producer, chunk)

    def commit(self, place: Place) -> None:
        """Send the place that was reached, and end the transaction."""
        with self._transaction() as producer:
            reached = replace(place, targets=self._found.ids).to_json()
            self._put(producer, self._topics.progress, reached, self._topics.name, [])
            self._patience.until_answered(lambda: producer.commit_transaction(TRY_SECONDS))
        self._begun = False

    @contextmanager
    def _transaction(self) -> Iterator[Producer]:
        """The transaction that is open, or a new one; what fails in it aborts it."""
        producer = self._producer
        if producer is None:
            raise RelayError(f"{self.name}: nothing is sent before the relay begins")
        if not self._begun:
            self._refused = None
            self._patience.until_answered(producer.begin_transaction)
            self._begun = True
        try:
            yield producer
        except Exception:
            refused, self._begun = self._refused, False  # to abort refuses the others, too
            self._abort(producer)
            if refused is not None:
                self._raise_refused(*refused)
            raise

    def _produce(self, producer: Producer, chunk: Chunk) -> None:
        """Give a chunk to the client, which sends it meanwhile."""
        limits, versions = self._found.most_bytes, self._schema_versions
        of_category = {
            category: (topic, limits[topic] - OVERHEAD, versions[category])
            for category, topic in self._topics.by_category.items()
        }
        put = self._put
        for sequence, stream, category, type, event_id, version, value in zip(
            chunk.sequences,
            chunk.streams,
            chunk.categories,
            chunk.types,
            chunk.event_ids,
            chunk.versions,
            chunk.cloud_events,
            strict=True,
        ):
            topic, most, schema_version = of_category[category]
            if len(value) + len(stream) > most:
                raise self._too_large(topic, sequence, stream, len(value))
            headers = [
                ("content-type", MEDIA_TYPE),
                ("stet-sequence", str(sequence)),
                ("stet-type", type),
                ("stet-event-id", event_id),
                ("stet-version", str(version)),
                ("stet-schema-version", schema_version),
            ]
            put(producer, topic, value, stream, headers)

    def _put(
        self, producer: Producer, topic: str, value: bytes, key: str, headers: list[Any]
    ) -> None:
        while True:
            try:
                return producer.produce(topic, value, key, headers=headers)
            except BufferError:
                producer.poll(0.1)
            except KafkaException as error:
                self._patience.give_up(error.args[0])

    def _abort(self, producer: Producer) -> None:
        """Let subscribers not wait for what is not finished; where that fails, time does it."""
        with suppress(KafkaException):
            producer.abort_transaction(ABORT_SECONDS)

    def _not_delivered(self, error: ClientError | None, message: Message) -> None:
        if error is not None and self._refused is None:
            self._refused = error, message

    def _raise_refused(self, error: ClientError, message: Message) -> NoReturn:
        """Raise the reason why a message was refused."""
        topic, value = message.topic() or "", message.value() or b""
        if error.code() == ClientError.MSG_SIZE_TOO_LARGE and topic in self._topics.events:
            told = orjson.loads(value)
            raise self._too_large(topic, int(told["sequence"]), told["subject"], len(value))
        if error.code() in REFUSED:
            self._patience.give_up(error)
        raise Interrupted(f"a message was not taken: {error.str()}")

    def _too_large(self, topic: str, sequence: int, stream: str, size: int) -> KafkaError:
        limit = self._found.most_bytes[topic]
        return KafkaError(
            f"the event at sequence {sequence:,} ({stream}) takes {size:,} bytes, and topic {topic}"
            f" takes messages of {limit:,} bytes at most; neither it nor what comes after it was"
            f" sent. Set max.message.bytes={size + size // 10 + OVERHEAD} for the topic, and start"
            " the relay again"
        )

    def close(self) -> None:
        """Give back what is held; what was not committed is not sent."""
        producer, self._producer, self._begun = self._producer, None, False
        if producer is not None:
            producer.purge()  # else the client would try to send it before it ends
