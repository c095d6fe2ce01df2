"""The topics of a relay: made with the right settings if they are not there, else checked.

The events' topics keep every message for good. The topic of the progress has one partition and is
compacted, so that it keeps the last message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError as ClientError
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from connectors.kafka.connection import KafkaError

PROGRESS = ".progress"
"""How the name of the topic of the progress ends."""
NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
FOR_EVENTS = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
FOR_PROGRESS = {
    "cleanup.policy": "compact",
    "segment.bytes": "1048576",
    "segment.ms": "3600000",
    "min.cleanable.dirty.ratio": "0.1",
}
BY_DEFAULT = -1
"""As many copies of a topic as the cluster says."""
ANSWER_SECONDS = 2.0
"""How long one question may take, so that a signal is seen meanwhile."""


@dataclass(frozen=True)
class Topics:
    """The names of a relay's topics: one for all events, or one for each category."""

    name: str
    by_category: Mapping[str, str]

    @property
    def events(self) -> tuple[str, ...]:
        """The topics of the events."""
        return tuple(dict.fromkeys(self.by_category.values()))

    @property
    def progress(self) -> str:
        """The topic of the progress."""
        return f"{self.name}{PROGRESS}"


@dataclass(frozen=True)
class Found:
    """What the cluster says of the events' topics: their ids, and the limit of a message's size."""

    ids: tuple[tuple[str, str], ...]
    most_bytes: Mapping[str, int]


def topics_of(name: str, categories: Iterable[str], per_category: bool = False) -> Topics:
    """Return the topics of a relay; raises ``KafkaError`` for a name that Kafka does not take.

    >>> topics_of("news", ["article", "tag"], per_category=True).by_category
    {'article': 'news.article', 'tag': 'news.tag'}
    >>> topics_of("news", ["article", "tag"]).events, topics_of("news", ["tag"]).progress
    (('news',), 'news.progress')
    """
    topics = Topics(name, {c: f"{name}.{c}" if per_category else name for c in categories})
    for each in (*topics.events, topics.progress):
        if not NAME.fullmatch(each) or each in (".", ".."):
            raise KafkaError(
                f"{each!r} is no name of a topic: give up to 249 letters (A to Z), digits, '.', '-'"
                " and '_'"
            )
    if topics.progress in topics.events:
        raise KafkaError(
            f"{topics.progress} is the topic of the progress, so a category cannot be called"
            f" {PROGRESS[1:]} with --per-category"
        )
    return topics


def prepared(
    admin: AdminClient, topics: Topics, partitions: int, tell: Callable[[str], None]
) -> Found:
    """Make the topics that are not there, check the others, and return what the cluster says.

    Raises ``KafkaError`` for a topic that would lose what is sent, and the client's
    ``KafkaException`` when the cluster does not answer. ``tell`` is given what should be known.
    """
    there = admin.list_topics(timeout=ANSWER_SECONDS).topics
    wanted = {
        **{name: _new(name, partitions, FOR_EVENTS) for name in topics.events},
        topics.progress: _new(topics.progress, 1, FOR_PROGRESS),
    }
    absent = [topic for name, topic in wanted.items() if name not in there]
    _create(admin, absent)
    present = {name: len(there[name].partitions) for name in wanted if name in there}
    settings = _settings(admin, list(wanted))
    for name, count in present.items():
        if name == topics.progress:
            _check_progress(name, count, settings[name])
        else:
            _check_events(name, count, partitions, settings[name], tell)
    return Found(
        tuple(sorted(_ids(admin, topics.events).items())),
        {name: int(settings[name]["max.message.bytes"]) for name in topics.events},
    )


def _new(name: str, partitions: int, settings: Mapping[str, str]) -> NewTopic:
    return NewTopic(name, partitions, BY_DEFAULT, config=dict(settings))


def _create(admin: AdminClient, absent: Sequence[Any]) -> None:
    if not absent:
        return
    for made in admin.create_topics(list(absent), request_timeout=ANSWER_SECONDS).values():
        try:
            made.result()
        except KafkaException as error:
            if error.args[0].code() != ClientError.TOPIC_ALREADY_EXISTS:  # another relay was first
                raise


def _settings(admin: AdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    answers = admin.describe_configs(asked, request_timeout=ANSWER_SECONDS)
    return {
        resource.name: {name: each.value for name, each in answer.result().items()}
        for resource, answer in answers.items()
    }


def _ids(admin: AdminClient, names: Sequence[str]) -> dict[str, str]:
    answers = admin.describe_topics(TopicCollection(list(names)), request_timeout=ANSWER_SECONDS)
    return {name: str(answer.result().topic_id) for name, answer in answers.items()}


def _check_progress(name: str, partitions: int, settings: Mapping[str, str]) -> None:
    if partitions != 1:
        raise KafkaError(
            f"topic {name} has {partitions} partitions; the progress of a relay needs one: remove"
            " the topic if nothing else uses it, or relay to another one"
        )
    if settings["cleanup.policy"] != "compact":
        raise KafkaError(
            f"topic {name} has cleanup.policy={settings['cleanup.policy']}, and would forget how"
            " far the relay is; set cleanup.policy=compact"
        )


def _check_events(
    name: str,
    partitions: int,
    wanted: int,
    settings: Mapping[str, str],
    tell: Callable[[str], None],
) -> None:
    if "compact" in settings["cleanup.policy"]:
        raise KafkaError(
            f"topic {name} has cleanup.policy={settings['cleanup.policy']}, and would keep only the"
            " last event of each stream; set cleanup.policy=delete, or relay to another topic"
        )
    if partitions != wanted:
        order = " only the events of one stream are in order" if partitions > 1 else ""
        tell(f"topic {name} has {partitions} partitions, not {wanted}:{order}".rstrip(":"))
    if settings["retention.ms"] != "-1" or settings["retention.bytes"] != "-1":
        tell(
            f"topic {name} forgets old messages (retention.ms={settings['retention.ms']},"
            f" retention.bytes={settings['retention.bytes']}): who joins later does not get all"
            " events; set both to -1"
        )
