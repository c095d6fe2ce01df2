"""Subscriptions: in order, at least once, from a checkpoint that survives being killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from event_log import EventLog, EventLogError, InvalidPoint, StoreError, SubscriptionHeld
from event_log.following import progress, subscription
from event_log.following.checkpoint import InvalidCheckpoint
from event_log.following.progress import InvalidSubscription
from event_log.following.status import subscriptions
from event_log.following.subscription import Subscription
from event_log.following.watch import watch
from newsroom.categories import CATEGORIES

ROOT = Path(__file__).parents[2]


def subscribed(log: EventLog, name: str = "mail", **rest) -> Subscription:
    return Subscription(log, log.path / "subscriptions", name, watch(log.path / "commits"), **rest)


def read(log: EventLog, name: str = "mail", **rest) -> list[int]:
    """The sequences that the name has not handled yet, up to the head."""
    with subscribed(log, name, **rest) as opened:
        return [event.sequence for event in opened.events(timeout=0)]


def checkpoint(log: EventLog, name: str = "mail") -> dict:
    return json.loads((log.path / "subscriptions" / f"{name}.json").read_text())


@pytest.fixture
def full(log, domain) -> EventLog:
    """Ten events: things are 1, 3, 5, 7, 9 and notes are 2, 4, 6, 8, 10."""
    for number in range(5):
        log.append([domain.made(f"thing/{number}"), domain.written(f"note/{number}")])
    return log


@pytest.fixture(autouse=True)
def patient(monkeypatch) -> None:
    """Batches are full however busy the machine is."""
    monkeypatch.setattr(subscription, "GATHERED_SECONDS", 1e9)


# in order, and on from the checkpoint


def test_what_is_there_comes_in_order_and_then_what_was_appended_since(full, domain) -> None:
    assert read(full) == list(range(1, 11))
    assert read(full) == []
    full.append([domain.changed("thing/0")])
    assert read(full) == [11]


def test_events_are_the_events_of_the_log(full) -> None:
    with subscribed(full) as opened:
        assert list(opened.events(timeout=0)) == list(full.read())


def test_a_loop_follows_what_another_thread_appends(full, domain) -> None:
    def append() -> None:
        for _ in range(20):
            full.append([domain.changed("thing/0")])

    writer = threading.Thread(target=append)
    with subscribed(full) as opened:
        writer.start()
        seen = []
        for event in opened:
            seen.append(event.sequence)
            if event.sequence == 30:
                opened.stop()
    writer.join()
    assert seen == list(range(1, 31))
    assert checkpoint(full)["sequence"] == 30


def test_the_checkpoint_says_the_sequence_the_digest_and_the_categories(full) -> None:
    read(full, categories=["thing"])
    found = checkpoint(full)
    assert found["sequence"] == 10
    assert found["digest"] == full.at(10).digest
    assert (found["name"], found["categories"]) == ("mail", ["thing"])


def test_every_name_has_a_checkpoint_of_its_own(full) -> None:
    with subscribed(full, "one") as one, subscribed(full, "other") as other:
        assert next(iter(one)).sequence == 1
        assert [event.sequence for event in other.events(timeout=0)] == list(range(1, 11))
    assert checkpoint(full, "one")["sequence"] == 0
    assert read(full, "one") == list(range(1, 11))
    assert read(full, "other") == []


def test_a_window_of_the_log_after_another_is_looked_through(full, monkeypatch) -> None:
    monkeypatch.setattr(subscription, "WINDOW", 3)
    assert read(full, "all") == list(range(1, 11))
    assert read(full, "notes", categories=["note"]) == [2, 4, 6, 8, 10]


def test_a_scan_that_takes_long_is_begun_anew_where_it_was(full, monkeypatch) -> None:
    monkeypatch.setattr(subscription, "RENEWED_SECONDS", 0.0)
    assert read(full, "all") == list(range(1, 11))
    with subscribed(full, "batches", categories=["thing"]) as opened:
        found = [batch.column("sequence").to_pylist() for batch in opened.batches(2, timeout=0)]
    assert found == [[1, 3], [5, 7], [9]]


# batches


def test_a_batch_is_given_before_it_is_full_where_reading_is_slow(full, monkeypatch) -> None:
    monkeypatch.setattr(subscription, "GATHERED_SECONDS", 0.0)
    with subscribed(full) as opened:
        assert [len(batch) for batch in opened.batches(timeout=0)] == [2, 2, 2, 2, 2]


def test_batches_have_the_events_in_the_sizes_asked_for(full) -> None:
    for size, expected in ((3, [3, 3, 3, 1]), (5, [5, 5]), (100, [10]), (1, [1] * 10)):
        with subscribed(full, f"by-{size}") as opened:
            batches = list(opened.batches(max_events=size, timeout=0))
        assert [len(batch) for batch in batches] == expected
        assert [n for b in batches for n in b.column("sequence").to_pylist()] == list(range(1, 11))
        assert checkpoint(full, f"by-{size}")["sequence"] == 10


def test_batches_have_the_columns_asked_for(full) -> None:
    with subscribed(full, categories=["note"]) as opened:
        (batch,) = opened.batches(timeout=0, columns=["stream"])
    assert batch.to_pydict() == {"stream": [f"note/{number}" for number in range(5)]}
    assert checkpoint(full)["sequence"] == 10


def test_a_batch_whose_handling_failed_comes_again_and_those_before_it_do_not(full) -> None:
    def fail_at_five() -> None:
        with subscribed(full) as opened:
            for batch in opened.batches(max_events=4, timeout=0):
                if batch.column("sequence")[0].as_py() == 5:
                    raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_at_five()
    assert checkpoint(full)["sequence"] == 4
    assert read(full) == [5, 6, 7, 8, 9, 10]


def test_a_batch_of_no_events_is_refused(full) -> None:
    with subscribed(full) as opened, pytest.raises(InvalidSubscription, match="max_events is 0"):
        next(opened.batches(max_events=0))


# at least once


def test_an_event_whose_handling_failed_comes_again(full) -> None:
    def fail_at_four() -> None:
        with subscribed(full) as opened:
            for event in opened:
                if event.sequence == 4:
                    raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_at_four()
    assert checkpoint(full)["sequence"] == 3
    assert read(full) == [4, 5, 6, 7, 8, 9, 10]


def test_an_event_that_a_loop_was_left_at_comes_again_unless_it_is_acknowledged(full) -> None:
    with subscribed(full) as opened:
        for event in opened:
            if event.sequence == 4:
                break
        assert opened.checkpoint == 3
        for event in opened:
            assert event.sequence == 4
            opened.acknowledge(event.sequence)
            assert checkpoint(full)["sequence"] == 4
            break
    assert read(full) == [5, 6, 7, 8, 9, 10]


def test_the_checkpoint_is_written_before_a_loop_waits(full, monkeypatch) -> None:
    monkeypatch.setattr(progress, "FIRST_SECONDS", 1e9)
    monkeypatch.setattr(progress, "WRITTEN_SECONDS", 1e9)
    with subscribed(full) as opened:
        for event in opened.events(timeout=0):
            assert checkpoint(full)["sequence"] == min(1, event.sequence - 1)
        assert checkpoint(full)["sequence"] == 10


def test_the_checkpoint_is_written_now_and_then_while_there_is_more(full, monkeypatch) -> None:
    monkeypatch.setattr(progress, "WRITTEN_SECONDS", 0.0)
    with subscribed(full) as opened:
        for event in opened.events(timeout=0):
            assert checkpoint(full)["sequence"] == event.sequence - 1


def test_the_first_event_that_is_handled_is_written_at_once(full) -> None:
    """So that who is killed again and again soon after the start comes on."""
    with subscribed(full):
        pass
    with subscribed(full) as opened:
        loop = opened.events()
        assert [next(loop).sequence, next(loop).sequence] == [1, 2]
        assert checkpoint(full)["sequence"] == 1


def test_an_explicit_subscription_moves_by_acknowledging_alone(full, domain) -> None:
    with subscribed(full, explicit=True) as opened:
        assert [event.sequence for event in opened.events(timeout=0)] == list(range(1, 11))
        opened.acknowledge(6)
        opened.acknowledge(2)
        with pytest.raises(InvalidSubscription, match="12 was not delivered yet; the last one was"):
            opened.acknowledge(12)
    assert checkpoint(full)["sequence"] == 6
    with subscribed(full, explicit=True, categories=["note"]) as opened:
        assert [event.sequence for event in opened.events(timeout=0)] == [8, 10]
        opened.acknowledge(10)
        full.append([domain.changed("thing/0")])
        assert list(opened.events(timeout=0)) == []
    assert checkpoint(full)["sequence"] == 11


def test_events_of_other_categories_are_passed_and_the_checkpoint_moves_past_them(
    full, domain
) -> None:
    assert read(full, categories=["note"]) == [2, 4, 6, 8, 10]
    full.append([domain.changed("thing/0")] * 5)
    assert read(full, categories=["note"]) == []
    assert checkpoint(full)["sequence"] == 15


# where it begins


@pytest.mark.parametrize(
    ("from_", "expected"), [("start", 1), (1, 1), (4, 4), (10, 10), ("now", 11), (11, 11)]
)
def test_a_new_name_begins_where_it_is_told_and_then_at_its_checkpoint(
    full, domain, from_, expected
) -> None:
    with subscribed(full, from_=from_) as opened:
        full.append([domain.changed("thing/0")])
        found = [event.sequence for event in opened.events(timeout=0)]
    assert found == list(range(expected, 12))
    assert read(full, from_="start") == []


def test_now_is_remembered_before_anything_comes(full, domain) -> None:
    with subscribed(full, from_="now"):
        pass
    full.append([domain.changed("thing/0")])
    assert read(full, from_="now") == [11]


@pytest.mark.parametrize("point", [0, -1, 12, "end"])
def test_a_point_that_there_is_not_is_refused(full, point) -> None:
    with pytest.raises(InvalidPoint, match="from 1 to 11"), subscribed(full, from_=point):
        pass
    assert read(full) == list(range(1, 11))


@pytest.mark.parametrize(("to", "expected"), [("start", 1), (7, 7), ("now", 11)])
def test_a_subscription_can_be_reset(full, to, expected) -> None:
    read(full)
    with subscribed(full) as opened:
        opened.reset(to)
        assert checkpoint(full)["sequence"] == expected - 1
    assert read(full) == list(range(expected, 11))


@pytest.mark.parametrize("to", [2, 8])
def test_a_loop_goes_on_from_where_it_is_reset_to(full, to) -> None:
    seen, again = [], []
    with subscribed(full, "events") as opened:
        for event in opened.events(timeout=0):
            seen.append(event.sequence)
            if len(seen) == 5:
                opened.reset(to)
    with subscribed(full, "batches") as opened:
        for batch in opened.batches(max_events=5, timeout=0):
            again += batch.column("sequence").to_pylist()
            if len(again) == 5:
                opened.reset(to)
    assert seen == again == [1, 2, 3, 4, 5, *range(to, 11)]


# checkpoints that do not fit


def test_a_checkpoint_of_a_log_that_was_restored_to_less_is_not_gone_on_from(full, domain) -> None:
    backup = full.path.with_name("backup")
    shutil.copytree(full.path, backup)
    full.append([domain.changed("thing/0")])
    read(full)
    shutil.rmtree(full.path / "commits")
    shutil.copytree(backup / "commits", full.path / "commits")
    shutil.rmtree(full.path / "cache")
    restored = domain.open(full.path)
    with pytest.raises(
        InvalidCheckpoint, match=r"at sequence 11, but the log's head is 10.*[Rr]eset"
    ):
        read(restored)
    restored.append([domain.changed("thing/1")])
    with subscribed(restored) as opened:
        with pytest.raises(InvalidCheckpoint, match=r"another digest.*[Rr]eset"):
            next(opened.events(timeout=0))
        opened.reset(11)
        assert [event.sequence for event in opened.events(timeout=0)] == [11]


def test_a_checkpoint_of_fewer_categories_is_not_gone_on_from(full) -> None:
    read(full, categories=["note"])
    for wider in (["note", "thing"], ["thing"]):
        with pytest.raises(InvalidCheckpoint, match="of note alone"):
            read(full, categories=wider)
    with pytest.raises(InvalidCheckpoint, match="of note alone"):
        read(full)
    assert read(full, categories=["note"]) == []


def test_a_checkpoint_of_all_categories_is_good_for_some(full, domain) -> None:
    read(full)
    full.append([domain.changed("thing/0"), domain.written("note/new")])
    assert read(full, categories=["note"]) == [12]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"name": "mail"}', '{"name": "mail", "sequence": "4"}', "\xff"]
)
def test_a_checkpoint_that_cannot_be_read_is_an_error_until_it_is_reset(full, content) -> None:
    read(full)
    path = full.path / "subscriptions" / "mail.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InvalidCheckpoint, match=r"mail\.json is no checkpoint .*reset"):
        read(full)
    assert path.read_bytes() == content.encode("latin-1")
    with subscribed(full) as opened:
        opened.reset(9)
    assert read(full) == [9, 10]


def test_a_file_where_the_folder_should_be_is_told_in_a_line(full) -> None:
    (full.path / "subscriptions").write_text("")
    with pytest.raises(StoreError, match=r"cannot make the folder .*subscriptions: a file lies"):
        read(full)


def test_a_checkpoint_that_cannot_be_written_is_told_in_a_line_and_loses_nothing(full) -> None:
    read(full, from_=4)
    in_the_way = full.path / "subscriptions" / "mail.json.new"
    in_the_way.mkdir()
    told = pytest.raises(StoreError, match=r"cannot write the checkpoint .*will come again")
    with told, subscribed(full) as opened:
        opened.reset("start")
    in_the_way.rmdir()
    assert read(full) == []


# who holds a name


@pytest.mark.parametrize("name", ["", "../mail", "a/b", ".", "a.b", "mail\n", "Zürich", "x" * 101])
def test_a_name_that_could_leave_the_folder_is_refused(log, name) -> None:
    with pytest.raises(InvalidSubscription, match="is no name"):
        subscribed(log, name)
    assert not log.path.exists()


@pytest.mark.parametrize("categories", [["nothing"], []])
def test_categories_that_there_are_not_are_refused(log, categories) -> None:
    with pytest.raises(InvalidSubscription, match="thing, note"):
        subscribed(log, categories=categories)


def test_a_subscription_that_is_not_held_cannot_be_used(full) -> None:
    opened = subscribed(full)
    for use in (lambda: next(iter(opened)), opened.reset, lambda: opened.acknowledge(1)):
        with pytest.raises(InvalidSubscription, match="is not held"):
            use()
    with opened:
        loop = opened.events()
        assert next(loop).sequence == 1
    with pytest.raises(InvalidSubscription, match="is not held"):
        list(loop)


def test_a_second_holder_is_told_who_holds_the_name(full) -> None:
    with subscribed(full):
        with pytest.raises(SubscriptionHeld) as told, subscribed(full):
            pass
        assert told.value.holder
        assert told.value.holder.process == os.getpid()
        assert told.value.holder.host == socket.gethostname()
        assert f"process {os.getpid()} on {socket.gethostname()} since 20" in str(told.value)
        assert isinstance(told.value, EventLogError)
    assert read(full) == list(range(1, 11))


OPENED = """
import json, signal, sys
from event_log import EventLog
from event_log.following.subscription import Subscription
from event_log.following.watch import watch
from newsroom.categories import CATEGORIES
log, name = EventLog(sys.argv[1], CATEGORIES), sys.argv[2]
subscription = Subscription(
    log, log.path / "subscriptions", name, watch(log.path / "commits"), **json.loads(sys.argv[3])
)
signal.signal(signal.SIGTERM, lambda *_: subscription.stop())
"""
PRINTS_EVENTS = (
    OPENED
    + """
