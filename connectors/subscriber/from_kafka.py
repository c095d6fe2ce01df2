"""``FromKafka``: events come from the topic that `stet relay` fills."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from connectors.capture.source import OffsetGone, Partition, SourceAway, SourceError, TopicMissing
from connectors.kafka.connection import client_settings
from connectors.subscriber.errors import OtherModel, SubscriberError
from connectors.subscriber.forms import newest
from connectors.subscriber.message import Message
from connectors.subscriber.transport import Away, Delivered, Mark, Marks
from event_log import Category, IncompatibleSchema, Registry

if TYPE_CHECKING:
    from connectors.debezium.change import Message as Sent
    from connectors.kafka.source import KafkaSource

SCHEMA_VERSION = "stet-schema-version"
"""The header with the schema version whose form the data has."""
KINDS = {"id": str, "subject": str, "type": str, "streamversion": int, "time": str, "data": dict}
"""What an event says of itself, as JSON has it."""
CHECK_SECONDS = 10.0
"""How often it is asked for the topic's id: a topic that was made again has the same offsets."""


class FromKafka:
    """The transport of a subscriber that reads a topic of Kafka, by the settings ``STET_KAFKA...``.

    ``categories`` are those that the subscriber knows: events of others are left out, and events
    that were written with an earlier schema version get its newest form. ``given`` are settings of
    the client, by its own names. The position is in the subscriber's database, none is kept in
    Kafka. It needs the extra ``connect``.
    """

    def __init__(
        self,
        topic: str,
        categories: Sequence[Category],
        given: Mapping[str, Any] | None = None,
    ) -> None:
        self._topic, self._given = topic, given
        self._registry = Registry(tuple(categories))
        self._source: KafkaSource | None = None
        self._partitions: list[Partition] = []
        self._away = ""
        self._later: IncompatibleSchema | None = None
        self._checked_at = 0.0

    def open(self, marks: Marks) -> Marks:
        """Begin at the marks' offsets; in a topic of another id at its beginning."""
        client_settings(self._given)  # says what to install, where the client is missing
        from connectors.kafka.source import KafkaSource

        self.close()
        self._source = KafkaSource([self._topic], "subscriber", self._given)
        self._away, self._later = "", None
        self._partitions = self._asked()
        begun = self._begun(marks)
        same = {p: begun[p.number] for p in self._partitions}
        self._reading.begin(
            {p: m.offset if m.topic_id == p.topic_id else 0 for p, m in same.items()}
        )
        return begun

    def _begun(self, marks: Marks) -> dict[int, Mark]:
        """The mark of every partition; events from the log were those of all partitions."""
        numbers = {each.number for each in self._partitions}
        if set(marks) == numbers:
            return dict(marks)
        if not marks or set(marks) == {0}:
            before = marks.get(0, Mark())
            if not before.topic_id:
                return dict.fromkeys(sorted(numbers), before)
        raise OtherModel(
            f"topic {self._topic} has {len(numbers)} partitions, and the model was fed from"
            f" {len(marks)}; call reset(), and it is made anew"
        )

    @property
    def _reading(self) -> KafkaSource:
        if self._source is None:
            raise SubscriberError(f"topic {self._topic} is not open; a Subscriber opens it")
        return self._source

    def _asked(self) -> list[Partition]:
        self._checked_at = time.monotonic()
        try:
            return self._reading.partitions()
        except TopicMissing as error:
            raise Away(f"{error} yet; stet relay makes it") from None
        except SourceAway as error:
            raise Away(str(error)) from None

    def read(self, most: int, timeout: float) -> Sequence[Delivered]:
        """The next messages; those that came before an outage or a newer schema come first."""
        if self._later is not None:
            raise self._later
        if self._away:
            raise Away(self._away)
        due = time.monotonic() - self._checked_at > CHECK_SECONDS
        if due and self._asked() != self._partitions:
            raise Away(f"topic {self._topic} was made anew")
        try:
            taken = self._reading.take(most, timeout)
        except OffsetGone as gone:
            raise OtherModel(
                f"{gone}: events were deleted before they were read; call reset(), make the model"
                " anew from the log (FromLog), and then follow the topic again"
            ) from None
        except (SourceAway, TopicMissing) as error:
            raise Away(str(error)) from None
        self._away = taken.away
        return [*self._delivered(taken.messages)]

    def _delivered(self, sent: Sequence[Sent]) -> Iterator[Delivered]:
        for each in sent:
            mark = Mark(topic_id=each.origin.topic_id, offset=each.origin.offset + 1)
            try:
                message = _event(each)
            except (KeyError, TypeError, ValueError) as error:
                where = f"{self._topic}, partition {each.origin.partition}, offset"
                why = f"{where} {each.origin.offset} is no event of the log ({error!r})"
                yield Delivered(each.origin.partition, mark, None, why)
                continue
            mark = Mark(message.sequence, message.event_id, mark.topic_id, mark.offset)
            if message.stream.partition("/")[0] not in self._registry:
                yield Delivered(each.origin.partition, mark, None)
                continue
            try:
                yield Delivered(each.origin.partition, mark, self.newest(message))
            except IncompatibleSchema as error:
                self._later = error  # what came before it is handled first
                return

    def newest(self, message: Message) -> Message:
        """A message in the form that this program knows."""
        return newest(message, self._registry)

    def behind(self, marks: Marks) -> int:
        """The offsets that are left in the topic, which count marks of transactions too."""
        try:
            ends = self._reading.ends()
        except SourceError as error:
            raise Away(str(error)) from None
        return sum(max(0, end - marks[p.number].offset) for p, end in ends.items())

    def stop(self) -> None:
        """Nothing to do: no ``read`` waits longer than it is told to."""

    def close(self) -> None:
        """End the connection."""
        if self._source is not None:
            self._source.close()
            self._source = None


def _event(sent: Sent) -> Message:
    """The event that a message says; raises ``KeyError``, ``TypeError`` or ``ValueError``."""
    said = orjson.loads(sent.value or b"")
    headers = dict(sent.headers or ())
    for name, kind in KINDS.items():
        if not isinstance(said[name], kind):
            raise TypeError(f"{name} is {said[name]!r:.40}")
    for name in ("actor", "correlationid", "causationid", "occurredat"):
        if not isinstance(said.get(name), str | None):
            raise TypeError(f"{name} is {said[name]!r:.40}")
    occurred = said.get("occurredat")
    return Message(
        sequence=int(said["sequence"]),
        event_id=said["id"],
        stream=said["subject"],
        version=said["streamversion"],
        type=said["type"],
        schema_version=int(headers[SCHEMA_VERSION] or 0),
        recorded_at=datetime.fromisoformat(said["time"]),
        occurred_at=occurred and datetime.fromisoformat(occurred),
        actor=said.get("actor"),
        correlation_id=said.get("correlationid"),
        causation_id=said.get("causationid"),
        data=said["data"],
    )
