"""Threads that append at once share a commit, and stay independent of each other."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from event_log import (
    EventLog,
    InvalidEvent,
    NewEvent,
    Receipt,
    StoreError,
    WrongExpectedVersion,
)
from event_log.appending.pending import Pending
from event_log.storage.folder import LocalStore

PATIENCE = 60.0


class Gate(LocalStore):
    """A store whose commits wait until the test lets them, and then may come to a bad end."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.open = threading.Event()
        self.reached = threading.Event()
        self.before: dict[int, BaseException] = {}
        self.after: dict[int, BaseException] = {}
        """What is raised before or after the first, second, ... commit is written."""
        self.commits = 0

    def put_if_absent(self, name: str, write: Callable[[Path], None]) -> bool:
        if not name.startswith("commits/"):
            return super().put_if_absent(name, write)
        self.reached.set()
        assert self.open.wait(PATIENCE)
        self.commits += 1
        if self.commits in self.before:
            raise self.before[self.commits]
        won = super().put_if_absent(name, write)
        if self.commits in self.after:
            raise self.after[self.commits]
        return won


@pytest.fixture
def gate(path: Path) -> Gate:
    return Gate(path)


@pytest.fixture
def log(gate: Gate, domain) -> EventLog:
    return EventLog(gate, domain.categories)


Result = Receipt | BaseException
Append = Callable[[], Receipt]


class Line:
    """Appends that stand in the line of a log one after another, behind one that is held up."""

    def __init__(self, log: EventLog, gate: Gate) -> None:
        self._log, self._gate = log, gate
        self._threads: list[threading.Thread] = []
        self.results: dict[int, Result] = {}

    def add(self, append: Append) -> None:
        """Let a thread append, and wait until it stands in the line."""
        place = len(self._threads)

        def run() -> None:
            try:
                self.results[place] = append()
            except BaseException as error:  # noqa: BLE001 - what came of it is the result
                self.results[place] = error

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()
        if place == 0:
            assert self._gate.reached.wait(PATIENCE)
            return
        wait_until(lambda: len(self._log._appender._line) >= place)

    def go(self) -> list[Result]:
        """Let the commits be written; what each append came to, in order."""
        self._gate.open.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in self._threads), "a thread waits for ever"
        return [self.results[place] for place in range(len(self._threads))]


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until
        time.sleep(0.001)


@pytest.fixture
def line(log: EventLog, gate: Gate, domain) -> Line:
    """A line whose first append is on its way."""
    found = Line(log, gate)
    found.add(lambda: log.append([domain.made("thing/first")]))
    return found


def check(log: EventLog, domain, receipts: list[Any], commits: int) -> None:
    """Every receipt is true, for whoever opens the log now."""
    anew = domain.open(log.path)
    events = list(anew.read())
    for receipt in receipts:
        assert isinstance(receipt, Receipt), receipt
        assert anew.at(receipt.last).digest == receipt.digest
        assert events[receipt.last - 1].version == receipt.version
    held = anew.verify()
    assert (held.events, held.commits) == (len(events), commits)
    assert log.append([domain.made("thing/later")]).last == len(events) + 1


def test_all_that_wait_share_the_next_commit(log, line, domain) -> None:
    for number in range(20):
        line.add(lambda n=number: log.append([domain.made(f"thing/{n}")] * (1 + n % 3)))
    receipts = line.go()
    assert [r.first for r in receipts[1:]] == [
        2 + n + sum(k % 3 for k in range(n)) for n in range(20)
    ]
    assert [r.last - r.first for r in receipts[1:]] == [n % 3 for n in range(20)]
    check(log, domain, receipts, commits=2)


def test_threads_that_go_on_appending_make_fewer_commits_than_appends(log, gate, domain) -> None:
    gate.open.set()
    receipts: list[Receipt] = []

    def work(thread: int) -> None:
        for number in range(15):
            event = domain.made(f"thing/{thread}", event_id=f"{thread}-{number}")
            receipts.append(log.append([event], expected_version=number))

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(receipt.last for receipt in receipts) == [*range(1, 241)]
    assert log.open_commits < 120
    check(log, domain, receipts, commits=log.open_commits)


