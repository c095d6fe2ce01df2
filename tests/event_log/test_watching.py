"""Waiting for a log to grow: woken by the kernel, by a pause that ends, or by a stop."""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from event_log import EventLogError
from event_log.following import watch as watching
from event_log.following.watch import NotReached, wait_for, watch

ROOT = Path(__file__).parents[2]
OPENED = """
import os, sys, time
from event_log import EventLog, NewEvent
from event_log.following.watch import watch, wait_for
from newsroom.categories import CATEGORIES
log = EventLog(sys.argv[1], CATEGORIES)
def append():
    return log.append([NewEvent("tag/whales", "TagDefined", {"name": "Whales"})])
"""
APPENDS_ON_DEMAND = (
    OPENED
    + """
print("ready", flush=True)
for _ in sys.stdin:
    time.sleep(0.05)
    append()
    print(time.monotonic(), flush=True)
"""
)
FOREVER = 600.0


@pytest.fixture
def only_told(monkeypatch) -> None:
    """No pause ends by itself: whoever is woken was told by the kernel."""
    monkeypatch.setattr(watching, "FIRST_PAUSE", FOREVER)
    monkeypatch.setattr(watching, "LONGEST_WITHOUT_NOTICES", FOREVER)


def run(script: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, str(path)]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def said(script: str, path: Path) -> list[str]:
    result = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.usefixtures("only_told")
def test_a_commit_in_another_process_wakes_a_waiter_soon(log, path) -> None:
    """Within 50 ms at the median on a quiet machine; here with slack for a busy one."""
    process = run(APPENDS_ON_DEMAND, path)
    assert process.stdin
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    took = []
    for sequence in range(1, 21):
        process.stdin.write("go\n")
        process.stdin.flush()
        reached = wait_for(lambda: log.head, sequence, 60, watch(path / "commits", FOREVER))
        returned = time.monotonic()
        assert reached == sequence
        took.append(returned - float(process.stdout.readline()))
    process.communicate()
    assert statistics.median(took) < 0.25


@pytest.mark.usefixtures("only_told")
def test_waiting_may_begin_before_there_is_a_log(domain, tmp_path) -> None:
    path = tmp_path / "not" / "yet" / "log"
    log = domain.open(path)
    later = threading.Timer(0.2, lambda: log.append([domain.made()]))
    later.start()
    assert wait_for(lambda: log.head, 1, 30, watch(path / "commits", FOREVER)) == 1
    later.join()


@pytest.mark.usefixtures("only_told")
def test_a_folder_that_is_replaced_is_watched_again(tmp_path) -> None:
    folder = tmp_path / "log" / "commits"
    folder.mkdir(parents=True)
    with watch(folder, FOREVER) as armed:
        shutil.rmtree(tmp_path / "log")
        armed.wait(30)
        folder.mkdir(parents=True)
        deadline = time.monotonic() + 30
        while armed._notices._place[0] != folder:
            assert time.monotonic() < deadline
            armed.wait(1)
        armed.wait(0.2)  # what there was to tell of making it
        (folder / "1").touch()
        began = time.monotonic()
        armed.wait(30)
        assert time.monotonic() - began < 29


@pytest.mark.usefixtures("only_told")
def test_nothing_that_happens_between_arming_and_waiting_is_missed(tmp_path) -> None:
    with watch(tmp_path, FOREVER) as armed:
        (tmp_path / "1").touch()
        time.sleep(0.1)
        began = time.monotonic()
        armed.wait(30)
        assert time.monotonic() - began < 29


def test_watches_of_one_folder_share_a_thread_that_ends_with_the_last(tmp_path) -> None:
    def threads() -> int:
        return sum(thread.name == f"watch of {tmp_path}" for thread in threading.enumerate())

    with watch(tmp_path) as one:
        with watch(tmp_path) as other:
            assert one._notices is other._notices
            assert threads() == 1
        assert threads() == 1
    assert threads() == 0


def test_a_log_is_followed_where_the_kernel_refuses_a_watch(path) -> None:
    """A process out of descriptors gets no watch, and looks for itself 25 times a second."""
    script = (
        OPENED
        + """
import resource, threading
import watchfiles
log.head
resource.setrlimit(resource.RLIMIT_NOFILE, (128, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
taken = []
try:
    while True:
        taken.append(os.dup(0))
except OSError:
    pass
with watch(log.path / "commits", 600.0) as armed:
    for descriptor in taken:
        os.close(descriptor)
    print(armed._notices)
    threading.Timer(1.0, append).start()
    while not log.head:
        armed.wait(30)
    print(log.head)
"""
    )
    assert said(script, path) == ["None", "1"]