with subscription:
    print("held", flush=True)
    for event in subscription:
        print(event.sequence, flush=True)
"""
)
PRINTS_BATCHES = (
    OPENED
    + """
with subscription:
    print("held", flush=True)
    for batch in subscription.batches(max_events=7):
        for sequence in batch.column("sequence").to_pylist():
            print(sequence, flush=True)
"""
)
APPENDS = """
import sys
from event_log import EventLog, NewEvent
from newsroom.categories import CATEGORIES
log = EventLog(sys.argv[1], CATEGORIES)
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    event = NewEvent(f"tag/{number}", "TagDefined", {"name": "Whales"})
    log.append([event] * (1 + number % 3))
"""


def started(script: str, *arguments: str) -> subprocess.Popen[str]:
    """A process that has said its first line."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline()
    return process


def holding(log: EventLog, script: str = PRINTS_EVENTS, **rest) -> subprocess.Popen[str]:
    """A process that holds a subscription and prints the sequences that it sees."""
    return started(script, str(log.path), "mail", json.dumps(rest))


@pytest.fixture
def tags(path) -> EventLog:
    return EventLog(path, CATEGORIES)


def test_a_holder_that_is_killed_lets_go_by_itself(tags) -> None:
    process = holding(tags)
    with pytest.raises(SubscriptionHeld, match=f"process {process.pid} on"), subscribed(tags):
        pass
    assert [
        (s.name, s.holder.process) for s in subscriptions(tags, tags.path / "subscriptions")
    ] == [("mail", process.pid)]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with subscribed(tags):
        pass
    assert [s.holder for s in subscriptions(tags, tags.path / "subscriptions")] == [None]


