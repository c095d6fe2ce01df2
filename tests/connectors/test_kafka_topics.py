"""The names of a relay's topics, and what is said where Kafka's client is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors import KafkaRelay
from connectors.kafka import connection
from connectors.kafka.connection import KafkaError
from connectors.kafka.topics import topics_of
from event_log import EventLog
from newsroom.categories import CATEGORIES

NAMES = [category.name for category in CATEGORIES]


@pytest.mark.parametrize("name", ["", "a b", "ä", "a/b", "x" * 250, ".", "x" * 245])
def test_a_name_that_kafka_does_not_take_is_told(name: str) -> None:
    with pytest.raises(KafkaError, match="is no name of a topic: give up to 249 letters"):
        topics_of(name, NAMES)


def test_a_category_whose_name_no_topic_can_have_is_told() -> None:
    with pytest.raises(KafkaError, match=r"'news\.größe' is no name of a topic"):
        topics_of("news", ["größe"], per_category=True)
    assert topics_of("news", ["größe"]).events == ("news",)


def test_a_category_is_not_sent_to_the_topic_of_the_progress() -> None:
    with pytest.raises(KafkaError, match=r"news\.progress is the topic of the progress"):
        topics_of("news", ["progress"], per_category=True)


def test_without_kafkas_client_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "find_spec", lambda _: None)
    relay = KafkaRelay(EventLog(tmp_path / "log", CATEGORIES), tmp_path, "/")
    with pytest.raises(KafkaError, match=r"uv pip install '\.\[connect\]'"):
        relay.run(print)
