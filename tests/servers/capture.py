"""Keep what Debezium really says, for the tests of those who read it: a file for each scenario.

    .venv/bin/python tests/servers/capture.py [SCENARIO ...]

writes ``tests/connectors/captures/SCENARIO.jsonl`` (and ``SCENARIO.schemas.jsonl``, where each
message brings its schema), a line for each message in the order of its topics. Key, value and
headers are as they came, as texts; only the names that a test's own database and connector have
are replaced by ``cms``. `make services` must have been called.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import real_services
from confluent_kafka import Message
from kafka_server import Kafka
from local_server import NoServer
from scenarios import ARTICLE, SCENARIOS, Scenario

CAPTURES = Path(__file__).parents[1] / "connectors" / "captures"
END = "captured"
NAME = "cms"
WITH_SCHEMAS = {
    f"{part}.converter{setting}": value
    for part in ("key", "value")
    for setting, value in {
        "": "org.apache.kafka.connect.json.JsonConverter",
        ".schemas.enable": "true",
        ".replace.null.with.default": "false",
    }.items()
}
Lines = list[dict[str, Any]]


def captured(scenario: Scenario, settings: Mapping[str, str]) -> Lines:
    """The messages of a scenario."""
    with real_services.postgres() as database:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(scenario.schema)
        with real_services.debezium(
            database, scenario.tables, one_topic=scenario.one_topic, **settings
        ) as connector:
            for step in scenario.steps:
                _take(step, database)
            broker = real_services.usual().kafka
            _wait_for_the_end(broker, database, connector.topic, scenario)
            found = [
                _line(message)
                for topic in _topics(broker, connector.name)
                for message in _whole(broker, topic)
            ]
    return [_renamed(line, database, connector.name) for line in found if not _is_end(line)]


def _take(step: str | Callable[[str], None], database: str) -> None:
    if callable(step):
        step(database)
        return
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(step.encode())


def _wait_for_the_end(broker: Kafka, database: str, topic: str, scenario: Scenario) -> None:
    """Let a last message follow all others, and wait for it: then all have come."""
    _take(f"select pg_logical_emit_message(false, '{END}', '')", database)
    last = topic if scenario.one_topic else f"{topic}.message"
    if "EventRouter" in str(scenario.settings):
        last = f"{topic}.message"
    for message in _when_there(broker, last):
        if _is_end(_line(message)):
            return


def _when_there(broker: Kafka, topic: str) -> Iterator[Message]:
    until = time.monotonic() + 60
    while topic not in _topics(broker, topic):
        if time.monotonic() > until:
            raise NoServer(f"there is no topic {topic}")
        time.sleep(0.1)
    return real_services.messages(topic, broker.address)


def _topics(broker: Kafka, name: str) -> list[str]:
    return sorted(topic for topic in broker.admin().list_topics(timeout=10).topics if name in topic)


def _whole(broker: Kafka, topic: str) -> Iterator[Message]:
    """All messages that a topic has now."""
    count = real_services.end_of(topic, broker.address)
    reading = real_services.messages(topic, broker.address)
    for message in reading if count else ():
        yield message
        if message.offset() == count - 1:
            return


def _line(message: Message) -> dict[str, Any]:
    key, value = message.key(), message.value()
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": message.timestamp()[1],
        "headers": [[name, text and _text(text)] for name, text in message.headers() or ()],
        "key": None if key is None else _text(key),
        "value": None if value is None else _text(value),
    }


def _text(told: str | bytes) -> str:
    return told if isinstance(told, str) else told.decode()


def _is_end(line: Mapping[str, Any]) -> bool:
    return f'"prefix":"{END}"' in (line["key"] or "")


def _renamed(line: Mapping[str, Any], database: str, name: str) -> dict[str, Any]:
    own = str(psycopg.conninfo.conninfo_to_dict(database)["dbname"])
    text = json.dumps(line, ensure_ascii=False).replace(name, NAME).replace(own, NAME)
    found: dict[str, Any] = json.loads(text.replace(name.replace("-", "_"), NAME))
    return found


def sent_twice() -> Lines:
    """What a worker sends that was killed, and started again."""
    with real_services.own_services() as own:
        for _ in own.start():
            pass
        with real_services.postgres(own.postgres) as database:
            _take(ARTICLE, database)
            with real_services.debezium(database, ["public.article"], services=own) as connector:
                time.sleep(2.5)  # it writes down where it is, once a second
                for number in range(1, 7):
                    _take(f"insert into article (id, headline) values ({number}, 'a')", database)
                _take("update article set headline = 'both' where id < 3", database)
                with contextlib.closing(
                    real_services.messages(connector.topic, own.kafka.address)
                ) as reading:
                    while '"both"' not in _text(next(reading).value() or b""):
                        pass
                own.connect.kill()
                own.connect.start()
                own.connect.put(connector.name, connector.settings)
                real_services.wait_for_slot(database, connector.slot)
                _take("insert into article (id, headline) values (7, 'after')", database)
                _wait_for_the_end(own.kafka, database, connector.topic, SCENARIOS[0])
                found = [_line(message) for message in _whole(own.kafka, connector.topic)]
        return [_renamed(line, database, connector.name) for line in found if not _is_end(line)]


def main(wanted: Sequence[str]) -> int:
    """Capture the scenarios that are named, or all."""
    CAPTURES.mkdir(exist_ok=True)
    try:
        for scenario in SCENARIOS:
            if wanted and scenario.name not in wanted:
                continue
            _write(scenario.name, captured(scenario, scenario.settings))
            if scenario.with_schemas:
                both = {**scenario.settings, **WITH_SCHEMAS}
                _write(f"{scenario.name}.schemas", captured(scenario, both))
        if not wanted or "sent_twice" in wanted:
            _write("sent_twice", sent_twice())
    except NoServer as reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    return 0


def _write(name: str, lines: Lines) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (CAPTURES / f"{name}.jsonl").write_text(text)
    print(f"{name}: {len(lines)} messages, {len(text):,} bytes")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
