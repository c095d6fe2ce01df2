"""Processes of their own for tests: each opens the log, says so, and waits for a line."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 120
"""Seconds that a process may take on a machine that is busy; on an idle one it takes a few."""
OPENED = """
import json, sys, time
from event_log import EventLog, NewEvent, WrongExpectedVersion
from newsroom.categories import CATEGORIES
log, arguments = EventLog(sys.argv[1], CATEGORIES), sys.argv[2:]
print("ready", flush=True)
sys.stdin.readline()
def tell(*said):
    print(json.dumps(said), flush=True)
def told(receipt):
    tell(receipt.first, receipt.last, receipt.version, receipt.digest)
"""
"""How every script begins. A new interpreter, because no object store survives a fork."""


def started(script: str, location: object, *arguments: object) -> subprocess.Popen[str]:
    """A process that opens the log and then waits until all are ready to go."""
    command = [sys.executable, "-c", OPENED + script, str(location), *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def go(*processes: subprocess.Popen[str]) -> None:
    """Let them begin, when each has opened the log."""
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()


def said(processes: Sequence[subprocess.Popen[str]]) -> list[list[Any]]:
    """What each process tells, a value a line, all of them going at once."""
    go(*processes)
    texts = [process.communicate(timeout=PATIENCE)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return [[json.loads(line) for line in text.splitlines()] for text in texts]


def killed(process: subprocess.Popen[str], after: float, told: int = 0) -> list[Any]:
    """What a process tells until it is killed, so many seconds after it told so many lines."""
    go(process)
    assert process.stdout
    text = "".join(process.stdout.readline() for _ in range(told))
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    lines = (text + process.stdout.read()).split("\n")[:-1]
    process.communicate()
    return [json.loads(line) for line in lines]


@contextlib.contextmanager
def running(script: str, location: object, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process that goes on beside the test, and is killed when that ends."""
    process = started(script, location, *arguments)
    go(process)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
