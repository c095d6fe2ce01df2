"""Several processes on one log, and processes that are killed."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from processes import killed, said, started
from tiers import in_sizes

from event_log import EventLog
from newsroom.categories import CATEGORIES

APPENDS = """
name, count = arguments[0], int(arguments[1])
for number in range(count):
    own = NewEvent(f"tag/{name}", "TagDefined", {"name": name}, event_id=f"{name}-{number}")
    shared = NewEvent("tag/shared", "TagDefined", {"name": name})
    told(log.append([own, shared][: 1 + number % 2]))
"""
RACES = """
name, count = arguments[0], int(arguments[1])
for version in range(count):
    event = NewEvent("tag/shared", "TagDefined", {"name": name})
    try:
        told(log.append([event], expected_version=version))
    except WrongExpectedVersion as error:
        assert error.actual > version
        while log.versions(["tag/shared"])["tag/shared"] <= version: pass
"""
MANY = """
name, count = arguments[0], int(arguments[1])
for number in range(count):
    event = NewEvent(f"tag/{number % 5}", "TagDefined", {"name": name})
    began = time.monotonic()
    receipt = log.append([event])
    tell(receipt.last, receipt.version, receipt.digest, began, time.monotonic())
"""


@pytest.fixture
def tags(path: Path) -> EventLog:
    return EventLog(path, CATEGORIES)


@pytest.mark.slow
def test_processes_that_append_at_once_make_one_contiguous_log_of_true_receipts(tags) -> None:
    names = ["one", "two", "three", "four"]
    told = said([started(APPENDS, tags.path, name, 50) for name in names])
    events = list(tags.read())
    assert [event.sequence for event in events] == list(range(1, 4 * 75 + 1))
    assert len({event.event_id for event in events}) == 300
    for name, of_one in zip(names, told, strict=True):
        own = tags.stream(f"tag/{name}")
        assert [event.event_id for event in own] == [f"{name}-{n}" for n in range(50)]
        assert [event.sequence for event in own] == [first for first, *_ in of_one]
        for first, last, version, digest in of_one:
            assert events[last - 1].version == version
            assert events[last - 1].data["name"] == name
            assert tags.at(last).digest == digest
            assert last - first == (events[last - 1].stream == "tag/shared")
    assert [event.version for event in tags.stream("tag/shared")] == list(range(1, 101))
    assert tags.verify().events == 300


@pytest.mark.slow
def test_eight_processes_of_250_appends_make_the_sequences_1_to_2000_and_none_starves(tags) -> None:
    told = said([started(MANY, tags.path, name, 250) for name in "abcdefgh"])
    events = list(tags.read())
    assert [event.sequence for event in events] == list(range(1, 2001))
    for number in range(5):
        versions = [event.version for event in tags.stream(f"tag/{number}")]
        assert versions == list(range(1, 401))
    for name, of_one in zip("abcdefgh", told, strict=True):
        assert len(of_one) == 250
        for last, version, digest, *_ in of_one:
            assert (events[last - 1].version, events[last - 1].data["name"]) == (version, name)
            assert tags.at(last).digest == digest
    assert (tags.verify().events, tags.verify().commits) == (2000, 2000)
    ends = sorted(max(last for last, *_ in of_one) for of_one in told)
    assert ends[0] > 2000 / 8 * 2, "one was served before all others"
    whole = max(end for of_one in told for *_, end in of_one)
    whole -= min(began for of_one in told for *_, began, _ in of_one)
    longest = max(end - began for of_one in told for *_, began, end in of_one)
    assert longest < whole / 4, "one waited while the others went on"


@in_sizes("count", 6, 20)
def test_processes_that_append_the_same_ids_at_once_add_each_once(tags, count: int) -> None:
    told = said([started(APPENDS, tags.path, "same", count) for _ in range(3)])
    own = tags.stream("tag/same")
    assert [event.event_id for event in own] == [f"same-{n}" for n in range(count)]
    for of_one in told:
        assert [first for first, *_ in of_one] == [event.sequence for event in own]
    assert len(tags.stream("tag/shared")) == 3 * count // 2
    assert tags.verify().events == tags.head == count + 3 * count // 2


@in_sizes("count", 8, 25)
def test_of_processes_that_expect_one_version_exactly_one_wins_each_time(tags, count: int) -> None:
    told = said([started(RACES, tags.path, name, count) for name in ("one", "two", "three")])
    won = sorted(version for of_one in told for _, _, version, _ in of_one)
    assert won == list(range(1, count + 1))
    assert tags.verify().events == count


@in_sizes("kills", 3, 15)
def test_a_writer_that_is_killed_loses_and_repeats_nothing_that_was_acknowledged(
    tags, kills: int
) -> None:
    draw = random.Random(19)
    acknowledged: list[tuple[int, int, str]] = []
    for attempt in range(kills):
        process = started(APPENDS, tags.path, f"w{attempt}", 10_000)
        told = killed(process, draw.uniform(0.0, 0.03), draw.randrange(4))
        acknowledged += [(first, last, digest) for first, last, _, digest in told]
        anew = EventLog(tags.path, CATEGORIES)
        before = anew.verify().events
        ids = [f"w{attempt}-{number}" for number in range(len(told))]
        assert len(anew.known(ids)) == len(told)
        assert [e.version for e in anew.stream("tag/shared")] == list(
            range(1, anew.versions(["tag/shared"])["tag/shared"] + 1)
        )
        assert anew.head == before
    assert acknowledged
    events = list(tags.read())
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert len({event.event_id for event in events}) == len(events)
    for first, last, digest in acknowledged:
        assert 1 <= first <= last <= len(events)
        assert tags.at(last).digest == digest


def test_what_a_killed_writer_left_behind_is_cleaned_when_it_is_old(tags) -> None:
    staging = tags.path / "staging"
    staging.mkdir(parents=True)
    old, young = staging / "1-old", staging / "2-young"
    for left in (old, young):
        left.write_bytes(b"half a commit")
    os.utime(old, (time.time() - 100_000,) * 2)
    told = said([started(APPENDS, tags.path, "one", 1)])
    assert len(told[0]) == 1
    assert [path.name for path in staging.iterdir()] == ["2-young"]
    assert tags.verify().events == 1
