"""From real tables to the log: PostgreSQL, Debezium, Kafka and the command, as people run them."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import psycopg
import pytest

from event_log import EventLog
from newsroom import DOMAIN
from replay import live_beginning, read_entity

if TYPE_CHECKING:
    from real_services import Connector

pytestmark = pytest.mark.server
KILLS = int(os.environ.get("KILLS") or 6)
"""How often the connector is killed; ``KILLS=50`` takes some minutes."""
TABLES = """
create table author (id int primary key, name text not null);
create table article (
    id int primary key, headline text not null, published_at timestamptz not null,
    summary text, body text);
create table article_author (
    article_id int, author_id int, ordinal int, primary key (article_id, author_id));
create table note (id int primary key, text text);
"""
ALL = [f"public.{name}" for name in ("author", "article", "article_author", "note")]
MAPPING = """
source: cms
topics: [{topic}]
tables:
  author: {{stream: "byline/{{id}}"}}
  article:
    stream: article/{{id}}
    fields: {{abstract: summary}}
  article_author:
    lists:
      byline_ids: {{of: "article/{{article_id}}", value: "byline/{{author_id}}", order: ordinal}}
"""


@pytest.fixture
def database(postgres: str) -> str:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(TABLES)
    return postgres


class Desk:
    """A home with a mapping, and the command over it."""

    def __init__(self, home: Path, topic: str) -> None:
        self.home = home
        self.mapping = home / "cms.yaml"
        self.mapping.write_text(MAPPING.format(topic=topic))
        self.log = EventLog(home / "log", DOMAIN.categories)

    def start(self, *options: str) -> subprocess.Popen[str]:
        stet = [sys.executable, "-c", "from app.cli import main; main()"]
        kept = {name: text for name, text in os.environ.items() if not name.startswith("STET_")}
        return subprocess.Popen(
            [*stet, "connect", str(self.mapping), "--home", str(self.home), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=kept
            | ({"STET_KAFKA": os.environ["STET_KAFKA"]} if "STET_KAFKA" in os.environ else {}),
            text=True,
        )

    def connect(self, *options: str) -> str:
        """Run the command to its end; returns what it printed, on stderr last."""
        process = self.start(*options)
        printed, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return printed + said

    def tables(self) -> dict[str, Any]:
        """What the log says that the tables have."""
        found: dict[str, Any] = {}
        for prefix in ("byline/", "article/"):
            for stream in live_beginning(self.log, prefix):
                fields = read_entity(self.log, stream).fields
                fields.pop("published_at", None)
                found[stream] = fields
        return found


def in_database(database: str) -> dict[str, Any]:
    """What the tables have, as the log would say it."""
    with psycopg.connect(database) as connection:
        found: dict[str, Any] = {
            f"byline/{number}": {"name": name}
            for number, name in connection.execute("select id, name from author")
        }
        articles = connection.execute(
            "select a.id, headline, summary, body,"
            " (select array_agg('byline/' || author_id order by ordinal, author_id)"
            "  from article_author where article_id = a.id) from article a"
        )
        for number, *values in articles:
            named = zip(("headline", "abstract", "body", "byline_ids"), values, strict=True)
            found[f"article/{number}"] = {name: v for name, v in named if v is not None}
    return found


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.05)


@pytest.fixture
def desk(tmp_path: Path, database: str, debezium: Callable[..., Connector]) -> Desk:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("insert into author values (1, 'Ana'), (2, 'Bo')")
        connection.execute(
            "insert into article values (1, 'Whales', '1851-10-18', null, repeat('long ', 9000))"
        )
        connection.execute("insert into article_author values (1, 1, 2), (1, 2, 1)")
    return Desk(tmp_path, debezium(database, ALL).topic)


def test_the_log_comes_to_say_what_the_tables_have(desk: Desk, database: str) -> None:
    process = desk.start("--json")
    try:
        wait_until(lambda: desk.tables() == in_database(database))
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("update article set headline = 'Sea' where id = 1")  # body withheld
            connection.execute("update author set id = 7 where id = 2")
            connection.execute("update article_author set author_id = 7 where author_id = 2")
            connection.execute("insert into note values (1, 'of no table in the mapping')")
            with connection.transaction():
                connection.execute("insert into article values (2, 'Sky', now(), 'short', null)")
                connection.execute("insert into article_author values (2, 1, 1)")
                connection.execute("delete from author where id = 1")
        wait_until(lambda: desk.tables() == in_database(database))
    finally:
        process.send_signal(signal.SIGTERM)
        printed, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, "")
    last = orjson.loads(printed.splitlines()[-1])
    assert (last["name"], last["lag"], last["dead_letters"]) == ("cms", 0, 0)
    together = {e.correlation_id for e in desk.log.read() if e.stream in ("article/2", "byline/1")}
    assert len([one for one in together if one]) == 1
    assert "0 events" in desk.connect("--until-end")


def test_two_connectors_are_one_too_many(desk: Desk) -> None:
    process = desk.start()
    try:
        wait_until(lambda: desk.log.head > 0)
        second = desk.start("--until-end")
        _, said = second.communicate(timeout=60)
        assert second.returncode == 1
        assert "cms runs already (process" in said
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_look_a_dead_letter_and_its_replay(desk: Desk, database: str) -> None:
    wait_until(lambda: "would become 3 events" in desk.connect("--dry-run", "100"))
    assert desk.log.head == 0
    looked = [
        orjson.loads(line) for line in desk.connect("--dry-run", "100", "--json").splitlines()
    ]
    [whales] = [each for each in looked if each["stream"] == "article/1"]
    assert whales["data"]["byline_ids"] == ["byline/2", "byline/1"]
    text = desk.mapping.read_text()
    desk.mapping.write_text(
        text.replace('"byline/{id}"}', '"byline/{id}", unknown: dead_letter}', 1)
    )
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("alter table author add column age int")  # a schema change in mid-stream
        connection.execute("insert into author values (3, 'Cy', 40)")
        connection.execute("update author set name = 'Cyd' where id = 3")
        connection.execute("insert into article values (5, 'Last', now(), null, null)")
    wait_until(lambda: bool(desk.connect("--once")) and "article/5" in desk.tables())
    assert "byline/3" not in desk.tables()
    letters = [orjson.loads(line) for line in desk.connect("--dead-letters", "--json").splitlines()]
    assert [letter["line"] for letter in letters] == ['public.author {"id":3}'] * 2
    assert all("column age" in letter["reason"] for letter in letters)
    assert orjson.loads(letters[0]["value"])["after"]["age"] == 40
    assert "2 dead letters" in desk.connect("--dead-letters")
    desk.mapping.write_text(text.replace('"byline/{id}"}', '"byline/{id}", ignored: [age]}', 1))
    assert "2 of 2 dead letters replayed: 2 events" in desk.connect("--replay")
    assert desk.tables() == in_database(database)


def test_a_topic_that_was_made_again_is_told_with_what_to_do(
    tmp_path: Path, kafka: str, own_topic: Callable[..., str]
) -> None:
    import real_services
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient

    desk = Desk(tmp_path, own_topic())
    admin = AdminClient({"bootstrap.servers": kafka})
    [topic] = [
        line.split("[")[1][:-1]
        for line in desk.mapping.read_text().splitlines()
        if "topics" in line
    ]
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(topic, b'{"ts_ms": 1}')
    producer.flush(10)
    assert "1 message" in desk.connect("--until-end")
    admin.delete_topics([topic])[topic].result(10)
    wait_until(lambda: topic not in admin.list_topics(timeout=10).topics)
    real_services.make_topic(admin, topic)
    process = desk.start("--until-end")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"error: the topic {topic} was deleted and made again" in said
    assert "--begin-again" in said
    desk.connect("--until-end", "--begin-again")
    desk.connect("--until-end")


@pytest.mark.slow
def test_a_broker_that_was_away_is_waited_for_and_said_once(tmp_path: Path) -> None:
    import real_services
    from captured import Broker, Tables
    from captured_cms import author
    from confluent_kafka import Producer

    written = Broker()
    written.make("cms")
    tables = Tables(written, "cms")
    with real_services.own_services() as services:
        services.kafka.start()
        real_services.make_topic(services.kafka.admin(), "cms")
        producer = Producer({"bootstrap.servers": services.kafka.address})

        def write(number: int) -> None:
            tables.transaction(("c", *author(number)))
            for key, value in tables.last:
                producer.produce("cms", orjson.dumps(value), orjson.dumps(key))
            assert producer.flush(60) == 0

        desk = Desk(tmp_path, "cms")
        with desk.mapping.open("a") as mapping:
            mapping.write(f"kafka: {{bootstrap.servers: '{services.kafka.address}'}}\n")
        write(1)
        process = desk.start()
        try:
            wait_until(lambda: desk.log.head == 1)
            services.kafka.kill()
            time.sleep(3)
            services.kafka.start()
            write(2)
            wait_until(lambda: desk.log.head == 2)
        finally:
            process.terminate()
            _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    lines = said.splitlines()
    assert len(lines) == 2, said
    assert lines[0].endswith("waiting")
    assert lines[1].endswith("answers again")


@pytest.mark.slow
def test_kills_at_any_moment_lose_nothing_and_double_nothing(desk: Desk, database: str) -> None:
    chance = random.Random(20)
    with changing(database, seed=7) as changes:
        for _ in range(KILLS):
            process = desk.start()
            before = desk.log.head
            with contextlib.suppress(AssertionError):  # it may be killed before it begins
                wait_until(lambda before=before: desk.log.head > before, 20)
            time.sleep(chance.uniform(0, 0.6))
            process.kill()
            process.communicate(timeout=30)
    assert changes.transactions > 10 * KILLS
    wait_for_debezium(database, desk)
    desk.connect("--until-end")
    assert desk.tables() == in_database(database)
    ids = [event.event_id for event in desk.log.read()]
    assert len(ids) == len(set(ids))
    said: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for event in desk.log.read():
        said.setdefault(event.stream, []).append((event.type, dict(event.data)))
    doubled = [
        stream
        for stream, events in said.items()
        for one, other in itertools.pairwise(events)
        if one == other
    ]
    assert doubled == []


def wait_for_debezium(database: str, desk: Desk) -> None:
    """Wait until what was changed so far is in the topic: a last change of its own tells."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("insert into author values (99, 'the last')")
    wait_until(
        lambda: (
            bool(desk.connect("--until-end")) and desk.log.versions(["byline/99"])["byline/99"] > 0
        ),
        120,
    )


