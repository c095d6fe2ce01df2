"""The relay and a real Kafka: each event once and in order, whatever is killed or away."""

from __future__ import annotations

import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from kafka_server import TEST_TOPICS
from relayed import SOURCE, committed, process, relay_of, sequences, told, topics_removed

from connectors import ConnectorError, KafkaRelay, RelayError, cloud_events
from connectors import relay as relaying
from connectors.kafka import patience
from connectors.kafka.connection import KafkaError
from connectors.kafka.topics import FOR_PROGRESS
from connectors.relay import Place
from connectors.standing import standings
from event_log import Category, Effect, EventLog, EventType, NewEvent
from newsroom.categories import CATEGORIES

pytestmark = pytest.mark.server
KILLS = int(os.environ.get("KILLS", "10"))
LONGEST = 1.5
"""Seconds that a relay lives at most: it begins in half a second."""


@pytest.fixture
def broker(kafka: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("STET_KAFKA", kafka)
    return kafka


@pytest.fixture
def topic(broker: str) -> Iterator[str]:
    with topics_removed(broker, f"{TEST_TOPICS}{uuid.uuid4().hex[:12]}") as name:
        yield name


@pytest.fixture
def admin(broker: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker})


@pytest.fixture(autouse=True)
def log(tmp_path: Path) -> EventLog:
    """A log in the folder that the relays read."""
    made = EventLog(tmp_path / "log", CATEGORIES)
    made.append([_tag(n) for n in range(20)])
    made.append([_section(n) for n in range(5)])
    return made


def _tag(number: int, text: str = "") -> NewEvent:
    return NewEvent(f"tag/{number}", "TagDefined", {"name": text or f"Tag {number}"}, actor="ana")


def _section(number: int) -> NewEvent:
    return NewEvent(f"section/{number}", "SectionOpened", {"name": f"Section {number}"})


def _relay(tmp_path: Path, topic: str, **named: object) -> list[str]:
    """Relay what there is; returns what was told."""
    said: list[str] = []
    relay_of(tmp_path, topic, **named).run(said.append, until_end=True)
    return said


