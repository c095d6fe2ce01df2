"""The tests' PostgreSQL, Kafka and Debezium; without them tests are skipped, or fail where needed.

They are looked for where `make services` starts them; ``STET_KAFKA`` names another broker. Where
``STET_REQUIRE_SERVICES=1``, as in CI, a test that would be skipped fails. A test has what it asks
for to itself, and what it has is removed when it ends. ``tests/conftest.py`` has the fixtures.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, PartitionMetadata
from connect_server import CONNECTOR, Connect
from kafka_server import TEST_TOPICS, Kafka
from local_server import HOST, LocalServer, NoServer, cache
from postgres_server import FOLLOWER, TEST_DATABASES, Postgres
from services import Services

HINT = "{} does not run here; start it with: make services"
SIGNALS = "public.debezium_signal"
"""A table of this name is read for signals, where a test made one."""
PUBLICATION = "cdc"
SECONDS_FOR_A_MESSAGE = 60
OWN_BLOCKS = range(8)
"""How many sets of servers that tests may kill there can be at a time."""


def missing(why: str) -> None:
    """Skip the test, or let it fail where the services are required."""
    if os.environ.get("STET_REQUIRE_SERVICES") == "1":
        pytest.fail(why)
    pytest.skip(why)


@lru_cache(maxsize=1)
def usual() -> Services:
    """The services that `make services` starts."""
    return Services.usual()


@lru_cache
def _answers(server: LocalServer) -> bool:
    return server.answers()


def _need(server: LocalServer) -> None:
    if not _answers(server):
        missing(HINT.format(server.title))


def kafka() -> str:
    """The address of a broker that runs."""
    if given := os.environ.get("STET_KAFKA"):
        return given
    _need(usual().kafka)
    return usual().kafka.address


@contextlib.contextmanager
def own_topic(partitions: int = 1, broker: str | None = None, **settings: str) -> Iterator[str]:
    """A topic that is there and empty; its name is nobody else's."""
    admin = AdminClient({"bootstrap.servers": broker or kafka()})
    name = f"{TEST_TOPICS}{uuid.uuid4().hex[:12]}"
    make_topic(admin, name, partitions, **settings)
    try:
        yield name
    finally:
        for removed in admin.delete_topics([name]).values():
            with contextlib.suppress(Exception):  # a test may have removed it itself
                removed.result()


def make_topic(admin: AdminClient, name: str, partitions: int = 1, **settings: str) -> None:
    """Make a topic, and wait until the broker leads it."""
    for made in admin.create_topics([NewTopic(name, partitions, 1, config=settings)]).values():
        made.result()
    until = time.monotonic() + 10
    while any(each.leader < 0 for each in _partitions(admin, name)):
        if time.monotonic() > until:
            raise NoServer(f"nobody leads the new topic {name}")
        time.sleep(0.05)


def _partitions(admin: AdminClient, topic: str) -> Iterable[PartitionMetadata]:
    return admin.list_topics(topic, timeout=10).topics[topic].partitions.values()


def messages(topic: str, broker: str | None = None) -> Generator[Message, None, None]:
    """The messages of a topic's first partition from its beginning; waits for the next."""
    reading = _reading(broker)
    reading.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    until = time.monotonic() + SECONDS_FOR_A_MESSAGE
    try:
        while True:
            message = reading.poll(0.2)
            if message is not None and message.error() is None:
                yield message
                until = time.monotonic() + SECONDS_FOR_A_MESSAGE
            elif time.monotonic() > until:
                raise NoServer(f"no message more in {topic} for {SECONDS_FOR_A_MESSAGE} seconds")
    finally:
        reading.close()


def end_of(topic: str, broker: str | None = None) -> int:
    """The offset that the next message of a topic's first partition will have."""
    reading = _reading(broker)
    try:
        return int(reading.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1])
    finally:
        reading.close()


def _reading(broker: str | None) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": broker or kafka(),
            "group.id": "none",
            "enable.auto.commit": "false",
            "fetch.wait.max.ms": 50,
            "log_level": 0,  # what matters is told in other ways, also when a broker is killed
        }
    )


@contextlib.contextmanager
def postgres(server: Postgres | None = None) -> Iterator[str]:
    """An empty database, as psycopg reaches it: ``psycopg.connect(database)``."""
    if server is None:
        server = usual().postgres
        _need(server)
    name = f"{TEST_DATABASES}{uuid.uuid4().hex[:12]}"
    server.create(name)
    try:
        yield server.conninfo(name)
    finally:
        if server.pid is not None:  # one that a test killed is removed as a whole
            server.drop(name)


@dataclass(frozen=True)
class Connector:
    """A connector that runs: its name is its topics' prefix, and its slot's name."""

    name: str
    topic: str
    """Where all its messages are, unless ``one_topic=False`` was asked for."""
    slot: str
    settings: dict[str, str]


