"""How soon an insert is an event in the log, and found by a search, while all of it runs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from archive import Archive
from benchmarks.connect import newspaper
from benchmarks.connect.watch import memory, running, wait_until
from benchmarks.freshness.following import followed
from benchmarks.main import STET
from search import Query

POLL = 0.005
"""Seconds between two looks at the log: looking takes from what is measured."""
SEARCH_POLL = 0.03
PAUSE = 0.25


@dataclass(frozen=True)
class Found:
    """One insert: the milliseconds until it was in the log, and until a search found it."""

    logged: float
    searched: float


@dataclass(frozen=True)
class Held:
    """What the commands had in memory at one second of the long run."""

    second: float
    megabytes: Mapping[str, float]
    """By command."""
    lag: int
    """The changes that the log does not have yet."""


@contextmanager
def served(
    home: Path, mapping: Path, events: int, folder: Path
) -> Iterator[tuple[Archive, subprocess.Popen[bytes], int]]:
    """An archive of what the source has, which `stet connect` and `stet follow` keep up."""
    archive = Archive(home)
    with running(folder / "connect.log", "connect", mapping, "--home", home) as connecting:
        wait_until(lambda: archive.log.head >= events, "reading the tables", 0.2, connecting)
        subprocess.run([STET, "rebuild", "--home", home], check=True, capture_output=True)
        with followed(archive) as following:
            yield archive, connecting, following


def latencies(
    archive: Archive, database: str, samples: int, process: subprocess.Popen[bytes]
) -> list[Found]:
    """Insert, and look until it is there; the first few are to warm up and do not count."""
    found = []
    with psycopg.connect(database, autocommit=True) as connection:
        for number in range(samples + 5):
            word = f"quagga{number}x{time.time_ns()}"
            head = archive.log.head
            newspaper.insert(connection, word)
            begun = time.perf_counter()  # it is committed now

            def logged(head: int = head) -> bool:
                return archive.log.head > head

            wait_until(logged, "an insert in the log", POLL, process)
            in_log = time.perf_counter()

            def searched(word: str = word) -> bool:
                return archive.engine.search(Query(word)).total > 0

            wait_until(searched, "an insert in a search", SEARCH_POLL, process)
            found.append(Found((in_log - begun) * 1000, (time.perf_counter() - begun) * 1000))
            time.sleep(PAUSE)
    return found[5:]


def long_run(
    archive: Archive,
    database: str,
    seconds: float,
    a_second: int,
    processes: Mapping[str, int],
) -> list[Held]:
    """Insert and change so many lines a second, and look at what the commands have in memory."""
    begun, sent, held = time.monotonic(), 0, list[Held]()
    first = archive.log.head
    with psycopg.connect(database, autocommit=True) as connection:
        while (now := time.monotonic() - begun) < seconds:
            with connection.transaction():
                newspaper.insert(connection, f"long-{time.time_ns()}")
                connection.execute(
                    "update article set headline = headline || '.' where id = any(%s)",
                    [[1 + (sent + n) % 1000 for n in range(9)]],
                )
            sent += 10
            if not held or now - held[-1].second >= 1:
                lag = sent - (archive.log.head - first)
                held.append(Held(now, {name: memory(pid) for name, pid in processes.items()}, lag))
            time.sleep(max(0.0, sent / a_second - (time.monotonic() - begun)))
    return held
