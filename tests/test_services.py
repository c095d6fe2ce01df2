"""The other systems that tests have: what one test has is its own, and gone when it ends."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import capture
import kafka_server
import psycopg
import pytest
import real_services
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from local_server import NoServer, fetched_once, java_home, maven, port_of
from real_services import Connector, messages
from scenarios import SCENARIOS
from services import Services

COMMAND = Path(real_services.__file__).with_name("services.py")
ARTICLES = "create table article (id bigint primary key, headline text not null)"


def test_a_fetch_that_is_killed_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    """It leaves its folder aside, which the next one removes."""
    target = tmp_path / "kafka"
    killed = (
        "import os, sys; from pathlib import Path; from local_server import fetched_once\n"
        "def fetch(aside):\n"
        "    (aside / 'half').mkdir()\n"
        "    os.kill(os.getpid(), 9)\n"
        f"fetched_once(Path({str(target)!r}), fetch)"
    )
    ended = subprocess.run([sys.executable, "-c", killed], cwd=COMMAND.parent)
    assert ended.returncode == -9
    assert not target.exists()
    assert [*tmp_path.glob(".fetching-*")] != []

    def fetch(aside: Path) -> Path:
        (aside / "whole").mkdir()
        return aside / "whole"

    assert fetched_once(target, fetch) == target
    assert [*tmp_path.glob(".fetching-*")] == []
    assert fetched_once(target, lambda _: pytest.fail("it is there")) == target


def test_jars_that_are_not_what_they_were_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "a.jar").write_bytes(b"a")
    first = kafka_server.digest(tmp_path)
    (tmp_path / "libs" / "b.jar").write_bytes(b"b")
    second = kafka_server.digest(tmp_path)
    (tmp_path / "libs" / "a.jar").write_bytes(b"c")
    assert len({first, second, kafka_server.digest(tmp_path)}) == 3


def test_what_is_missing_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoServer, match=r"Debian: maven\)"):
        maven("Kafka", "validate")
    with pytest.raises(NoServer, match=r"needs a JDK, 99 or newer; install one .* JAVA_HOME"):
        java_home("Kafka", 99)


def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PORT", "9o92")
    with pytest.raises(NoServer, match="KAFKA_PORT is '9o92'; give a port"):
        port_of("KAFKA_PORT", 9092)


@pytest.mark.parametrize("required", [False, True])
def test_without_services_a_test_is_skipped_and_fails_where_they_are_required(
    required: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = dataclasses.replace(real_services.usual(), kafka=kafka_server.Kafka(1))
    monkeypatch.setattr(real_services, "usual", lambda: nobody)
    monkeypatch.delenv("STET_KAFKA", raising=False)
    monkeypatch.setenv("STET_REQUIRE_SERVICES", str(int(required)))
    outcome = pytest.fail.Exception if required else pytest.skip.Exception
    with pytest.raises(outcome, match="Kafka does not run here; start it with: make services"):
        real_services.kafka()


@pytest.mark.server
def test_starting_services_that_run_says_so(kafka: str, postgres: str) -> None:
    del kafka, postgres  # they run
    command = [sys.executable, COMMAND, "start"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.count("(it runs already)") == 3


def test_clearing_removes_what_the_services_keep(tmp_path: Path) -> None:
    ports = ("POSTGRES_PORT", "KAFKA_PORT", "KAFKA_CONTROLLER_PORT", "CONNECT_PORT")
    chosen = {name: str(number) for number, name in enumerate(ports, start=1)}
    kept = tmp_path / "kafka-2" / "data"
    kept.mkdir(parents=True)
    printed = subprocess.run(
        [sys.executable, COMMAND, "clear"],
        env={**os.environ, **chosen, "STET_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"Kafka: removed {kept.parent}\n" in printed
    assert f"PostgreSQL: nothing in {tmp_path}" in printed
    assert not kept.parent.exists()


@pytest.mark.server
def test_a_port_that_another_program_has_is_an_error_that_names_the_variable(
    kafka: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STET_CACHE", str(tmp_path))  # with its folder, none of the servers is ours
    port = int(kafka.rpartition(":")[2])
    with pytest.raises(NoServer, match=f"port {port}: another program does; .* KAFKA_PORT"):
        kafka_server.Kafka(port).start()


@pytest.mark.server
def test_a_topic_is_empty_and_of_as_many_partitions_as_asked_and_goes_with_its_test(
    kafka: str,
) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    with real_services.own_topic(partitions=3) as topic:
        assert len(admin.list_topics(topic, timeout=5).topics[topic].partitions) == 3
        producer = Producer({"bootstrap.servers": kafka})
        producer.produce(topic, b"told", partition=0)
        producer.flush(10)
        assert next(messages(topic)).value() == b"told"
    assert topic not in admin.list_topics(timeout=5).topics


@pytest.mark.server
def test_a_line_inserted_is_a_message_within_seconds(
    postgres: str, debezium: Callable[..., Connector]
) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(ARTICLES)
        connection.execute("insert into article values (1, 'before')")
        connector = debezium(postgres, ["public.article"])
        found = changes(connector.topic)
        first = next(found)
        assert (first["op"], first["after"]) == ("r", {"id": 1, "headline": "before"})
        begun = time.monotonic()
        connection.execute("insert into article values (2, 'after')")
        second = next(found)
        assert (second["op"], second["after"]) == ("c", {"id": 2, "headline": "after"})
        assert time.monotonic() - begun < 10


def changes(topic: str, broker: str | None = None) -> Iterator[dict[str, Any]]:
    """The changes of a topic, without the begins and ends of transactions."""
    values = (json.loads(message.value() or b"{}") for message in messages(topic, broker))
    return (value for value in values if "op" in value)


@pytest.mark.server
def test_of_a_connector_neither_slot_nor_topic_stays(kafka: str, postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(ARTICLES)
        with real_services.debezium(postgres, ["public.article"], one_topic=False) as connector:
            connection.execute("insert into article values (1, 'a')")
            assert next(changes(f"{connector.name}.public.article"))["op"] == "c"
        slots = connection.execute(
            "select from pg_replication_slots where slot_name = %s", [connector.slot]
        ).fetchall()
    topics = AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=5).topics
    assert slots == []
    assert [name for name in topics if name.startswith(connector.name)] == []
    assert connector.name not in real_services.usual().connect.ask("GET", "/connectors")


@pytest.mark.server
@pytest.mark.parametrize("name", ["default_identity", "transactions"])
def test_what_is_kept_of_debezium_is_what_it_says_today(kafka: str, name: str) -> None:
    del kafka
    (scenario,) = (each for each in SCENARIOS if each.name == name)
    kept = (capture.CAPTURES / f"{name}.jsonl").read_text().splitlines()
    today = capture.captured(scenario, scenario.settings)
    assert [*map(said, today)] == [said(json.loads(line)) for line in kept]


def said(line: dict[str, Any]) -> tuple[object, ...]:
    """What of a message is the same on another day: no times, no places in the source's log."""
    value = json.loads(line["value"] or "{}")
    headers = [name for name, _ in line["headers"]]
    if "status" in value:
        return (value["status"], value["event_count"], value["data_collections"], headers)
    order = (value.get("transaction") or {}).get("total_order")
    return (line["key"], *map(value.get, ("op", "before", "after")), order, headers)


