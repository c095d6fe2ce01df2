"""What holds of every log, wherever it lies: in a folder, and in an object store (S3)."""

from __future__ import annotations

import json
import random
import shutil
import threading
import time
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from processes import killed, running, said, started

from event_log import (
    DamagedLog,
    EventLog,
    InvalidEvent,
    NewEvent,
    NotReached,
    SubscriptionHeld,
    WrongExpectedVersion,
)
from event_log.proving.proof import check_proof
from event_log.storage.opening import open_store
from newsroom.categories import CATEGORIES


def opened(location: str) -> EventLog:
    return EventLog(location, CATEGORIES)


@pytest.fixture
def log(log_at: str) -> EventLog:
    return opened(log_at)


def defined(name: str = "a", **rest: object) -> NewEvent:
    return NewEvent(f"tag/{name}", "TagDefined", {"name": name}, **rest)


def revised(name: str = "a", text: str = "b", **rest: object) -> NewEvent:
    return NewEvent(f"tag/{name}", "TagRevised", {"name": text}, **rest)


def columns(*names: str) -> pa.Table:
    return pa.table(
        {
            "stream": [f"tag/{name}" for name in names],
            "type": ["TagDefined"] * len(names),
            "tag": [{"name": name} for name in names],
        }
    )


@pytest.fixture
def ten(log: EventLog) -> EventLog:
    """Ten tags in five commits; the last event of each commit has the id of its sequence."""
    for number in range(1, 10, 2):
        log.append([defined(f"{number}"), defined(f"{number + 1}", event_id=f"{number + 1}")])
    return log


# appending and reading


def test_a_log_that_nothing_was_appended_to_is_empty(log: EventLog) -> None:
    assert (log.head, log.digest, list(log.read())) == (0, "00" * 32, [])
    assert (log.verify().events, log.known(["a"]), log.versions(["tag/a"])) == (0, {}, {"tag/a": 0})
    assert (log.position_of("wire"), log.open_commits) == (0, 0)


def test_what_was_appended_is_read_back_in_order_by_everyone(log: EventLog, log_at: str) -> None:
    first = log.append([defined("a", actor="ana"), defined("b"), revised("a", "A")])
    assert (first.first, first.last, first.version, first.added) == (1, 3, 2, 3)
    for anyone in (log, opened(log_at)):
        assert [(e.sequence, e.stream, e.version) for e in anyone.read()] == [
            (1, "tag/a", 1),
            (2, "tag/b", 1),
            (3, "tag/a", 2),
        ]
        assert [e.data["name"] for e in anyone.stream("tag/a")] == ["a", "A"]
        assert [e.sequence for e in anyone.read(after=1, limit=1)] == [2]
        assert [e.sequence for e in anyone.read(type="TagRevised")] == [3]
        assert (anyone.head, anyone.digest) == (3, first.digest)
        assert (anyone.versions(["tag/a"]), anyone.verify().events) == ({"tag/a": 2}, 3)


def test_two_open_logs_see_each_others_appends(log: EventLog, log_at: str) -> None:
    other = opened(log_at)
    for number in range(4):
        writer, reader = (log, other) if number % 2 else (other, log)
        assert writer.append([defined("a")]).version == number + 1
        assert reader.head == number + 1


def test_the_log_as_of_a_point_stays_what_it_was(ten: EventLog, log_at: str) -> None:
    moment = datetime.now(UTC)
    earlier, digest = ten.at(6), ten.at(6).digest
    time.sleep(0.002)
    ten.append([revised("1")])
    for then in (earlier, opened(log_at).at(6)):
        assert [e.sequence for e in then.read()] == [1, 2, 3, 4, 5, 6]
        assert then.digest == digest
    assert (ten.at(moment).sequence, ten.at().sequence) == (10, 11)


def test_a_scan_gives_the_columns_asked_for_and_files_that_any_engine_reads(ten: EventLog) -> None:
    found = pa.Table.from_batches(ten.scan(["sequence", "tag"], after=4))
    assert found.column("sequence").to_pylist() == [5, 6, 7, 8, 9, 10]
    assert found.column("tag").to_pylist()[0]["name"] == "5"
    read = [pq.ParquetFile(path).read(["sequence"]) for path in ten.at().files()]
    assert sorted(pa.concat_tables(read).column("sequence").to_pylist()) == [*range(1, 11)]


# conflicts and repetition