@contextlib.contextmanager
def debezium(
    database: str,
    tables: Sequence[str],
    *,
    one_topic: bool = True,
    services: Services | None = None,
    **settings: str,
) -> Iterator[Connector]:
    """A Debezium connector that follows tables (``public.article``) of a database of one's own.

    All of its messages are in one topic of one partition, in the order of the commits; with
    ``one_topic=False`` each table has a topic of its own. ``settings`` are Debezium's own; their
    names have dots: ``**{"snapshot.mode": "no_data"}``; ``{topic}`` in a value is the topic's name.
    Slot and topics go when the connector ends.
    """
    used = services or usual()
    if services is None:
        for server in used:
            _need(server)
    name = f"{TEST_TOPICS}{uuid.uuid4().hex[:12]}"
    made = Connector(name, name, name.replace("-", "_"), {})
    _publish(database, tables)
    made.settings.update(_settings(made, database, tables, used, one_topic))
    made.settings.update({key: text.replace("{topic}", name) for key, text in settings.items()})
    if one_topic:
        make_topic(used.kafka.admin(), name)
    try:
        used.connect.put(name, made.settings)
        wait_for_slot(database, made.slot)
        yield made
    finally:
        if all(server.pid is not None for server in used):  # as above
            _remove(used, database, made)


def _settings(
    made: Connector, database: str, tables: Sequence[str], used: Services, one_topic: bool
) -> dict[str, str]:
    found = {
        "connector.class": CONNECTOR,
        "tasks.max": "1",
        "topic.prefix": made.name,
        "database.hostname": HOST,
        "database.port": str(used.postgres.port),
        "database.user": FOLLOWER,
        "database.password": "none",
        "database.dbname": psycopg.conninfo.conninfo_to_dict(database)["dbname"],
        "plugin.name": "pgoutput",
        "slot.name": made.slot,
        "publication.name": PUBLICATION,
        "publication.autocreate.mode": "disabled",
        "table.include.list": ",".join(tables),
        "snapshot.mode": "initial",
        "provide.transaction.metadata": "true",
        "skipped.operations": "none",  # else it leaves out when a table is emptied
        "tombstones.on.delete": "true",
        "decimal.handling.mode": "string",
        "signal.enabled.channels": "source",
        "signal.data.collection": SIGNALS,
        "poll.interval.ms": "10",
        "status.update.interval.ms": "1000",
    }
    if one_topic:
        found |= {
            "transforms": "one",
            "transforms.one.type": "org.apache.kafka.connect.transforms.RegexRouter",
            "transforms.one.regex": f"{made.name}\\..*",
            "transforms.one.replacement": made.topic,
        }
    return {name: str(value) for name, value in found.items()}


def _publish(database: str, tables: Sequence[str]) -> None:
    """Let the follower read the tables, and publish what changes in them."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"grant select on all tables in schema public to {FOLLOWER}")
        signals = connection.execute("select to_regclass(%s)", [SIGNALS]).fetchone() != (None,)
        if signals:
            connection.execute(f"grant insert on {SIGNALS} to {FOLLOWER}")
        published = dict.fromkeys([*tables, *([SIGNALS] if signals else [])])
        connection.execute(f"drop publication if exists {PUBLICATION}")
        connection.execute(f"create publication {PUBLICATION} for table {', '.join(published)}")


def wait_for_slot(database: str, slot: str) -> None:
    """Wait until somebody reads from a replication slot."""
    until = time.monotonic() + 60
    with psycopg.connect(database, autocommit=True) as connection:
        while connection.execute(
            "select active from pg_replication_slots where slot_name = %s", [slot]
        ).fetchone() != (True,):
            if time.monotonic() > until:
                raise NoServer(f"Debezium does not read from the replication slot {slot}")
            time.sleep(0.05)


def _remove(used: Services, database: str, made: Connector) -> None:
    used.connect.remove(made.name)
    used.postgres.drop_slot(made.slot)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"drop publication if exists {PUBLICATION}")
    used.kafka.remove_topics(made.name)


@contextlib.contextmanager
def own_services() -> Iterator[Services]:
    """Empty servers, not started yet, that a test may start, stop and kill: ``.kafka.start()``.

    ``[*services.start()]`` starts all three. Their ports are no one else's, and stay the same over
    a restart; what they wrote is removed in the end.
    """
    for server in usual():
        _need(server)  # who has no services here is not made to fetch them by a test
    with _own_block() as block:
        kafka_port = 9400 + 2 * block
        found = Services(
            Postgres(5440 + block),
            Kafka(kafka_port, kafka_port + 1),
            Connect(8190 + block, kafka_port),
        )
        _clear(found)  # what an earlier run may have left
        try:
            yield found
        finally:
            _clear(found)


def _clear(found: Services) -> None:
    for server in reversed([*found]):
        server.kill()
        shutil.rmtree(server.folder, ignore_errors=True)


@contextlib.contextmanager
def _own_block() -> Iterator[int]:
    """A number that no other test has at this time."""
    while True:
        for block in OWN_BLOCKS:
            with (cache() / f"own-services-{block}.lock").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield block
                return
        time.sleep(0.5)
