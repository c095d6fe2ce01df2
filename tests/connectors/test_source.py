"""What holds for each source of messages: a real Kafka, and the one that tests capture."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest
from captured import Broker, CapturedSource

from connectors.capture.source import OffsetGone, Partition, Source, Taken, TopicMissing
from connectors.debezium.change import Message


class World(Protocol):
    """Where a source reads: its topics can be written, cut, and made again."""

    topic: str

    def source(self, *topics: str) -> Source: ...
    def write(self, *values: bytes, key: bytes | None = b"k") -> None: ...
    def leave_hole(self) -> None: ...
    def cut(self, to: int) -> None: ...
    def make_again(self) -> None: ...


class InMemory:
    topic = "shop"

    def __init__(self) -> None:
        self.broker = Broker()
        self.broker.make(self.topic)

    def source(self, *topics: str) -> Source:
        return CapturedSource(self.broker, topics or (self.topic,))

    def write(self, *values: bytes, key: bytes | None = b"k") -> None:
        for value in values:
            self.broker.write(self.topic, key, value, [("h", b"1")])

    def leave_hole(self) -> None:
        self.broker.leave_hole(self.topic, 2)

    def cut(self, to: int) -> None:
        self.broker.cut(self.topic, to)

    def make_again(self) -> None:
        self.broker.make(self.topic)


class InKafka:
    def __init__(self, address: str, topic: str) -> None:
        from confluent_kafka import Producer
        from confluent_kafka.admin import AdminClient

        self.topic = topic
        self._settings = {"bootstrap.servers": address}
        self._admin = AdminClient(self._settings)
        self._producer = Producer({**self._settings, "linger.ms": 0})

    def source(self, *topics: str) -> Source:
        from connectors.kafka.source import KafkaSource

        given = {**self._settings, "auto.offset.reset": "latest"}  # what a file says does not count
        return KafkaSource(topics or (self.topic,), "test", given)

    def write(self, *values: bytes, key: bytes | None = b"k") -> None:
        for value in values:
            self._producer.produce(self.topic, value, key, headers=[("h", b"1")])
        assert self._producer.flush(10) == 0

    def leave_hole(self) -> None:
        """A transaction that is given up leaves its messages and its marker out."""
        from confluent_kafka import Producer

        producer = Producer({**self._settings, "transactional.id": f"{self.topic}-hole"})
        producer.init_transactions(20)
        producer.begin_transaction()
        producer.produce(self.topic, b"never", b"k")
        producer.flush(10)
        producer.abort_transaction(20)

    def cut(self, to: int) -> None:
        from confluent_kafka import TopicPartition

        for cut in self._admin.delete_records([TopicPartition(self.topic, 0, to)]).values():
            cut.result(10)

    def make_again(self) -> None:
        import real_services

        for gone in self._admin.delete_topics([self.topic]).values():
            gone.result(10)
        until = time.monotonic() + 10
        while True:
            try:
                real_services.make_topic(self._admin, self.topic)
            except Exception:  # it says so while the old one is being deleted
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                return


@pytest.fixture(params=["captured", pytest.param("kafka", marks=pytest.mark.server)])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "captured":
        return InMemory()
    address = request.getfixturevalue("kafka")
    return InKafka(address, request.getfixturevalue("own_topic")())


@pytest.fixture
def opened() -> Iterator[Callable[[Source], Source]]:
    """Closes sources when the test ends."""
    sources: list[Source] = []
    yield lambda source: sources.append(source) or source  # type: ignore[func-returns-value]
    for source in sources:
        source.close()


def begun(source: Source, position: int = 0) -> Partition:
    [partition] = source.partitions()
    source.begin({partition: position})
    return partition


def all_of(source: Source, seconds: float = 20) -> tuple[list[Message], dict[Partition, int]]:
    """All messages until the end, and the end."""
    messages: list[Message] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        taken: Taken = source.take(100, 0.2)
        messages += taken.messages
        if taken.at_end:
            return messages, taken.at_end
    raise AssertionError(f"no end came, but {messages}")


Opened = Callable[[Source], Source]


def test_messages_come_in_order_with_where_they_lie(world: World, opened: Opened) -> None:
    world.write(b"a", b"b", b"c")
    source = opened(world.source())
    partition = begun(source)
    messages, at_end = all_of(source)
    assert [m.value for m in messages] == [b"a", b"b", b"c"]
    assert [m.origin for m in messages] == [(*partition, offset) for offset in range(3)]
    assert messages[0].key == b"k"
    assert list(messages[0].headers or ()) == [("h", b"1")]
    assert at_end == {partition: 3} == source.ends()
    assert source.firsts([partition]) == {partition: 0}
    assert source.newest(partition) == 3


def test_reading_goes_on_at_a_position(world: World, opened: Opened) -> None:
    world.write(b"a", b"b", b"c")
    source = opened(world.source())
    begun(source, 2)
    assert [m.value for m in all_of(source)[0]] == [b"c"]


def test_what_comes_later_is_taken_later_and_has_an_end_again(world: World, opened: Opened) -> None:
    source = opened(world.source())
    partition = begun(source)
    assert all_of(source) == ([], {partition: 0})
    world.write(b"a")
    messages, at_end = all_of(source)
    assert [m.value for m in messages] == [b"a"]
    assert at_end == {partition: 1}


def test_no_more_are_taken_than_asked_for(world: World, opened: Opened) -> None:
    world.write(*(b"%d" % n for n in range(10)))
    source = opened(world.source())
    begun(source)
    came: list[int] = []
    while sum(came) < 10:
        taken = source.take(4, 5)
        came.append(len(taken.messages))
        assert came[-1] <= 4


def test_a_hole_is_passed_and_the_end_is_behind_it(world: World, opened: Opened) -> None:
    world.write(b"a")
    world.leave_hole()
    source = opened(world.source())
    partition = begun(source)
    messages, at_end = all_of(source)
    assert [m.value for m in messages] == [b"a"]
    assert at_end[partition] == source.ends()[partition] > 1
    world.write(b"b")
    [later], _ = all_of(source)
    assert later.origin.offset == at_end[partition]


@pytest.mark.parametrize("position", [1, 9], ids=["cut off", "beyond the end"])
def test_a_position_that_is_not_held_is_an_error_and_never_passed_over(
    position: int, world: World, opened: Opened
) -> None:
    world.write(b"a", b"b", b"c")
    world.cut(2)
    source = opened(world.source())
    partition = begun(source, position)
    with pytest.raises(OffsetGone) as gone:
        all_of(source)
    assert (gone.value.partition, gone.value.offset, gone.value.first) == (partition, position, 2)


def test_a_beginning_that_was_cut_off_is_read_from_where_it_begins_now(
    world: World, opened: Opened
) -> None:
    world.write(b"a", b"b", b"c")
    world.cut(2)
    source = opened(world.source())
    partition = begun(source)
    assert source.firsts([partition]) == {partition: 2}
    assert [m.value for m in all_of(source)[0]] == [b"c"]


def test_a_topic_that_was_made_again_has_another_id(world: World, opened: Opened) -> None:
    source = opened(world.source())
    [before] = source.partitions()
    world.make_again()
    [after] = source.partitions()
    assert before.topic == after.topic
    assert before.topic_id != after.topic_id
    assert before.producer != after.producer


def test_a_topic_that_is_missing_is_named(world: World, opened: Opened) -> None:
    source = opened(world.source(world.topic, "stet-none-such"))
    with pytest.raises(TopicMissing, match="there is no topic stet-none-such"):
        source.partitions()


def test_a_tombstone_has_no_value(world: World, opened: Opened) -> None:
    world.write(None)  # type: ignore[arg-type]
    source = opened(world.source())
    begun(source)
    [message], _ = all_of(source)
    assert (message.key, message.value) == (b"k", None)