def test_an_expected_version_is_checked_and_the_conflict_says_the_actual_one(ten) -> None:
    with pytest.raises(WrongExpectedVersion) as caught:
        ten.append([revised("1")], expected_version=0)
    assert (caught.value.actual, ten.head) == (1, 10)
    assert ten.append([revised("1")], expected_version=1).version == 2


def test_the_same_ids_give_the_first_receipt_and_other_content_is_an_error(
    log: EventLog, log_at: str
) -> None:
    events = [defined("a", event_id="a"), revised("a", event_id="b")]
    first = log.append(events)
    log.append([defined("c")])
    shutil.rmtree(log.path / "cache")
    for anyone in (log, opened(log_at)):
        again = anyone.append(events)
        assert (again.first, again.last, again.digest) == (1, 2, first.digest)
        assert (again.version, again.added) == (2, 0)
        with pytest.raises(InvalidEvent, match="'b' is the id of another event, at sequence 2"):
            anyone.append([revised("a", "other", event_id="b")])
    half = log.append([revised("a", event_id="b"), revised("a", event_id="d")])
    assert (half.first, half.last, half.added, log.head) == (2, 4, 1, 4)


# bulk, and producers


def test_columns_become_events_and_a_producer_goes_on_where_it_was(
    log: EventLog, log_at: str
) -> None:
    first = log.append_many(columns("a", "b"), positions={"wire": 20})
    assert (first.last, first.added, log.position_of("wire")) == (2, 2, 20)
    for anyone in (log, opened(log_at)):
        again = anyone.append_many(columns("a", "b"), positions={"wire": 20})
        assert (again.last, again.added, again.digest) == (2, 0, first.digest)
    assert log.append_many(columns("c").to_batches()[0], positions={"wire": 21}).last == 3
    log.seal(grace_seconds=0)
    shutil.rmtree(log.path / "cache")
    assert (opened(log_at).position_of("wire"), log.position_of("other")) == (21, 0)


# keeping


def test_a_sealed_log_says_what_it_said(ten: EventLog, log_at: str) -> None:
    reading, digests = opened(log_at), [ten.at(n).digest for n in range(11)]
    before = [(e.sequence, e.event_id, e.digest, e.data) for e in reading.read()]
    sealed = ten.seal(grace_seconds=0)
    assert (sealed.through, sealed.events, sealed.commits, ten.open_commits) == (10, 10, 5, 0)
    time.sleep(0.01)
    ten.seal(grace_seconds=0)
    assert open_store(log_at).names("commits") == []
    for anyone in (ten, reading, opened(log_at)):
        assert [(e.sequence, e.event_id, e.digest, e.data) for e in anyone.read()] == before
        assert [anyone.at(n).digest for n in range(11)] == digests
        assert [e.sequence for e in anyone.stream("tag/7")] == [7]
        assert (anyone.verify().events, anyone.known(["4"])) == (10, {"4": 4})
    assert ten.append([defined("4", event_id="4")]).last == 4
    assert reading.append([revised("4")]).last == 11
    assert opened(log_at).verify().digest == reading.digest


@pytest.mark.parametrize("sealed", [False, True])
def test_an_event_is_proven_to_stand_in_the_log_without_the_log(ten: EventLog, sealed) -> None:
    if sealed:
        ten.seal()
    for sequence in (1, 6, 10):
        check_proof(ten.prove(sequence), ten.digest)
    check_proof(ten.prove(3, at=7), ten.at(7).digest)


@pytest.mark.usefixtures("ten")
def test_verifying_names_the_first_sequence_that_is_missing(log_at: str) -> None:
    open_store(log_at).delete("commits/00000000000000000005.parquet")
    with pytest.raises(DamagedLog) as caught:
        opened(log_at).verify()
    assert caught.value.sequence == 5
    assert log_at.removeprefix("s3://") in str(caught.value)


# following

LATER = 'time.sleep(0.2); log.append([NewEvent("tag/late", "TagDefined", {"name": "late"})])'


def test_waiting_ends_when_another_process_appends(ten: EventLog, log_at: str) -> None:
    with running(LATER, log_at):
        assert ten.wait(11, timeout=60) == 11
    with pytest.raises(NotReached, match="12"):
        ten.wait(12, timeout=0.05)