def _settings(admin: AdminClient, topic: str) -> dict[str, str]:
    (answer,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
    return {name: each.value for name, each in answer.result().items()}


def _make(admin: AdminClient, topic: str, partitions: int = 1, **settings: str) -> None:
    from real_services import make_topic

    make_topic(admin, topic, partitions, **settings)


def test_a_message_has_the_event_its_stream_as_key_and_its_place_as_headers(
    broker: str, topic: str, admin: AdminClient, log: EventLog, tmp_path: Path
) -> None:
    assert _relay(tmp_path, topic) == []
    found = told(broker, topic)
    assert [each.value for each in found] == [
        value for batch in log.scan() for value in cloud_events(batch, SOURCE)
    ]
    for event, message in zip(log.read(), found, strict=True):
        assert message.key == event.stream
        assert message.headers == {
            "content-type": "application/cloudevents+json",
            "stet-sequence": str(event.sequence),
            "stet-type": event.type,
            "stet-event-id": event.event_id,
            "stet-version": str(event.version),
            "stet-schema-version": str(log.registry[event.category].schema_version),
        }
    settings = _settings(admin, topic)
    assert (settings["cleanup.policy"], settings["retention.ms"]) == ("delete", "-1")
    assert _settings(admin, f"{topic}.progress")["cleanup.policy"] == "compact"
    (standing,) = standings(tmp_path)
    assert (standing.direction, standing.positions, standing.lag) == ("relay", {topic: 25}, 0)


def test_a_relay_goes_on_where_the_last_one_was(
    broker: str, topic: str, log: EventLog, tmp_path: Path
) -> None:
    _relay(tmp_path, topic)
    log.append([_tag(n) for n in range(20, 30)])
    _relay(tmp_path, topic)
    _relay(tmp_path, topic)
    assert sequences(broker, topic) == [*range(1, 36)]


def test_each_category_has_a_topic_of_its_own_in_order(
    broker: str, topic: str, log: EventLog, tmp_path: Path
) -> None:
    _relay(tmp_path, topic, per_category=True)
    log.append([_tag(n) for n in range(20, 30)])
    _relay(tmp_path, topic, per_category=True)
    assert sequences(broker, f"{topic}.tag") == [*range(1, 21), *range(26, 36)]
    assert sequences(broker, f"{topic}.section") == [*range(21, 26)]
    assert sequences(broker, f"{topic}.article") == []
    with pytest.raises(RelayError, match="is not the one topic of before"):
        _relay(tmp_path, topic)


def test_a_category_that_the_domain_got_since_has_a_topic_beside_the_others(
    broker: str, topic: str, admin: AdminClient, tmp_path: Path
) -> None:
    def relayed(*categories: str) -> EventLog:
        log = EventLog(tmp_path / "growing", [_category(name) for name in categories])
        log.append([NewEvent(f"{name}/{log.head}", f"{name}-made", {}) for name in categories])
        KafkaRelay(log, tmp_path, SOURCE, topic, per_category=True).run(print, until_end=True)
        return log

    relayed("note")
    relayed("note", "song")
    relayed("note", "song")
    assert sequences(broker, f"{topic}.note") == [1, 2, 4]
    assert sequences(broker, f"{topic}.song") == [3, 5]
    _make(admin, f"{topic}.poem", **{"retention.ms": "-1", "retention.bytes": "-1"})
    foreign = Producer({"bootstrap.servers": broker})
    foreign.produce(f"{topic}.poem", b"another's")
    foreign.flush(30)
    with pytest.raises(RelayError, match=r"\.poem has messages, but topic .* does not say"):
        relayed("note", "song", "poem")
    _delete(admin, f"{topic}.song")
    with pytest.raises(RelayError, match="was deleted and made again"):
        relayed("note", "song")


def _category(name: str) -> Category:
    text = pa.schema([("text", pa.string())])
    return Category(name, text, (EventType(f"{name}-made", Effect.CREATES, ()),))


def test_with_several_partitions_the_events_of_a_stream_are_in_order(
    broker: str, topic: str, log: EventLog, tmp_path: Path
) -> None:
    for _ in range(3):
        log.append([NewEvent(f"tag/{n}", "TagRevised", {"name": f"New {n}"}) for n in range(20)])
    _relay(tmp_path, topic, partitions=3)
    found = told(broker, topic)
    assert {each.partition for each in found} == {0, 1, 2}
    assert sorted(each.sequence for each in found) == [*range(1, log.head + 1)]
    for stream in {each.key for each in found}:
        versions = [each.headers["stet-version"] for each in found if each.key == stream]
        assert versions == [str(n + 1) for n in range(len(versions))]
    assert _relay(tmp_path, topic) == [
        f"topic {topic} has 3 partitions, not 1: only the events of one stream are in order"
    ]


def test_a_topic_that_would_lose_events_is_refused(
    topic: str, admin: AdminClient, tmp_path: Path
) -> None:
    _make(admin, topic, **{"cleanup.policy": "compact"})
    with pytest.raises(KafkaError, match="would keep only the last event of each stream"):
        _relay(tmp_path, topic)
    _make(admin, f"{topic}-2.progress")
    with pytest.raises(KafkaError, match=r"cleanup.policy=delete, and would forget"):
        _relay(tmp_path, f"{topic}-2")
    _make(admin, f"{topic}-3.progress", 2, **{"cleanup.policy": "compact"})
    with pytest.raises(KafkaError, match="has 2 partitions; the progress of a relay needs one"):
        _relay(tmp_path, f"{topic}-3")
    _make(admin, f"{topic}-4")
    (said,) = _relay(tmp_path, f"{topic}-4")
    assert "forgets old messages (retention.ms=604800000" in said


def test_topics_that_are_gone_are_sent_again_only_together(
    broker: str, topic: str, admin: AdminClient, tmp_path: Path
) -> None:
    _relay(tmp_path, topic)
    _delete(admin, f"{topic}.progress")
    with pytest.raises(RelayError, match=r"has messages, but topic .*\.progress does not say"):
        _relay(tmp_path, topic)
    _delete(admin, topic)
    _relay(tmp_path, topic)
    assert sequences(broker, topic) == [*range(1, 26)]
    _delete(admin, topic)
    with pytest.raises(RelayError, match="was deleted and made again"):
        _relay(tmp_path, topic)
    _delete(admin, topic)
    _delete(admin, f"{topic}.progress")
    _relay(tmp_path, topic)
    assert sequences(broker, topic) == [*range(1, 26)]


def _delete(admin: AdminClient, topic: str) -> None:
    admin.delete_topics([topic])[topic].result()
    while topic in admin.list_topics(timeout=10).topics:
        time.sleep(0.05)


def test_what_an_earlier_relay_did_not_finish_is_not_seen(
    broker: str, topic: str, tmp_path: Path, admin: AdminClient
) -> None:
    for name, settings in ((topic, {}), (f"{topic}.progress", {"cleanup.policy": "compact"})):
        _make(admin, name, **settings)
    killed = Producer({"bootstrap.servers": broker, "transactional.id": f"stet-relay-{topic}"})
    killed.init_transactions(30)
    killed.begin_transaction()
    for number in range(250):  # more than are read at first to find the place
        killed.produce(topic, b"half", "tag/1")
        killed.produce(f"{topic}.progress", Place(number, "x").to_json(), topic)
    assert killed.flush(30) == 0
    _relay(tmp_path, topic)
    assert sequences(broker, topic) == [*range(1, 26)]
    _relay(tmp_path, topic)
    assert sequences(broker, topic) == [*range(1, 26)]


def test_an_event_that_is_too_large_is_named_and_sent_once_it_may_be(
    broker: str, topic: str, admin: AdminClient, log: EventLog, tmp_path: Path
) -> None:
    log.append([_tag(100, "x" * 1_200_000), _tag(101)])
    with pytest.raises(
        KafkaError, match=r"sequence 26 \(tag/100\) takes 1,200,\d\d\d bytes"
    ) as told:
        _relay(tmp_path, topic)
    wanted = str(told.value).partition("max.message.bytes=")[2].partition(" ")[0]
    assert sequences(broker, topic) == []
    resource = ConfigResource(
        ResourceType.TOPIC,
        topic,
        incremental_configs=[
            ConfigEntry("max.message.bytes", wanted, incremental_operation=AlterConfigOpType.SET)
        ],
    )
    admin.incremental_alter_configs([resource])[resource].result()
    _relay(tmp_path, topic)
    assert sequences(broker, topic) == [*range(1, 28)]


@pytest.mark.slow
def test_the_place_is_found_after_the_progress_was_compacted(
    broker: str, topic: str, admin: AdminClient, log: EventLog, tmp_path: Path
) -> None:
    soon = {"segment.ms": "100", "min.cleanable.dirty.ratio": "0.01", "max.compaction.lag.ms": "1"}
    _make(admin, f"{topic}.progress", **{**FOR_PROGRESS, **soon})
    relay = Running(tmp_path, topic)
    for number in range(20):
        log.append([_tag(100 + number)])
        relay.until(26 + number)
    kept = 20
    end = time.monotonic() + 90
    while kept > 10:  # Kafka looks every 15 seconds, and leaves the segment that is written to
        assert time.monotonic() < end
        time.sleep(1)
        log.append([_tag(200)])
        kept = len(committed(broker, f"{topic}.progress"))
    relay.relay.stop()
    relay.ended()
    log.append([_tag(300)])
    _relay(tmp_path, topic)
    assert sequences(broker, topic) == [*range(1, log.head + 1)]


class Running:
    """A relay that runs in a thread of the test."""

    def __init__(self, tmp_path: Path, topic: str, **named: object) -> None:
        self.said: list[str] = []
        self.error: ConnectorError | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(relay_of(tmp_path, topic, **named),)
        )
        self._thread.start()
        self._ready.wait(30)

    def _run(self, relay: KafkaRelay) -> None:
        def started(running: relaying.Relay) -> None:
            self.relay = running
            self._ready.set()

        try:
            relay.run(self.said.append, started=started)
        except ConnectorError as error:
            self.error = error

    def until(self, sequence: int, seconds: float = 60) -> None:
        """Wait until it has come so far."""
        _wait(lambda: self.error or (self.relay.position or 0) >= sequence, seconds)
        assert self.error is None, self.error

    def ended(self, seconds: float = 60) -> None:
        """Wait until it has ended."""
        self._thread.join(seconds)
        assert not self._thread.is_alive()


