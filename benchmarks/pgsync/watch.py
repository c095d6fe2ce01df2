"""What a command and the servers behind it took: seconds, processor time, and peak memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

EVERY = 0.2
"""Seconds between two looks at the memory."""


class Failed(Exception):
    """What was to be measured cannot be; the message says why, and what to do or its last words."""


@dataclass(frozen=True)
class Watched:
    """What a command took: seconds, and of itself and of the servers behind it what they had.

    That is seconds of a processor, which say more than the clock on a machine that others use
    too, and the peak of their memory in MB.
    """

    seconds: float
    processor: float
    peak: float
    processor_behind: float
    peak_behind: float


class Memory(threading.Thread):
    """Looks at trees of processes until told to stop; shared pages count once, not per process."""

    def __init__(self, *trees: Sequence[int]) -> None:
        super().__init__(daemon=True)
        self._trees = trees
        self._over = threading.Event()
        self.peaks = [0.0 for _ in trees]

    def run(self) -> None:
        """Look now and then."""
        while True:
            children = _children()
            for number, tree in enumerate(self._trees):
                now = sum(_megabytes(pid) for pid in _descended(tree, children))
                self.peaks[number] = max(self.peaks[number], now)
            if self._over.wait(EVERY):
                return

    def stop(self) -> list[float]:
        """The peaks in MB, tree by tree."""
        self._over.set()
        self.join()
        return self.peaks


def watched(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    folder: Path,
    behind: Sequence[int] = (),
) -> Watched:
    """Run a command to its end; ``behind`` are the pids of servers that work for it."""
    with tempfile.TemporaryFile() as said:
        before = _cpu_seconds(behind)
        begun = time.perf_counter()
        process = started(command, environment, folder, said)
        memory = Memory([process.pid], behind)
        memory.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        peak, peak_behind = memory.stop()
        if process.returncode:
            said.seek(0)
            last = said.read().decode(errors="replace").strip()[-2000:]
            raise Failed(f"{' '.join(map(str, command))} exited with {process.returncode}:\n{last}")
        own = usage.ru_utime + usage.ru_stime
        return Watched(seconds, own, peak, _cpu_seconds(behind) - before, peak_behind)


def started(
    command: Sequence[str | Path], environment: Mapping[str, str], folder: Path, said: IO[bytes]
) -> subprocess.Popen[bytes]:
    """A process in a folder, what it prints in a file."""
    return subprocess.Popen(
        [str(word) for word in command],
        cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=said,
        stderr=subprocess.STDOUT,
    )  # fmt: skip


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # ended meanwhile
        found.setdefault(parent, []).append(int(path.parent.name))
    return found


def _descended(pids: Iterable[int], children: Mapping[int, list[int]]) -> Iterable[int]:
    for pid in pids:
        yield pid
        yield from _descended(children.get(pid, ()), children)


def _cpu_seconds(pids: Sequence[int]) -> float:
    """Seconds of a processor that servers have had, with those of processes that they ended."""
    ticks = sum(
        sum(_ticks(pid)[: 4 if pid in pids else 2]) for pid in _descended(pids, _children())
    )
    return ticks / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> list[int]:
    """A process's time for itself and in the kernel, then both of its children that ended."""
    try:
        said = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return [0, 0, 0, 0]  # ended meanwhile
    return [int(word) for word in said.rpartition(")")[2].split()[11:15]]


def _megabytes(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0  # ended meanwhile
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
