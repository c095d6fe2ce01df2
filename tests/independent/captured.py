"""A source of messages that were captured, or are written as Debezium writes them; no server.

``tests/connectors/test_source.py`` holds it to the same contract as a real Kafka.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.capture.source import OffsetGone, Partition, SourceAway, Taken, TopicMissing
from connectors.debezium.change import Message, Origin

Held = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]


@dataclass
class Topic:
    """What a topic holds: for each partition its messages, and the offset that comes next."""

    topic_id: str
    messages: list[list[Held]]
    next: list[int]
    first: list[int]


@dataclass
class Broker:
    """Topics in memory, which are written, cut, deleted and made again."""

    topics: dict[str, Topic] = field(default_factory=dict)
    away: str = ""

    def make(self, topic: str, partitions: int = 1) -> None:
        """Make a topic; one of the same name before it is gone."""
        many = range(partitions)
        self.topics[topic] = Topic(
            uuid.uuid4().hex, [[] for _ in many], [0 for _ in many], [0 for _ in many]
        )

    def write(
        self,
        topic: str,
        key: Any,
        value: Any,
        headers: Iterable[tuple[str, bytes | None]] = (),
        partition: int = 0,
    ) -> int:
        """Write a message, and return its offset; what is not bytes or None becomes JSON."""
        held, offset = self.topics[topic], self.topics[topic].next[partition]
        held.messages[partition].append((offset, _json(key), _json(value), list(headers)))
        held.next[partition] += 1
        return offset

    def leave_hole(self, topic: str, count: int = 1) -> None:
        """Leave offsets out, as the markers of transactions and compaction do."""
        self.topics[topic].next[0] += count

    def cut(self, topic: str, to: int) -> None:
        """Delete the messages before an offset."""
        held = self.topics[topic]
        held.messages[0] = [each for each in held.messages[0] if each[0] >= to]
        held.first[0] = to


class CapturedSource:
    """``Source`` over a ``Broker``."""

    def __init__(self, broker: Broker, topics: Iterable[str]) -> None:
        self._broker, self._topics = broker, list(topics)
        self._places: dict[Partition, int] = {}
        self._told_end: dict[Partition, int] = {}

    def partitions(self) -> list[Partition]:
        self._ask()
        found = []
        for topic in self._topics:
            if topic not in self._broker.topics:
                raise TopicMissing(topic)
            held = self._broker.topics[topic]
            found += [Partition(topic, held.topic_id, n) for n in range(len(held.messages))]
        return sorted(found)

    def begin(self, positions: Mapping[Partition, int]) -> None:
        self._places, self._told_end = dict(positions), {}

    def take(self, most: int, seconds: float) -> Taken:  # noqa: ARG002 - all is here or is not
        taken = Taken(away=self._broker.away)
        if taken.away:
            return taken
        for partition, place in self._places.items():
            held = self._broker.topics.get(partition.topic)
            if held is None:
                continue  # of a topic that was deleted Kafka's client says nothing
            number = partition.number
            if place and not held.first[number] <= place <= held.next[number]:
                raise OffsetGone(partition, place, held.first[number])
            for offset, key, value, headers in held.messages[number]:
                if offset >= place and len(taken.messages) < most:
                    origin = Origin(*partition, offset)
                    taken.messages.append(Message(origin, key, value, headers, 0))
                    self._places[partition] = offset + 1
            end = held.next[number]
            if len(taken.messages) < most and self._told_end.get(partition) != end:
                self._told_end[partition] = taken.at_end[partition] = end
                self._places[partition] = end
        return taken

    def ends(self) -> dict[Partition, int]:
        self._ask()
        topics = self._broker.topics
        return {each: topics[each.topic].next[each.number] for each in self._places}

    def firsts(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        self._ask()
        topics = self._broker.topics
        return {each: topics[each.topic].first[each.number] for each in partitions}

    def newest(self, partition: Partition) -> int | None:
        held = self._broker.topics.get(partition.topic)
        return None if held is None else held.next[partition.number]

    def close(self) -> None:
        self._places = {}

    def _ask(self) -> None:
        if self._broker.away:
            raise SourceAway(self._broker.away)


def _json(value: Any) -> bytes | None:
    return value if value is None or isinstance(value, bytes) else orjson.dumps(value)


class Tables:
    """Writes to a topic what Debezium writes of transactions: boundaries and changes, in order."""

    def __init__(self, broker: Broker, topic: str, server: str = "cms") -> None:
        self.broker, self.topic, self.server = broker, topic, server
        self.boundaries = True
        self._transaction, self._lsn = 700, 1_000
        self._written: list[tuple[Any, Any]] = []

    def transaction(self, *changes: tuple[str, str, Any, Any], end: bool = True) -> int:
        """Write a transaction: (op, table, key, after) of each change; returns its number."""
        self._transaction += 1
        begun, name = len(self._written), f"{self._transaction}:{self._lsn}"
        if self.boundaries:
            self._write({"id": name}, {"status": "BEGIN", "id": name, "ts_ms": 1})
        for order, (op, table, key, after) in enumerate(changes, 1):
            self._lsn += 8
            told = {"id": f"{self._transaction}:{self._lsn}", "total_order": order}
            told["data_collection_order"] = order
            self._write(key, self._envelope(op, table, key, after, transaction=told))
            if op == "d":
                self._write(key, None)
        if self.boundaries and end:
            last = {"status": "END", "id": name, "event_count": len(changes), "ts_ms": 1}
            self._write({"id": name}, last)
        self.last = self._written[begun:]
        return self._transaction

    def change(self, table: str, before: Any, after: Any) -> None:
        """Write a change of a line of a table without a key, which tells what it was before."""
        self._transaction, self._lsn = self._transaction + 1, self._lsn + 8
        op = "c" if before is None else "d" if after is None else "u"
        told = {"id": f"{self._transaction}:{self._lsn}", "total_order": 1}
        value = self._envelope(op, table, None, after, transaction=told)
        self._write(None, value | {"before": before})

    def again(self) -> None:
        """Write the last transaction again, as Debezium does after it was killed."""
        for key, value in self.last:
            self.broker.write(self.topic, key, value)

    def snapshot(self, *lines: tuple[str, Any, Any], mark: str | None = None) -> None:
        """Write lines of a snapshot: (table, key, after); marked as a whole one unless told."""
        for n, (table, key, after) in enumerate(lines):
            is_last = n + 1 == len(lines)
            marked = mark or (
                "last" if is_last
                else "first" if n == 0
                else "last_in_data_collection" if lines[n + 1][0] != table
                else "first_in_data_collection" if lines[n - 1][0] != table
                else "true"
            )  # fmt: skip
            self._write(key, self._envelope("r", table, key, after, snapshot=marked))

    def _envelope(
        self,
        op: str,
        table: str,
        key: Any,
        after: Any,
        transaction: Any = None,
        snapshot: str | None = None,
    ) -> dict[str, Any]:
        source = {"name": self.server, "schema": "public", "table": table, "snapshot": snapshot}
        source |= {"lsn": None, "txId": None, "ts_us": 1_700_000_000_000_000}
        if snapshot is None:
            source |= {"lsn": self._lsn, "txId": self._transaction}
        before = key if op == "d" else None
        made = {"op": op, "before": before, "after": after, "source": source}
        return made | {"transaction": transaction}

    def _write(self, key: Any, value: Any) -> None:
        self._written.append((key, value))
        self.broker.write(self.topic, key, value)