def test_a_process_forked_by_a_holder_does_not_hold_on(full) -> None:
    forked = multiprocessing.get_context("fork")
    done = forked.Event()
    with subscribed(full) as opened:
        child = forked.Process(target=done.wait, args=(60,))
        child.start()
        with pytest.raises(SubscriptionHeld), subscribed(full):
            pass
        assert next(iter(opened)).sequence == 1
    try:
        assert read(full) == list(range(1, 11))
    finally:
        done.set()
        child.join()


@pytest.mark.slow
@pytest.mark.parametrize("script", [PRINTS_EVENTS, PRINTS_BATCHES], ids=["events", "batches"])
def test_killed_at_any_moment_every_event_is_seen_in_order_without_a_gap(tags, script) -> None:
    draw = random.Random(4)
    writer = started(APPENDS, str(tags.path), "150")
    seen = 0
    runs: list[list[int]] = []
    longest = 0.02
    while writer.poll() is None or seen < tags.head:
        process = holding(tags, script)
        time.sleep(draw.uniform(0.0, longest))
        longest *= 1.1  # a machine that is slow needs longer to come on at all
        os.kill(process.pid, signal.SIGKILL)
        assert process.stdout
        run = [int(line) for line in process.stdout.read().split("\n")[:-1]]
        process.communicate()
        if run:
            assert run == list(range(run[0], run[-1] + 1))
            assert run[0] <= seen + 1
            seen = max(seen, run[-1])
            runs.append(run)
        assert checkpoint(tags)["sequence"] <= seen
    assert writer.returncode == 0
    assert seen == tags.head == 300
    assert len(runs) > 2


