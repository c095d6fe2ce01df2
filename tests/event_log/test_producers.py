"""Producers: what comes with a position is there once, and the log says where to go on."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from processes import said, started

from event_log import EventLog, InvalidEvent, NewEvent, WrongPosition
from newsroom.categories import CATEGORIES


@pytest.fixture
def tags(path) -> EventLog:
    return EventLog(path, CATEGORIES)


def columns(*names: str) -> pa.Table:
    tag = pa.array([{"name": name} for name in names], pa.struct([("name", pa.string())]))
    streams = pa.array([f"tag/{name}" for name in names], pa.string())
    types = pa.array(["TagDefined"] * len(names), pa.string())
    return pa.table({"stream": streams, "type": types, "tag": tag})


def names(log: EventLog) -> list[str]:
    return [event.data["name"] for event in log.read()]


def test_what_a_producer_repeats_is_there_once_also_without_ids(tags: EventLog) -> None:
    first = tags.append_many(columns("a", "b"), positions={"wire": 7})
    assert (first.first, first.last, first.added) == (1, 2, 2)
    for position in (7, 6, 1):
        again = tags.append_many(columns("a", "b"), positions={"wire": position})
        assert (again.last, again.version, again.digest, again.added) == (2, 1, first.digest, 0)
    assert tags.append_many(columns("c"), positions={"wire": 8}).last == 3
    assert (names(tags), tags.position_of("wire")) == (["a", "b", "c"], 8)


def test_producers_have_positions_of_their_own(tags: EventLog) -> None:
    for number in range(3):
        for producer in ("wire", "import:congress", "ü", "Wire"):
            tags.append_many(columns(producer), positions={producer: number * 10 + 1})
    tags.append_many(columns("nobody"))
    positions = [tags.position_of(name) for name in ("wire", "import:congress", "ü", "Wire", "x")]
    assert (positions, tags.head) == ([21, 21, 21, 21, 0], 13)


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("cached", [False, True])
def test_a_position_outlives_sealing_and_the_cache(tags: EventLog, sealed, cached) -> None:
    tags.append_many(columns("a"), positions={"wire": 5})
    tags.append([NewEvent("tag/b", "TagDefined", {"name": "b"})])
    if sealed:
        tags.seal(grace_seconds=0)
    if not cached:
        shutil.rmtree(tags.path / "cache")
    anew = EventLog(tags.path, CATEGORIES)
    assert anew.position_of("wire") == 5
    assert anew.append_many(columns("a"), positions={"wire": 5}).added == 0
    assert anew.append_many(columns("c"), positions={"wire": 6}).last == 3
    assert tags.position_of("wire") == 6


def test_a_batch_of_single_events_may_have_a_producer_too(tags: EventLog) -> None:
    for _ in range(2):
        batch = tags.batch()
        batch.add(NewEvent("tag/a", "TagDefined", {"name": "a"}))
        tags.commit(batch, positions={"wire": 1})
    assert (tags.head, tags.position_of("wire")) == (1, 1)


def test_who_begins_elsewhere_than_the_log_says_is_told_where_it_is(tags: EventLog) -> None:
    tags.append_many(columns("a"), positions={"wire": 5}, after={"wire": 0})
    for after, position in ((0, 5), (0, 9), (4, 6), (6, 7)):
        with pytest.raises(WrongPosition, match="is at position 5") as caught:
            tags.append_many(columns("b"), positions={"wire": position}, after={"wire": after})
        assert (caught.value.expected, caught.value.actual) == (after, 5)
    assert tags.append_many(columns("b"), positions={"wire": 9}, after={"wire": 5}).last == 2
    assert names(tags) == ["a", "b"]


@pytest.mark.parametrize(
    ("producer", "position", "field"),
    [
        ("wire", None, "positions"),
        (None, 1, "producer"),
        ("", 1, "producer"),
        ("a\nb", 1, "producer"),
        ("\ud800", 1, "producer"),
        ("wire", 0, "positions"),
        ("wire", -1, "positions"),
        ("wire", 2**63, "positions"),
        ("wire", "1", "positions"),
        ("wire", True, "positions"),
    ],
)
def test_a_producer_or_a_position_that_is_none_is_refused(
    tags: EventLog, producer, position, field: str
) -> None:
    with pytest.raises(InvalidEvent) as caught:
        tags.append_many(columns("a"), positions={producer: position})
    assert (caught.value.field, tags.head) == (field, 0)


def test_a_position_to_come_after_that_is_none_is_refused(tags: EventLog) -> None:
    for after in (-1, 2**63, None, True, 1.0):
        with pytest.raises(InvalidEvent, match="after: 'wire' must be at a whole number from 0"):
            tags.append_many(columns("a"), positions={"wire": 1}, after={"wire": after})
    assert (tags.head, tags.position_of("wire")) == (0, 0)


def test_a_bad_event_leaves_the_position_where_it_was(tags: EventLog) -> None:
    with pytest.raises(InvalidEvent, match="is missing"):
        tags.append_many(columns("a").drop_columns("type"), positions={"wire": 5})
    assert (tags.position_of("wire"), tags.head) == (0, 0)


# several producers


def test_one_commit_carries_the_positions_of_several_producers(tags: EventLog) -> None:
    tags.append_many(columns("a", "b"), positions={"wire/0": 5, "wire/1": 9}, after={"wire/1": 0})
    assert (tags.head, tags.open_commits) == (2, 1)
    tags.append_many(columns("c"), positions={"wire/1": 10, "sea": 1}, after={"wire/1": 9})
    tags.seal(grace_seconds=0)
    for log in (tags, EventLog(tags.path, CATEGORIES)):
        found = log.positions_of(["wire/1", "wire/0", "none", "sea", "a\0", "\ud800"])
        assert found == {"wire/1": 10, "wire/0": 5, "none": 0, "sea": 1, "a\0": 0, "\ud800": 0}
    assert not (tags.path / "positions").exists()


def test_if_one_of_several_is_elsewhere_nothing_is_appended_and_none_moves(tags: EventLog) -> None:
    tags.append_many(columns("a"), positions={"one": 5, "two": 7})
    for events in (columns("b"), columns()):
        with pytest.raises(WrongPosition, match="'two' is at position 7, not at 6") as caught:
            tags.append_many(events, positions={"one": 6, "two": 8}, after={"one": 5, "two": 6})
        assert (caught.value.producer, caught.value.expected, caught.value.actual) == ("two", 6, 7)
        with pytest.raises(WrongPosition, match="'two' is at position 7, not at 0"):
            tags.append_many(events, positions={"one": 6}, after={"two": 0})
    assert (tags.positions_of(["one", "two"]), tags.head) == ({"one": 5, "two": 7}, 1)


def test_what_several_producers_repeat_adds_nothing_when_all_of_them_were_there(
    tags: EventLog,
) -> None:
    first = tags.append_many(columns("a"), positions={"one": 5, "two": 7})
    tags.append_many(columns("b"))
    for positions in ({"one": 5, "two": 7}, {"one": 4, "two": 1}):
        again = tags.append_many(columns("a"), positions=positions)
        assert (again.last, again.digest, again.added) == (1, first.digest, 0)


@pytest.mark.parametrize("events", [columns("b"), columns()], ids=["with events", "without"])
def test_some_that_were_reached_and_some_not_are_refused_because_nobody_knows_what_is_new(
    tags: EventLog, events: pa.Table
) -> None:
    tags.append_many(columns("a"), positions={"one": 5, "two": 7})
    for positions in ({"one": 6, "two": 7}, {"one": 6, "two": 3}):
        with pytest.raises(WrongPosition, match="producer 'two' is at position 7") as caught:
            tags.append_many(events, positions=positions)
        assert (caught.value.producer, caught.value.actual) == ("two", 7)
    assert (tags.positions_of(["one", "two"]), tags.head) == ({"one": 5, "two": 7}, 1)


@pytest.mark.parametrize("events", [columns("b"), columns()], ids=["with events", "without"])
def test_a_producer_that_is_known_to_stay_goes_along(tags: EventLog, events: pa.Table) -> None:
    tags.append_many(columns("a"), positions={"one": 5, "two": 7})
    tags.append_many(events, positions={"one": 6, "two": 7}, after={"one": 5, "two": 7})
    assert (tags.positions_of(["one", "two"]), tags.head) == ({"one": 6, "two": 7}, 1 + len(events))


def test_threads_that_repeat_each_other_add_each_event_once(tags: EventLog) -> None:
    def work(_: int) -> None:
        for number in range(10):
            tags.append_many(columns(str(number)), positions={"wire": number + 1})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert names(tags) == [str(number) for number in range(10)]


REPEATS = """
import pyarrow as pa
for number in range(20):
    event = pa.table({"stream": ["tag/a"], "type": ["TagDefined"], "tag": [{"name": str(number)}]})
    tell(log.append_many(event, positions={"wire": number + 1}).last)
"""


@pytest.mark.slow
def test_processes_that_repeat_each_other_add_each_event_once(log_at: str) -> None:
    told = said([started(REPEATS, log_at) for _ in range(3)])
    log = EventLog(log_at, CATEGORIES)
    assert names(log) == [str(number) for number in range(20)]
    assert log.position_of("wire") == log.verify().events == 20
    for receipts in told:  # one that comes late is told the last position, reached meanwhile
        assert all(last >= number for number, (last,) in enumerate(receipts, 1))