def test_what_is_appended_is_sent_at_once_until_the_relay_is_stopped(
    broker: str, topic: str, log: EventLog, tmp_path: Path
) -> None:
    running = Running(tmp_path, topic)
    running.until(25)
    for number in range(3):
        log.append([_tag(number + 50)])
        running.until(26 + number, 10)
    running.relay.stop()
    running.ended()
    assert running.error is None
    assert sequences(broker, topic) == [*range(1, 29)]


def test_of_two_relays_the_first_is_fenced_and_says_so(
    broker: str, topic: str, log: EventLog, tmp_path: Path
) -> None:
    first = Running(tmp_path, topic)
    first.until(25)
    second = Running(tmp_path, topic)
    second.until(25)
    log.append([_tag(n) for n in range(50, 60)])
    second.until(35)
    first.ended()
    assert "another relay has begun to send to topic" in str(first.error)
    second.relay.stop()
    second.ended()
    assert second.error is None
    assert sequences(broker, topic) == [*range(1, 36)]


def test_a_relay_whose_transaction_took_too_long_begins_again(
    broker: str, topic: str, log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying, "TAKEOVER_SECONDS", 0.1)
    running = Running(tmp_path, topic)
    running.until(25)
    # Kafka fences a relay in the same way when it gives up its transaction.
    fencing = Producer({"bootstrap.servers": broker, "transactional.id": f"stet-relay-{topic}"})
    fencing.init_transactions(30)
    log.append([_tag(n) for n in range(50, 60)])
    running.until(35)
    running.relay.stop()
    running.ended()
    assert running.error is None
    assert "it begins again" in running.said[0]
    assert sequences(broker, topic) == [*range(1, 36)]