@pytest.mark.slow
def test_what_debezium_sends_again_after_it_was_killed_is_there_once(tmp_path: Path) -> None:
    import real_services

    with real_services.own_services() as services:
        assert len([*services.start()]) == 3
        with real_services.postgres(services.postgres) as database:
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(TABLES)
            with real_services.debezium(database, ALL, services=services) as made:
                desk = Desk(tmp_path, made.topic)
                with desk.mapping.open("a") as mapping:
                    mapping.write(f"kafka: {{bootstrap.servers: '{services.kafka.address}'}}\n")
                with changing(database, seed=11):
                    for _ in range(2):
                        time.sleep(3)
                        services.connect.kill()
                        services.connect.start()
                        services.connect.put(made.name, made.settings)
                        real_services.wait_for_slot(database, made.slot)
                wait_for_debezium(database, desk)
                assert desk.tables() == in_database(database)
                assert desk.connect("--dead-letters").startswith("0 ")
    types = [(event.stream, event.type, dict(event.data)) for event in desk.log.read()]
    said = {}
    for stream, type_name, data in types:
        assert said.get(stream) != (type_name, data)
        said[stream] = (type_name, data)


class Changes:
    transactions = 0


@contextlib.contextmanager
def changing(database: str, seed: int) -> Iterator[Changes]:
    """Change the tables at random, in transactions, until the block ends."""
    done, ending, chance = Changes(), threading.Event(), random.Random(seed)

    def change() -> None:
        with psycopg.connect(database) as connection:
            while not ending.is_set():
                for _ in range(chance.randint(1, 4)):
                    connection.execute(*random_change(chance, done.transactions))
                (connection.rollback if chance.random() < 0.1 else connection.commit)()
                done.transactions += 1
                time.sleep(0.005)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield done
    finally:
        ending.set()
        thread.join()


def random_change(chance: random.Random, number: int) -> tuple[str, list[Any]]:
    """One change of a random line; each text is new, so that no two changes say the same."""
    one, other, text = chance.randint(1, 30), chance.randint(1, 10), f"{number}.{chance.random()}"
    changes: list[tuple[str, list[Any]]] = [
        (
            "insert into article values (%s, %s, now(), null, null) on conflict (id)"
            " do update set headline = excluded.headline",
            [one, text],
        ),
        ("update article set summary = %s where id = %s", [text, one]),
        (
            "insert into author values (%s, %s) on conflict (id)"
            " do update set name = excluded.name",
            [other, text],
        ),
        (
            "insert into article_author values (%s, %s, %s) on conflict do nothing",
            [one, other, number % 7 * 100 + other],
        ),
        ("delete from article_author where article_id = %s and author_id = %s", [one, other]),
        ("delete from article where id = %s", [one]),
    ]
    return chance.choices(changes, [4, 4, 2, 5, 3, 1])[0]