def test_a_forked_process_is_woken_like_any_other(path) -> None:
    script = (
        OPENED
        + """
import event_log.following.watch
event_log.following.watch.FIRST_PAUSE = event_log.following.watch.LONGEST_WITHOUT_NOTICES = 600.0
with watch(log.path / "commits", 600.0):
    child = os.fork()
    if not child:
        print(wait_for(lambda: log.head, 1, 30, watch(log.path / "commits", 600.0)), flush=True)
        os._exit(0)
    time.sleep(0.5)
    append()
    assert os.waitpid(child, 0)[1] == 0
"""
    )
    assert said(script, path) == ["1"]


def test_a_process_ends_cleanly_while_a_thread_of_it_waits(path) -> None:
    script = (
        OPENED
        + """
import threading
arguments = (lambda: 0, 1, None, watch(log.path / "commits", 600.0))
threading.Thread(target=wait_for, args=arguments, daemon=True).start()
time.sleep(0.3)
print("ends")
"""
    )
    assert said(script, path) == ["ends"]


@pytest.mark.slow
def test_waiting_costs_next_to_no_processor_time(path) -> None:
    script = (
        OPENED
        + """
with watch(log.path / "commits", 1.0) as armed:
    armed.wait(0.01)
    used, began = time.process_time(), time.monotonic()
    while time.monotonic() - began < 2:
        log.head
        armed.wait(2)
    print((time.process_time() - used) / (time.monotonic() - began))
"""
    )
    (share,) = said(script, path)
    assert float(share) < 0.05


def test_where_there_is_nothing_to_watch_the_pauses_double_up_to_the_longest() -> None:
    looks = []
    with pytest.raises(NotReached):
        wait_for(lambda: looks.append(1) or 0, 1, 1.0, watch(None, poll=0.2))
    assert 3 < len(looks) < 15


def test_the_pauses_begin_short_again_when_something_was_found() -> None:
    with watch(None, poll=FOREVER) as armed:
        for _ in range(4):
            armed.wait(0.0)
        assert armed._pause == 16 * watching.FIRST_PAUSE
        armed.shorten_pause()
        assert armed._pause == watching.FIRST_PAUSE


@pytest.mark.usefixtures("only_told")
def test_a_stop_by_another_thread_ends_a_wait_and_every_later_one(tmp_path) -> None:
    armed = watch(tmp_path, FOREVER)
    threading.Timer(0.1, armed.stop).start()
    with pytest.raises(NotReached, match="stopped"):
        wait_for(lambda: 3, 4, None, armed)
    armed.wait()


@pytest.mark.usefixtures("only_told")
def test_a_stop_by_a_signal_ends_a_wait(tmp_path) -> None:
    armed = watch(tmp_path, FOREVER)
    before = signal.signal(signal.SIGUSR1, lambda *_: armed.stop())
    try:
        threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(NotReached, match="stopped"):
            wait_for(lambda: 3, 4, None, armed)
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("only_told")
def test_what_a_signal_raises_comes_out_of_a_wait(tmp_path) -> None:
    def leave(*_: object) -> None:
        raise SystemExit(3)

    before = signal.signal(signal.SIGUSR1, leave)
    try:
        threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
        with watch(tmp_path, FOREVER) as armed, pytest.raises(SystemExit):
            armed.wait()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_sequence_that_is_there_is_not_waited_for(log, domain, path) -> None:
    log.append([domain.made(), domain.changed()])
    assert wait_for(lambda: log.head, 1, 0, watch(path / "commits")) == 2


def test_a_sequence_that_is_not_reached_in_time_is_an_error_that_says_where_the_log_is(
    log, domain, path
) -> None:
    log.append([domain.made()])
    with pytest.raises(NotReached, match=r"sequence 2 was not reached after 0.05 s.* is 1") as told:
        wait_for(lambda: log.head, 2, 0.05, watch(path / "commits"))
    assert (told.value.sequence, told.value.head) == (2, 1)
    assert isinstance(told.value, EventLogError)