def test_a_bad_beginning_fails_alone_and_says_its_place(log, line, domain) -> None:
    line.add(lambda: log.append([domain.made("thing/a")]))
    line.add(lambda: log.append([domain.made("thing/b"), domain.changed("thing/none")]))
    line.add(lambda: log.append([domain.changed("thing/a")]))
    first, one, bad, other = line.go()
    assert isinstance(bad, InvalidEvent)
    assert (bad.field, bad.position) == ("type", 1)
    assert log.versions(["thing/a", "thing/b"]) == {"thing/a": 2, "thing/b": 0}
    check(log, domain, [first, one, other], commits=2)


def test_expected_versions_are_seen_in_the_order_of_the_line(log, line, domain) -> None:
    for expected in (0, 0, 1, 2, 2, 5, 3):
        line.add(lambda v=expected: log.append([domain.made("thing/a")], expected_version=v))
    first, *found = line.go()
    wrong = [place for place, result in enumerate(found) if not isinstance(result, Receipt)]
    assert wrong == [1, 4, 5]
    assert [(found[n].expected, found[n].actual) for n in wrong] == [(0, 1), (2, 3), (5, 3)]
    assert all(isinstance(found[place], WrongExpectedVersion) for place in wrong)
    check(log, domain, [first, *(found[n] for n in (0, 2, 3, 6))], commits=2)


def test_other_content_under_a_known_id_fails_alone(log, gate, domain) -> None:
    gate.open.set()
    known = log.append([domain.made("thing/a", event_id="a")])
    gate.open.clear()
    gate.reached.clear()
    line = Line(log, gate)
    line.add(lambda: log.append([domain.made("thing/first")]))
    line.add(lambda: log.append([domain.made("thing/b", event_id="a")]))
    line.add(lambda: log.append([domain.made("thing/a", event_id="a")]))
    line.add(lambda: log.append([domain.made("thing/c")]))
    first, bad, again, other = line.go()
    assert isinstance(bad, InvalidEvent)
    assert "'a' is the id of another event, at sequence 1" in str(bad)
    assert (again.last, again.digest, again.added) == (1, known.digest, 0)
    check(log, domain, [first, other], commits=3)


def test_the_same_id_from_two_threads_is_added_once_and_both_get_its_receipt(
    log, line, domain
) -> None:
    for _ in range(3):
        line.add(lambda: log.append([domain.made("thing/a", event_id="a")]))
    line.add(lambda: log.append([domain.made("thing/b", event_id="a")]))
    first, *same, other = line.go()
    assert [(r.last, r.version, r.digest) for r in same] == [(2, 1, same[0].digest)] * 3
    assert [r.added for r in same] == [1, 0, 0]
    assert isinstance(other, InvalidEvent)
    check(log, domain, [first, *same], commits=2)


def test_large_and_small_appends_stay_in_their_order(log, line, domain) -> None:
    bulk = pa.table({"stream": [f"thing/{n}" for n in range(5000)], "type": ["ThingMade"] * 5000})
    for number in range(3):
        line.add(lambda n=number: log.append([domain.made(f"thing/small-{n}")]))
        line.add(lambda: log.append_many(bulk))
        line.add(lambda n=number: log.append([domain.changed(f"thing/{n}")]))
    receipts = line.go()
    firsts = [receipt.first for receipt in receipts]
    assert firsts == sorted(firsts)
    assert log.head == 1 + 3 * 5002
    check(log, domain, receipts, commits=8)