def test_a_subscription_goes_on_where_it_was_and_has_one_holder(ten: EventLog, log_at: str) -> None:
    with ten.subscribe("mail") as mine:
        assert [e.sequence for e in mine.events(timeout=0)] == [*range(1, 11)]
        with pytest.raises(SubscriptionHeld), opened(log_at).subscribe("mail"):
            pass
    with running(LATER, log_at), opened(log_at).subscribe("mail") as again:
        assert next(again.events(timeout=60)).sequence == 11
    with ten.subscribe("mail") as left:  # it was given, but not handled: the loop was left
        assert [e.sequence for e in left.events(timeout=0)] == [11]


# many writers

APPENDS = """
name, count = arguments[0], int(arguments[1])
for number in range(count):
    own = NewEvent(f"tag/{name}", "TagDefined", {"name": name}, event_id=f"{name}-{number}")
    shared = NewEvent("tag/shared", "TagDefined", {"name": name})
    told(log.append([own, shared][: 1 + number % 2]))
"""
RACES = """
for version in range(int(arguments[0])):
    event = NewEvent("tag/shared", "TagDefined", {"name": "x"})
    try:
        told(log.append([event], expected_version=version))
    except WrongExpectedVersion as error:
        assert error.actual > version
"""
SLOWLY = (
    f"pause = log.append\nlog.append = lambda events: time.sleep(0.02) or pause(events)\n{APPENDS}"
)
SEALS = """
while True:
    tell(log.seal(grace_seconds=0).through)
"""


def test_threads_share_commits_and_each_receipt_is_true(log: EventLog, log_at: str) -> None:
    receipts: list = []

    def work(thread: int) -> None:
        receipts.extend(log.append([defined(f"{thread}")], number) for number in range(5))

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(receipts) == 40
    anew = opened(log_at)
    assert [anew.at(r.last).digest for r in receipts] == [r.digest for r in receipts]
    assert anew.verify().events == 40
    assert anew.open_commits < 40


@pytest.mark.slow
def test_processes_append_at_once_and_every_receipt_is_true(log: EventLog, log_at: str) -> None:
    names = ["one", "two", "three"]
    told = said([started(APPENDS, log_at, name, 10) for name in names])
    events = list(log.read())
    assert [e.sequence for e in events] == [*range(1, 46)]
    for name, receipts in zip(names, told, strict=True):
        assert [e.event_id for e in log.stream(f"tag/{name}")] == [f"{name}-{n}" for n in range(10)]
        for first, last, version, digest in receipts:
            assert events[first - 1].stream == f"tag/{name}"
            assert events[last - 1].version == version
            assert log.at(last).digest == digest
    assert [e.version for e in log.stream("tag/shared")] == [*range(1, 16)]
    assert log.verify().events == 45


@pytest.mark.slow
def test_of_processes_that_expect_one_version_exactly_one_wins(log: EventLog, log_at: str) -> None:
    told = said([started(RACES, log_at, 8) for _ in range(3)])
    assert sorted(version for receipts in told for _, _, version, _ in receipts) == [*range(1, 9)]
    assert log.verify().events == 8


@pytest.mark.slow
def test_a_writer_that_is_killed_loses_nothing_that_it_was_told(log: EventLog, log_at: str) -> None:
    draw, told = random.Random(3), 0
    for attempt in range(3):
        process = started(APPENDS, log_at, f"w{attempt}", 10_000)
        receipts = killed(process, draw.uniform(0.0, 0.1), draw.randrange(1, 5))
        anew = opened(log_at)
        assert anew.verify().events == anew.head
        assert len(anew.known(f"w{attempt}-{n}" for n in range(len(receipts)))) == len(receipts)
        assert [anew.at(last).digest for _, last, _, _ in receipts] == [r[3] for r in receipts]
        told += len(receipts)
    assert told
    assert log.append([defined("after")]).last == log.head


@pytest.mark.slow
def test_a_sealer_that_is_killed_loses_nothing_and_keeps_nobody_from_writing(
    log: EventLog, log_at: str
) -> None:
    draw = random.Random(4)
    with running(SLOWLY, log_at, "w", 10_000) as writing:
        assert writing.stdout
        for _ in range(4):
            killed(started(SEALS, log_at), draw.uniform(0.05, 0.5))
            appended = json.loads(writing.stdout.readline())[1]
            assert opened(log_at).verify().events >= appended
    assert log.seal(grace_seconds=0).through == log.head
    anew = opened(log_at)
    assert anew.open_commits == 0
    assert [e.sequence for e in anew.read()] == [*range(1, anew.head + 1)]
    versions = [e.version for e in anew.stream("tag/shared")]
    assert versions == [*range(1, len(versions) + 1)]