@pytest.mark.slow
@pytest.mark.server
def test_services_of_ones_own_are_killed_and_go_on_where_they_were() -> None:
    with real_services.own_services() as own:
        assert [begun for _, begun in own.start()] == [True] * 3
        with real_services.postgres(own.postgres) as database:
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(ARTICLES)
            with real_services.debezium(database, ["public.article"], services=own) as connector:
                for server in own:
                    server.kill()
                    assert server.pid is None
                assert [begun for _, begun in own.start()] == [True] * 3
                own.connect.put(connector.name, connector.settings)
                with psycopg.connect(database, autocommit=True) as connection:
                    connection.execute("insert into article values (1, 'kept')")
                after = (change["after"] for change in changes(connector.topic, own.kafka.address))
                assert {"id": 1, "headline": "kept"} in after
        _leave_behind(own)
        for server in own:
            server.clear()
        with psycopg.connect(own.postgres.conninfo(), autocommit=True) as connection:
            found = connection.execute("select datname from pg_database").fetchall()
        assert {name for (name,) in found} == {"postgres", "template0", "template1"}
        assert "stet-test-left" not in own.kafka.admin().list_topics(timeout=5).topics
        kept = [server.folder for server in own]
    assert [folder for folder in kept if folder.exists()] == []


def _leave_behind(own: Services) -> None:
    """What a test that was killed leaves: a database that a slot holds, and a topic."""
    own.postgres.create("stet_test_left")
    with psycopg.connect(own.postgres.conninfo("stet_test_left"), autocommit=True) as connection:
        connection.execute("select pg_create_logical_replication_slot('left', 'pgoutput')")
    real_services.make_topic(own.kafka.admin(), "stet-test-left")