def _append_for(log: EventLog, ended: threading.Event) -> None:
    """Append events again and again, some of them many at a time."""
    random_source = random.Random(7)
    number = 1_000
    while not ended.is_set():
        count = random_source.choice([1, 1, 3, 200, 3_000])
        log.append([_tag(number + n) for n in range(count)])
        number += count
        ended.wait(random_source.uniform(0, 0.05))


@pytest.mark.slow
@pytest.mark.parametrize("named", [{}, {"per_category": True}], ids=["one topic", "a topic each"])
def test_a_relay_that_is_killed_at_any_moment_loses_and_doubles_nothing(
    broker: str, topic: str, log: EventLog, tmp_path: Path, named: dict[str, bool]
) -> None:
    ended = threading.Event()
    appending = threading.Thread(target=_append_for, args=(log, ended))
    appending.start()
    random_source, moved = random.Random(11), 0
    try:
        for number in range(KILLS if not named else max(1, KILLS // 3)):
            before = _reached(tmp_path)
            relay = process(tmp_path, topic, broker, most_events=500, **named)
            if number % 2:  # while it begins, or
                time.sleep(random_source.uniform(0, LONGEST))
            else:  # while it sends
                _wait(lambda before=before: _reached(tmp_path) > before)
                time.sleep(random_source.uniform(0, LONGEST / 3))
            assert relay.exitcode is None
            relay.kill()
            relay.join()
            moved += _reached(tmp_path) > before
    finally:
        ended.set()
        appending.join()
    _relay(tmp_path, topic, **named)
    names = {f"{topic}.{category.name}" for category in CATEGORIES} if named else {topic}
    found = [each for name in sorted(names) for each in told(broker, name)]
    by_sequence = sorted(each.sequence for each in found)
    assert by_sequence == [*range(1, log.head + 1)]
    for name in names:
        of_topic = [each.sequence for each in found if each.topic == name]
        assert of_topic == sorted(of_topic)
    assert moved >= KILLS // 6


def _wait(until: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.01)


def _reached(tmp_path: Path) -> int:
    return next((n for each in standings(tmp_path) for n in each.positions.values()), 0)


@pytest.mark.slow
def test_while_the_broker_is_away_the_relay_waits_and_says_so_once(
    log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import real_services

    monkeypatch.setattr(patience, "SILENT_SECONDS", 0.5)
    with real_services.own_services() as services:
        server = services.kafka
        monkeypatch.setenv("STET_KAFKA", server.address)
        running = Running(tmp_path, "news")
        _wait(lambda: len(running.said) >= 1)  # it may begin before the broker does
        server.start()
        running.until(25)
        server.kill()
        log.append([_tag(n) for n in range(50, 60)])
        _wait(lambda: "does not answer" in standings(tmp_path)[0].note)
        assert standings(tmp_path)[0].lag == 10
        server.start()
        running.until(35)
        running.relay.stop()
        running.ended()
        found = sequences(server.address, "news")
    away, back = f"Kafka at {server.address} does not answer", "answers again"
    assert [away in text or back in text for text in running.said] == [True] * len(running.said)
    assert [back in text for text in running.said[:4]] == [False, True, False, True]
    assert found == [*range(1, 36)]
    assert running.error is None


@pytest.mark.slow
def test_a_relay_that_is_told_to_end_ends_though_the_broker_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STET_KAFKA", "127.0.0.1:9")
    running = Running(tmp_path, "news")
    time.sleep(0.5)
    running.relay.stop()
    running.ended(15)
    assert (running.error, running.relay.position) == (None, None)
