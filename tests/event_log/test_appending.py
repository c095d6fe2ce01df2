"""Order, expected versions, and event ids that make repeating harmless."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from event_log import InvalidEvent, WrongExpectedVersion


def test_an_append_of_many_events_keeps_their_order_and_is_one_commit(log, domain) -> None:
    events = [domain.made("thing/1"), domain.written("note/1"), domain.changed("thing/1")]
    receipt = log.append(events)
    assert (receipt.first, receipt.last, receipt.version, receipt.added) == (1, 3, 2, 3)
    assert receipt.digest == log.digest
    assert [(e.sequence, e.stream, e.version) for e in log.read()] == [
        (1, "thing/1", 1),
        (2, "note/1", 1),
        (3, "thing/1", 2),
    ]
    assert [p.name for p in (log.path / "commits").iterdir()] == [f"{1:020d}.parquet"]


def test_a_log_opens_without_touching_the_disk(log, path) -> None:
    assert log.head == 0
    assert log.digest == "00" * 32
    assert list(log.read()) == []
    assert log.verify().events == 0
    assert not (path / "commits").exists()


def test_two_open_logs_see_each_others_appends(log, domain, path) -> None:
    other = domain.open(path)
    log.append([domain.made()])
    assert other.head == 1
    other.append([domain.changed()])
    assert log.head == 2
    assert log.append([domain.changed()]).version == 3
    assert [event.version for event in other.stream("thing/1")] == [1, 2, 3]


def test_expected_version_0_means_that_the_stream_has_no_events(log, domain) -> None:
    assert log.append([domain.made()], expected_version=0).version == 1
    with pytest.raises(WrongExpectedVersion, match="expected no stream, but it is at version 1"):
        log.append([domain.made()], expected_version=0)
    assert log.head == 1


def test_a_conflict_says_the_actual_version_and_changes_nothing(log, domain) -> None:
    log.append([domain.made(), domain.changed()])
    for wrong in (0, 1, 3, -1):
        with pytest.raises(WrongExpectedVersion) as caught:
            log.append([domain.changed(), domain.changed()], expected_version=wrong)
        error = caught.value
        assert (error.stream, error.expected, error.actual) == ("thing/1", wrong, 2)
    assert log.head == 2
    assert log.append([domain.changed()], expected_version=2).version == 3


def test_a_conflict_on_a_stream_that_never_began_says_so(log, domain) -> None:
    with pytest.raises(WrongExpectedVersion, match="expected version 4, but it has no events"):
        log.append([domain.made()], expected_version=4)


def test_expected_versions_are_checked_for_each_stream_that_is_named(log, domain) -> None:
    log.append([domain.made("thing/1"), domain.written("note/1")])
    events = [domain.changed("thing/1"), domain.made("thing/2")]
    with pytest.raises(WrongExpectedVersion, match="note/1: expected"):
        log.append(events, expected_version={"thing/1": 1, "note/1": 5})
    with pytest.raises(WrongExpectedVersion, match="thing/3: expected"):
        log.append(events, expected_version={"thing/3": 1})
    receipt = log.append(events, expected_version={"thing/1": 1, "thing/2": 0, "note/1": 1})
    assert receipt.added == 2


def test_one_expected_version_for_events_of_two_streams_is_refused(log, domain) -> None:
    with pytest.raises(InvalidEvent, match="one expected version needs events of one stream"):
        log.append([domain.made("thing/1"), domain.made("thing/2")], expected_version=0)
    assert log.head == 0


def test_appending_the_same_ids_again_gives_the_first_receipt(log, domain, path) -> None:
    events = [domain.made(event_id="a"), domain.changed(event_id="b")]
    first = log.append(events)
    log.append([domain.changed()])
    shutil.rmtree(path / "cache")
    for again in (log, domain.open(path)):
        receipt = again.append(events, expected_version=0)
        assert (receipt.first, receipt.last, receipt.version) == (1, 2, 2)
        assert (receipt.digest, receipt.added) == (first.digest, 0)
    assert log.head == 3


def test_an_id_twice_in_a_batch_is_added_once(log, domain) -> None:
    batch = log.batch()
    for event in (domain.made(event_id="a"), domain.made(event_id="a"), domain.changed()):
        batch.add(event)
    assert (len(batch), batch.repeated) == (2, 1)
    assert log.commit(batch).added == 2
    assert [event.type for event in log.read()] == ["ThingMade", "ThingChanged"]


def test_the_receipt_of_a_half_known_append_covers_all_its_events(log, domain) -> None:
    log.append([domain.made("thing/9")])
    log.append([domain.made(event_id="a"), domain.changed(event_id="b")])
    receipt = log.append([domain.changed(event_id="b"), domain.changed(event_id="c")])
    assert (receipt.first, receipt.last, receipt.version, receipt.added) == (3, 4, 3, 1)
    assert [event.event_id for event in log.stream("thing/1")] == ["a", "b", "c"]
    again = log.append([domain.changed(event_id="b"), domain.changed(event_id="c")])
    assert (again.first, again.last, again.added) == (3, 4, 0)


def test_a_batch_that_is_committed_twice_is_added_once(log, domain) -> None:
    batch = log.batch()
    batch.add(domain.made())
    batch.add(domain.changed(event_id="b"))
    first = log.commit(batch)
    again = log.commit(batch)
    assert (again.first, again.last, again.digest) == (1, 2, first.digest)
    assert (first.added, again.added, log.head) == (2, 0, 2)


def test_known_and_versions_answer_for_every_name(log, domain) -> None:
    log.append([domain.made("thing/1", event_id="a"), domain.changed("thing/1", event_id="b")])
    odd = ["thing/none", "a\0b", "thing/1\0", "\ud800", "", "'", "[]"]
    assert log.known(["b", "a", *odd]) == {"a": 1, "b": 2}
    assert log.versions(["thing/1", *odd]) == {"thing/1": 2, **dict.fromkeys(odd, 0)}
    assert [log.stream(name) for name in odd] == [[]] * len(odd)
    assert (log.known([]), log.versions([])) == ({}, {})


def test_names_that_differ_in_case_accents_or_spaces_are_different_streams(log, domain) -> None:
    names = ["thing/a", "thing/A", "thing/ä", "thing/a\u0308", "thing/a ", "thing/a/b"]
    log.append(domain.made(name, event_id=name) for name in names)
    assert log.versions(names) == dict.fromkeys(names, 1)
    assert log.known(names) == {name: place for place, name in enumerate(names, 1)}
    assert [log.stream(name)[0].stream for name in names] == names


def test_a_clock_that_jumps_back_does_not_turn_time_back(log, domain, path, monkeypatch) -> None:
    log.append([domain.made()])
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 3600 * 10**9)
    log.append([domain.changed()])
    domain.open(path).append([domain.changed(), domain.changed()])
    monkeypatch.undo()
    log.append([domain.changed()])
    recorded = [event.recorded_at for event in log.read()]
    assert recorded == sorted(recorded)
    assert recorded[0] == recorded[3] < recorded[4]


def test_many_threads_append_to_one_open_log(log, domain) -> None:
    def work(thread: int) -> list[int]:
        places = []
        for number in range(8):
            event = domain.made(f"thing/{thread}", event_id=f"{thread}-{number}")
            receipt = log.append([event], expected_version=number)
            assert receipt.first == receipt.last
            places.append(receipt.last)
        return places

    with ThreadPoolExecutor(6) as pool:
        places = [place for found in pool.map(work, range(6)) for place in found]
    assert sorted(places) == list(range(1, 49))
    assert [event.sequence for event in log.read()] == list(range(1, 49))
    assert log.verify().events == 48


def test_of_many_threads_that_expect_one_version_one_wins(log, domain) -> None:
    log.append([domain.made()])

    def attempt(_: int) -> bool:
        try:
            log.append([domain.changed()], expected_version=1)
        except WrongExpectedVersion as error:
            return error.actual != 2
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
    assert log.head == 2


def test_reading_goes_on_undisturbed_while_another_appends(log, domain, path) -> None:
    log.append([domain.made(f"thing/{n}") for n in range(30)])
    stop = threading.Event()

    def write() -> None:
        other = domain.open(path)
        while not stop.is_set():
            other.append([domain.made()])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            snapshot = log.at()
            read = [event.sequence for event in snapshot.read()]
            assert read == list(range(1, snapshot.sequence + 1))
            followed = [event.sequence for event in log.read(after=snapshot.sequence - 1)]
            assert followed == list(range(snapshot.sequence, followed[-1] + 1))
    finally:
        stop.set()
        writer.join()
