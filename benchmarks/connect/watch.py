"""Commands of Stet that run beside the measurement, and what they have in memory."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.main import STET

GIVEN_UP = 600


class Failed(Exception):
    """The measurement cannot go on; the message says why."""


@contextmanager
def running(log: Path, *command: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command of Stet until the end of the block; what it says is in a file."""
    with log.open("wb") as said:
        process = subprocess.Popen([STET, *map(str, command)], stdout=said, stderr=said)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def wait_until(
    done: Callable[[], bool],
    what: str,
    every: float,
    process: subprocess.Popen[bytes],
) -> None:
    """Ask until it is so; fails when the process that is to do it has ended."""
    until = time.monotonic() + GIVEN_UP
    while not done():
        if process.poll() is not None:
            raise Failed(f"{what}: the command has ended with {process.returncode}")
        if time.monotonic() > until:
            raise Failed(f"{what}: not within {GIVEN_UP} seconds")
        time.sleep(every)


def memory(process: int) -> float:
    """What a process has in memory now, in MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
