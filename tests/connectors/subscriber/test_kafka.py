"""What only a topic can do to a subscriber: be made again, lose its beginning, be away."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from connectors import (
    ConnectorError,
    FromKafka,
    FromLog,
    Message,
    OtherModel,
    SideEffect,
    Subscriber,
)
from connectors.debezium.change import Message as Sent
from connectors.debezium.change import Origin
from connectors.subscriber.transport import Delivered
from event_log import (
    Category,
    Effect,
    EventLog,
    EventType,
    IncompatibleSchema,
    NewEvent,
    Upcaster,
    filled,
    renamed,
)

TABLES = "CREATE TABLE seen (sequence INTEGER, stream TEXT, data TEXT)"


def apply(message: Message, model: sqlite3.Connection) -> None:
    model.execute(
        "INSERT INTO seen VALUES (?, ?, ?)",
        (message.sequence, message.stream, json.dumps(message.data, sort_keys=True)),
    )


def seen(path: Path) -> list[int]:
    found = Subscriber(path, apply, TABLES).query("SELECT sequence FROM seen ORDER BY rowid")
    return [sequence for (sequence,) in found]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.sqlite"


def run(path: Path, transport: Any, **options: Any) -> None:
    Subscriber(path, apply, TABLES, **options).run(transport, until_idle=True)


@pytest.mark.server
def test_a_topic_that_was_made_again_is_read_anew_and_counts_nothing_twice(kafka, path) -> None:
    first = kafka()
    first.open_carts("a", "b")
    first.add(("a", 1))
    run(path, first.transport())
    again = kafka()  # the same log, relayed from its beginning to another topic
    again.published()
    again.add(("b", 2), ("a", 3))
    run(path, again.transport())
    assert seen(path) == [1, 2, 3, 4, 5]


@pytest.mark.server
def test_a_topic_of_the_same_name_that_was_made_again_is_noticed_while_it_is_read(
    kafka, path, monkeypatch
) -> None:
    from confluent_kafka.admin import AdminClient

    from connectors.subscriber import from_kafka

    monkeypatch.setattr(from_kafka, "CHECK_SECONDS", 0.1)
    source = kafka()
    source.open_carts("a", "b", "c")
    transport = FromKafka(source.topic, source.log.registry.values(), given(source))
    with running(Subscriber(path, apply, TABLES), transport):
        until(lambda: path.exists() and seen(path) == [1, 2, 3])
        make_again(AdminClient(given(source)), source.topic)
        source.sent = 0
        source.add(("a", 1), ("b", 2))
        until(lambda: seen(path) == [1, 2, 3, 4, 5])


@pytest.mark.server
def test_events_that_were_deleted_before_they_were_read_are_told(kafka, path) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    source = kafka()
    source.open_carts("a", "b")
    run(path, source.transport())
    source.add(("a", 1), ("a", 2), ("a", 3))
    gone = TopicPartition(source.topic, 0, 4)
    admin = AdminClient(given(source))
    admin.delete_records([gone])[gone].result()
    with pytest.raises(OtherModel, match=r"offset 2 .*deleted before they were read; call reset"):
        run(path, source.transport())
    assert seen(path) == [1, 2]


@pytest.mark.server
def test_a_message_that_is_no_event_is_left_out_and_told_with_its_place(kafka, path) -> None:
    source = kafka()
    source.open_carts("a")
    source.producer.produce(source.topic, b"{}", b"cart/a", headers={})
    source.producer.produce(source.topic, None, b"cart/a")
    source.open_carts("b")
    told: list[str] = []
    run(path, source.transport(), tell=told.append)
    assert seen(path) == [1, 2]
    assert [line.partition(" is no event")[0] for line in told if "no event" in line] == [
        f"{source.topic}, partition 0, offset 1",
        f"{source.topic}, partition 0, offset 2",
    ]
    reasons = Subscriber(path, apply, TABLES).query("SELECT reason FROM subscriber_left_out")
    assert [reason for (reason,) in reasons] == [line for line in told if "no event" in line]


EVENT = {
    "id": "e-1",
    "subject": "cart/a",
    "type": "CartOpened",
    "streamversion": 1,
    "sequence": "7",
    "time": "2026-11-30T08:00:00Z",
    "data": {"owner": "a"},
}


KNOWN = Category(
    "cart",
    pa.schema([("owner", pa.string())]),
    (EventType("CartOpened", Effect.CREATES, ("owner",)),),
)


def delivered(value: object, version: bytes = b"1") -> Delivered:
    """What becomes of a message with this value."""
    origin = Origin("carts", "t-1", 0, 4)
    sent = Sent(origin, b"cart/a", orjson.dumps(value), [("stet-schema-version", version)], 0)
    (came,) = FromKafka("carts", [KNOWN])._delivered([sent])
    return came


def test_an_event_of_the_relay_is_read() -> None:
    assert delivered(EVENT).unreadable is None
    assert delivered(EVENT).mark.sequence == 7


TEXTS = ("id", "type", "subject", "actor", "correlationid", "causationid")
OTHERS = ("occurredat", "time", "data", "streamversion", "sequence")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        (name, wrong)
        for name in (*TEXTS, *OTHERS)
        for wrong in ([], ["a"], {})
        if (name, wrong) != ("data", {})
    ]
    + [(name, 5.5) for name in TEXTS]
    + [(name, "x") for name in OTHERS],
)
def test_a_message_with_anything_in_the_place_of_a_part_is_told_and_stops_nobody(
    name: str, wrong: object
) -> None:
    came = delivered({**EVENT, name: wrong})
    assert came.message is None
    assert came.unreadable is not None
    assert came.unreadable.startswith("carts, partition 0, offset 4 is no event of the log")


@pytest.mark.parametrize("name", EVENT)
def test_a_message_without_a_part_is_no_event(name: str) -> None:
    assert delivered({key: value for key, value in EVENT.items() if key != name}).unreadable


@pytest.mark.parametrize("value", [None, 5, [], "x", [EVENT]])
def test_what_is_no_object_is_no_event(value: object) -> None:
    assert delivered(value).unreadable is not None
    assert delivered(EVENT, b"first").unreadable is not None


@pytest.mark.server
def test_a_model_goes_on_by_kafka_where_the_log_had_brought_it_and_back(kafka, path) -> None:
    source = kafka()

    def log() -> FromLog:
        return FromLog(EventLog(source.log.path, source.log.registry.values()), "tests")

    source.open_carts("a", "b")
    run(path, log())
    source.add(("a", 1))
    run(path, source.transport())
    source.add(("b", 2), ("a", 3))
    run(path, log())
    source.add(("a", 4))
    run(path, source.transport())
    assert seen(path) == [1, 2, 3, 4, 5, 6]


@pytest.mark.server
def test_of_several_partitions_each_stream_is_in_order_and_each_event_counts_once(
    kafka, path
) -> None:
    source = kafka(partitions=3)
    log = FromLog(EventLog(source.log.path, source.log.registry.values()), "tests")
    carts = "abcdefgh"
    source.open_carts(*carts)
    run(path, log)
    for price in range(5):
        source.add(*((cart, price) for cart in carts))
        run(path, source.transport())
    assert sorted(seen(path)) == [*range(1, 49)]
    for cart in carts:
        found = Subscriber(path, apply, TABLES).query(
            "SELECT sequence FROM seen WHERE stream = ? ORDER BY rowid", (f"cart/{cart}",)
        )
        assert found == sorted(found)
    with pytest.raises(OtherModel, match=r"3 partitions.*call reset"):
        run(path, log)
    with pytest.raises(OtherModel, match=r"has 1 partitions.* from 3; call reset"):
        run(path, kafka().transport())


PRICED = pa.schema([("price", pa.int64())])
OLD = Category(
    "cart",
    pa.schema([("owner", pa.string())]),
    (EventType("CartOpened", Effect.CREATES, "owner"), EventType("ItemAdded", Effect.REVISES)),
    annotations=PRICED,
)
NEW = Category(
    "cart",
    pa.schema([("owner", pa.string())]),
    OLD.types,
    schema_version=2,
    upcasters={
        1: Upcaster(OLD.carried, renamed("price", "amount"), filled("unit", "EUR", ["ItemAdded"]))
    },
    annotations=pa.schema([("amount", pa.int64()), ("unit", pa.string())]),
)


@pytest.mark.server
def test_an_old_program_stops_at_a_newer_form_and_its_successor_goes_on_with_what_waits(
    kafka, path
) -> None:
    source = kafka()
    source.log = EventLog(source.log.path, [OLD])
    source.append([NewEvent("cart/a", "CartOpened", {"owner": "ana"})])
    source.append([NewEvent("cart/a", "ItemAdded", {"price": 5})])

    def refuse(message: Message, model: sqlite3.Connection) -> None:
        if "price" in message.data:
            raise ValueError("not today")
        apply(message, model)

    def old() -> None:
        Subscriber(path, refuse, TABLES).run(source.transport([OLD]), until_idle=True)

    old()
    source.log = EventLog(source.log.path, [NEW])
    source.append([NewEvent("cart/b", "CartOpened", {"owner": "bo"})])
    with pytest.raises(IncompatibleSchema, match=r"version 2 came.* knows 1; install the newer"):
        old()
    assert seen(path) == [1]
    source.append([NewEvent("cart/b", "ItemAdded", {"amount": 7, "unit": "GBP"})])
    run(path, source.transport([NEW]))
    told = Subscriber(path, apply, TABLES).query("SELECT sequence, data FROM seen")
    assert dict(told) == {
        1: '{"owner": "ana"}',
        2: '{"amount": 5, "unit": "EUR"}',
        3: '{"owner": "bo"}',
        4: '{"amount": 7, "unit": "GBP"}',
    }


@pytest.mark.server
def test_a_subscriber_waits_for_a_topic_that_is_not_there_yet(kafka, path) -> None:
    import real_services
    from confluent_kafka.admin import AdminClient

    source = kafka()
    source.topic = name = f"{source.topic}-later"
    admin = AdminClient(given(source))
    told: list[str] = []
    transport = FromKafka(name, source.log.registry.values(), given(source))
    with running(Subscriber(path, apply, TABLES, tell=told.append), transport):
        until(lambda: told)
        real_services.make_topic(admin, name)
        source.open_carts("a")
        until(lambda: seen(path) == [1])
    admin.delete_topics([name])[name].result()
    assert told == [f"there is no topic {name} yet; stet relay makes it", "events come again"]


def test_while_no_broker_answers_the_outbox_is_emptied_and_it_stops_at_once(
    path, tmp_path, monkeypatch
) -> None:
    pytest.importorskip("confluent_kafka")
    from connectors.kafka import source as kafka_source

    monkeypatch.setattr(kafka_source, "ANSWER_SECONDS", 0.2)
    log = EventLog(tmp_path / "log", [OLD])
    log.append([NewEvent("cart/a", "CartOpened", {"owner": "ana"})])
    down, sent, told = [1], list[str](), list[str]()

    def deliver(effect: Any) -> None:
        if down:
            raise OSError("no post today")
        sent.append(effect.name)

    def letter(*_: object) -> Sequence[SideEffect]:
        return [SideEffect("letter")]

    Subscriber(path, letter, TABLES, deliver).run(FromLog(log, "tests"), until_idle=True)
    down.clear()
    nobody = FromKafka("shop", [OLD], {"bootstrap.servers": "127.0.0.1:1"})
    with running(Subscriber(path, letter, TABLES, deliver, told.append), nobody):
        until(lambda: sent and told)
        time.sleep(0.5)
    assert sent == ["letter"]
    assert len(told) == 1
    assert "Kafka at 127.0.0.1:1 does not answer" in told[0]


def test_without_its_client_it_is_told_what_to_install(path, monkeypatch) -> None:
    from connectors.kafka import connection

    monkeypatch.setattr(connection, "find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    monkeypatch.delitem(sys.modules, "connectors.kafka.source", raising=False)
    with pytest.raises(ConnectorError, match=r"pip install .*\[connect\]"):
        run(path, FromKafka("shop", [OLD]))


def make_again(admin: Any, topic: str) -> None:
    """Delete a topic, and make another of its name as soon as it is gone."""
    import real_services
    from confluent_kafka import KafkaError, KafkaException

    admin.delete_topics([topic])[topic].result()
    ends = time.monotonic() + 30
    while True:
        try:
            return real_services.make_topic(admin, topic)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS or time.monotonic() > ends:
                raise
            time.sleep(0.1)


def given(source: Any) -> dict[str, str]:
    return {"bootstrap.servers": source.broker}


class running:
    """A subscriber that runs in a thread until the block ends."""

    def __init__(self, subscriber: Subscriber, transport: Any) -> None:
        self.subscriber = subscriber
        self.thread = threading.Thread(target=subscriber.run, args=(transport,))

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.subscriber.stop()
        self.thread.join(30)
        assert not self.thread.is_alive()


def until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it does not come to hold"
        time.sleep(0.02)