@pytest.mark.parametrize("written", [False, True])
def test_a_leader_that_is_interrupted_tells_all_and_leaves_nobody_waiting(
    log, gate, line, domain, written: bool
) -> None:
    (gate.after if written else gate.before)[1] = KeyboardInterrupt()
    appends = [
        lambda n=number: log.append([domain.made(f"thing/{n}", event_id=f"{n}")])
        for number in range(5)
    ]
    for append in appends:
        line.add(append)
    first, *rest = line.go()
    assert isinstance(first, KeyboardInterrupt)
    check(log, domain, rest, commits=2 if written else 1)


@pytest.mark.parametrize("written", [False, True])
def test_all_of_a_group_whose_leader_is_interrupted_are_told_and_may_repeat(
    log, gate, line, domain, written: bool
) -> None:
    appends = [
        lambda n=number: log.append([domain.made(f"thing/{n}", event_id=f"{n}")])
        for number in range(5)
    ]
    for append in appends:
        line.add(append)
    (gate.after if written else gate.before)[2] = KeyboardInterrupt()
    first, *told = line.go()
    assert isinstance(first, Receipt)
    assert sum(isinstance(result, KeyboardInterrupt) for result in told) == 1
    others = [result for result in told if not isinstance(result, KeyboardInterrupt)]
    assert all(isinstance(o, StoreError) and "same ids again" in str(o) for o in others)
    again = [append() for append in appends]
    assert [receipt.added for receipt in again] == [0 if written else 1] * 5
    check(log, domain, again, commits=2 if written else 6)


def test_a_full_disk_is_told_to_all_of_the_group_and_writing_goes_on_afterwards(
    log, gate, domain, monkeypatch
) -> None:
    line = Line(log, gate)
    line.add(lambda: log.append([domain.made("thing/first")]))
    for number in range(4):
        line.add(lambda n=number: log.append([domain.made(f"thing/{n}")]))
    full = [True]
    sync = gate._disk.sync

    def no_room(path: Path) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(path)

    monkeypatch.setattr(gate._disk, "sync", no_room)
    results = line.go()
    assert all(isinstance(r, StoreError) and "the disk is full" in str(r) for r in results)
    assert len({str(result) for result in results}) <= 2
    full[0] = False
    assert log.head == 0
    check(log, domain, [log.append([domain.made("thing/0")])], commits=1)


def test_who_is_interrupted_while_it_waits_leaves_the_line(log, line, domain) -> None:
    # A process that a shell put into the background ignores the signal otherwise.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def behind_it() -> None:
        wait_until(lambda: len(log._appender._line) == 1)
        line.add(lambda: log.append([domain.made("thing/behind")]))
        wait_until(lambda: len(log._appender._line) == 2)
        os.kill(os.getpid(), signal.SIGINT)  # the main thread is told, as by Ctrl-C

    behind = threading.Thread(target=behind_it, daemon=True)
    behind.start()
    with pytest.raises(KeyboardInterrupt):
        log.append([domain.made("thing/interrupted")])
    behind.join(PATIENCE)
    receipts = line.go()
    assert log.versions(["thing/interrupted"]) == {"thing/interrupted": 0}
    check(log, domain, receipts, commits=2)


def test_who_is_interrupted_when_it_was_to_lead_lets_the_next_one_lead(log, domain) -> None:
    appender, waiting = log._appender, []
    for stream in ("thing/a", "thing/b"):
        batch = log.batch()
        batch.add(domain.made(stream))
        waiting.append(Pending(batch, {}))
    interrupted, next_one = waiting
    appender._line.extend(waiting)
    appender._leader = interrupted
    appender._leave(interrupted)
    next_one.wait()  # it was woken
    assert (appender._leader, [*appender._line]) == (next_one, [next_one])
    appender._leave(next_one)
    assert (appender._leader, len(appender._line)) == (None, 0)


def test_an_append_of_one_thread_needs_no_other(log, gate, domain) -> None:
    gate.open.set()
    assert [log.append([NewEvent("thing/a", "ThingMade")]).last for _ in range(3)] == [1, 2, 3]
    check(log, domain, [], commits=3)