def ended(process: subprocess.Popen[str]) -> list[str]:
    """What a process printed that is told to end."""
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return printed.split()


def test_a_loop_in_another_process_is_woken_by_a_commit_and_ended_by_a_signal(tags) -> None:
    process = holding(tags)
    assert process.stdout
    writer = started(APPENDS, str(tags.path), "2")
    assert [process.stdout.readline() for _ in range(3)] == ["1\n", "2\n", "3\n"]
    assert ended(process) == []
    assert checkpoint(tags)["sequence"] == 3
    writer.communicate()


@pytest.mark.slow
def test_several_names_follow_one_writer_at_once(tags) -> None:
    names = {"all": {}, "tags": {"categories": ["tag"]}, "articles": {"categories": ["article"]}}
    processes = [
        started(PRINTS_EVENTS, str(tags.path), name, json.dumps(rest))
        for name, rest in names.items()
    ]
    started(APPENDS, str(tags.path), "60").communicate(timeout=60)
    deadline = time.monotonic() + 60
    while {checkpoint(tags, name)["sequence"] for name in names} != {120}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    every = [str(sequence) for sequence in range(1, 121)]
    assert [ended(process) for process in processes] == [every, every, []]


# ending a loop


def test_a_stop_from_another_thread_ends_a_loop_that_waits(full) -> None:
    seen = []
    with subscribed(full) as opened:
        threading.Timer(0.3, opened.stop).start()
        for event in opened:
            seen.append(event.sequence)
        assert list(opened) == []
    assert seen == list(range(1, 11))
    assert read(full) == []


