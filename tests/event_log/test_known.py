"""Appending again: the same ids give the first receipt, whoever asks, and however late."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from processes import said, started

from event_log import (
    Category,
    Effect,
    EventLog,
    EventType,
    InvalidEvent,
    NewEvent,
    Receipt,
    WrongExpectedVersion,
    renamed,
)
from newsroom.categories import CATEGORIES

TYPES = (
    EventType("TagDefined", Effect.CREATES),
    EventType("TagRevised", Effect.REVISES),
)
MOMENT = datetime(1851, 9, 18, 5, tzinfo=UTC)


def opened(path, *categories: Category) -> EventLog:
    return EventLog(path, categories or CATEGORIES)


def events(*ids: str, stream: str = "tag/a") -> list[NewEvent]:
    return [NewEvent(stream, "TagDefined", {"name": name}, event_id=name) for name in ids]


def same(receipt: Receipt, first: Receipt) -> bool:
    """Whether a receipt says what the first one said, and that nothing was added."""
    said_now = (receipt.first, receipt.last, receipt.version, receipt.digest)
    return (said_now, receipt.added) == ((first.first, first.last, first.version, first.digest), 0)


@pytest.fixture
def log(path) -> EventLog:
    return opened(path)


def another(log: EventLog) -> EventLog:
    return opened(log.path)


def sealed(log: EventLog) -> EventLog:
    log.seal(grace_seconds=0)
    return log


def sealed_by_another(log: EventLog) -> EventLog:
    opened(log.path).seal(grace_seconds=0)
    return log


def sealed_and_without_cache(log: EventLog) -> EventLog:
    log.seal(grace_seconds=0)
    shutil.rmtree(log.path / "cache")
    return opened(log.path)


def without_cache(log: EventLog) -> EventLog:
    shutil.rmtree(log.path / "cache")
    return log


LATER = [another, sealed, sealed_by_another, sealed_and_without_cache, without_cache]


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("count", [1, 3, 300])
def test_the_same_ids_give_the_first_receipt(log: EventLog, later, count: int) -> None:
    log.append(events("before", stream="tag/b"))
    mine = events(*(f"{n}" for n in range(count)))
    first = log.append(mine)
    log.append(events("after", stream="tag/b"))
    anyone = later(log)
    assert same(anyone.append(mine), first)
    assert same(anyone.append(mine, expected_version=0), first)
    assert same(anyone.append(mine[::-1]), first)
    assert anyone.head == count + 2


@pytest.mark.parametrize("later", LATER)
def test_of_half_known_events_the_others_are_added(log: EventLog, later) -> None:
    log.append(events("a", "b"))
    receipt = later(log).append(events("b", "c", "a", "d"))
    assert (receipt.first, receipt.last, receipt.version, receipt.added) == (1, 4, 4, 2)
    assert receipt.digest == log.at(4).digest
    assert [event.event_id for event in log.read()] == ["a", "b", "c", "d"]


def test_what_a_receipt_says_of_events_that_came_by_several_appends(log: EventLog) -> None:
    log.append(events("a"))
    log.append(events("x", stream="tag/x"))
    second = log.append(events("b"))
    receipt = log.append(events("a", "b"))
    assert (receipt.first, receipt.last, receipt.version, receipt.added) == (1, 3, 2, 0)
    assert receipt.digest == second.digest


OTHERS = {
    "stream": {"stream": "tag/b"},
    "type": {"type": "TagRevised"},
    "data": {"data": {"name": "other"}},
    "a field more": {"data": {"name": "a", "kind": "person"}},
    "a field less": {"data": {"cleared": ["name"]}, "type": "TagRevised"},
    "occurred_at": {"occurred_at": MOMENT},
    "actor": {"actor": "ben"},
    "correlation": {"correlation_id": "c"},
    "causation": {"causation_id": "c"},
}


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("change", OTHERS)
def test_the_same_id_with_other_content_is_an_error_that_names_the_sequence(
    log: EventLog, later, change: str
) -> None:
    log.append(events("before", stream="tag/b"))
    log.append(events("a"))
    known = {"stream": "tag/a", "type": "TagDefined", "data": {"name": "a"}, "event_id": "a"}
    anyone = later(log)
    with pytest.raises(InvalidEvent) as caught:
        anyone.append([*events("new"), NewEvent(**(known | OTHERS[change]))])
    assert (caught.value.field, caught.value.position) == ("event_id", 1)
    assert "'a' is the id of another event, at sequence 2" in caught.value.reason
    assert (anyone.head, anyone.known(["new"])) == (2, {})
    assert anyone.append([NewEvent(**known)]).added == 0


def test_instants_and_numbers_that_mean_the_same_are_the_same(path, domain) -> None:
    log = domain.open(path)

    def thing(moment: object, ratio: float) -> NewEvent:
        data = {"moment": moment, "ratio": ratio, "text": None}
        return NewEvent("thing/1", "ThingMade", data, event_id="a", occurred_at=moment)

    first = log.append([thing(MOMENT, float("nan"))])
    for moment in ("1851-09-18T05:00:00Z", "1851-09-18T07:00+02:00", "1851-09-18 05:00"):
        assert same(log.append([thing(moment, -float("nan"))]), first)


def test_an_expected_version_is_not_asked_of_what_is_there_but_of_what_is_added(
    log: EventLog,
) -> None:
    first = log.append(events("a"), expected_version=0)
    assert same(log.append(events("a"), expected_version=0), first)
    with pytest.raises(WrongExpectedVersion):
        log.append(events("a", "b"), expected_version=0)
    assert log.append(events("a", "b"), expected_version=1).added == 1


REPEATS = """
for _ in range(2):
    told(log.append([NewEvent("tag/a", "TagDefined", {"name": n}, event_id=n) for n in arguments]))
"""


def test_another_process_is_given_the_first_receipt_too(log_at: str) -> None:
    log = EventLog(log_at, CATEGORIES)
    first = log.append(events("a", "b"))
    (told,) = said([started(REPEATS, log_at, "a", "b")])
    assert told == [[first.first, first.last, first.version, first.digest]] * 2
    assert log.head == 2


# years later

V1 = Category("tag", pa.schema([("name", pa.string())]), TYPES)
GROWN = Category("tag", pa.schema([("name", pa.string()), ("kind", pa.string())]), TYPES, 2)
RENAMED = Category(
    "tag",
    pa.schema([("title", pa.string()), ("kind", pa.string())]),
    TYPES,
    3,
    {2: renamed(GROWN.fields, name="title")},
)


@pytest.mark.parametrize("is_sealed", [False, True])
@pytest.mark.parametrize("many", [False, True])
def test_an_event_of_an_earlier_schema_version_is_known_by_what_it_means_now(
    path, is_sealed: bool, many: bool
) -> None:
    count = 300 if many else 1
    ids = [f"{n}" for n in range(count)]
    first = opened(path, V1).append(events(*ids))
    if is_sealed:
        opened(path, V1).seal(grace_seconds=0)
    assert same(opened(path, GROWN).append(events(*ids)), first)
    now = opened(path, RENAMED)
    titled = [NewEvent("tag/a", "TagDefined", {"title": n}, event_id=n) for n in ids]
    assert same(now.append(titled), first)
    with pytest.raises(InvalidEvent, match="'0' is the id of another event, at sequence 1"):
        now.append([NewEvent("tag/a", "TagDefined", {"title": "0", "kind": "k"}, event_id="0")])
    assert (now.head, now.verify().events) == (count, count)