def test_a_stop_ends_a_loop_after_the_event_that_it_is_at(full) -> None:
    with subscribed(full) as opened:
        for event in opened:
            if event.sequence == 4:
                opened.stop()
    assert checkpoint(full)["sequence"] == 4


@pytest.mark.slow
def test_a_timeout_ends_a_loop_when_nothing_came_for_that_long(full, domain) -> None:
    seen = []
    later = threading.Timer(0.3, lambda: full.append([domain.changed("thing/0")]))
    began = time.monotonic()
    with subscribed(full) as opened:
        later.start()
        for event in opened.events(timeout=2.0):
            seen.append(event.sequence)
    assert seen == list(range(1, 12))
    assert time.monotonic() - began >= 2.2
    later.join()


# who subscribes


def test_subscriptions_are_listed_with_their_lag_and_holder(full) -> None:
    folder = full.path / "subscriptions"
    assert subscriptions(full, folder) == []
    read(full, "done")
    with subscribed(full, "halfway", categories=["note"], from_=6):
        pass
    (folder / "broken.json").write_text("{")
    with subscribed(full, "done"):
        broken, done, halfway = subscriptions(full, folder)
    assert (broken.name, broken.checkpoint, broken.lag) == ("broken", 0, 10)
    assert "is no checkpoint" in (broken.problem or "")
    assert (done.name, done.checkpoint, done.lag, done.lag_seconds) == ("done", 10, 0, 0.0)
    assert done.holder
    assert done.holder.process == os.getpid()
    assert (halfway.name, halfway.checkpoint, halfway.lag) == ("halfway", 5, 5)
    assert 0 < halfway.lag_seconds < 600
    assert (halfway.categories, halfway.holder, halfway.problem) == (("note",), None, None)
