"""What is measured of Stet's log, each step in a process of its own.

python -m benchmarks.log.in_stet single FOLDER 3000
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pyarrow as pa

from benchmarks.log import events
from benchmarks.log.clock import THREADS, Clock, at_once, measured, spread

TABLE = 100_000
LOOKED_UP = 500
WAKE_EVERY = 0.1


def single(folder: str, count: str, first: str = "0") -> dict[str, float]:
    """Append one event at a time from one thread."""
    log, clock = events.opened(folder), Clock()
    waiting = events.objects(int(count), int(first))
    with clock:
        for event in waiting:
            log.append([event])
    return clock.of(len(waiting))


def threads(folder: str, count: str) -> dict[str, float]:
    """Append one event at a time from each of many threads."""
    log, waiting, clock = events.opened(folder), events.objects(int(count)), Clock()

    with clock:
        at_once([lambda event: log.append([event])] * THREADS, waiting)
    assert log.head == len(waiting)
    return clock.of(len(waiting))


def batches(folder: str, count: str, size: str) -> dict[str, float]:
    """Append events that are Python objects, many in one append."""
    log, clock = events.opened(folder), Clock()
    for table in events.tables(int(count), TABLE):
        waiting = events.new_events(table)
        for start in range(0, len(waiting), int(size)):
            with clock:
                log.append(waiting[start : start + int(size)])
    return clock.of(log.head)


def tables(folder: str, count: str, size: str) -> dict[str, float]:
    """Append tables of a size with ``append_many``."""
    log, clock = events.opened(folder), Clock()
    for table in events.tables(int(count), TABLE):
        for start in range(0, len(table), int(size)):
            with clock:
                log.append_many(table.slice(start, int(size)))
    return clock.of(log.head)


def scan(folder: str, *columns: str) -> dict[str, float]:
    """Read all events into Arrow; all columns or some."""
    log, clock = events.opened(folder), Clock()
    with clock:
        found = sum(len(batch) for batch in log.scan(columns or None))
    assert found == log.head
    return clock.of(found)


def verify(folder: str) -> dict[str, float]:
    """Recompute every digest."""
    log, clock = events.opened(folder), Clock()
    with clock:
        verified = log.verify()
    return clock.of(verified.events)


def seal(folder: str) -> dict[str, float]:
    """Seal all open commits, and remove them at once."""
    log, clock = events.opened(folder), Clock()
    with clock:
        sealed = log.seal(grace_seconds=0)
    return clock.of(sealed.events)


def _asked(seed: int, total: int) -> Iterator[str]:
    chance = random.Random(seed)  # noqa: S311 - to be the same in each run
    while True:
        yield events.stream_of(chance.randrange(total // events.EACH))


def history(folder: str, total: str, seed: str, seconds: str = "0") -> dict[str, list[float]]:
    """Look up a stream's history: once, with a log just opened, and more for so many seconds."""
    asked = _asked(int(seed), int(total))
    taken: list[float] = []
    begun = time.perf_counter()
    log = events.opened(folder)
    while not taken or time.perf_counter() - begun < float(seconds):
        each, stream = Clock(), next(asked)
        with each:
            found = (log if taken else events.opened(folder)).stream(stream)
        assert [event.version for event in found] == [*range(1, events.EACH + 1)]
        taken.append(each.seconds)
    return {"taken": taken}


def opening(folder: str) -> dict[str, float]:
    """Open the log: its head for the first time in this process, and then again and again."""
    clock, taken = Clock(), []
    with clock:
        log = events.opened(folder)
        log.head  # noqa: B018 - reading it is the measurement
    for _ in range(LOOKED_UP):
        each = Clock()
        with each:
            log.head  # noqa: B018
        taken.append(each.seconds)
    to_append = Clock()
    with to_append:
        log.versions([events.stream_of(0)])
    return {"first": clock.seconds, "to_append": to_append.seconds, **spread(taken)}


def follow(folder: str, count: str) -> dict[str, list[float]]:
    """Say for each event that comes when it was here."""
    here = []
    log = events.opened(folder)
    with log.subscribe("benchmark", from_="now") as subscription:
        Path(folder, "following").touch()
        for _ in subscription.events(timeout=60):
            here.append(time.clock_gettime(time.CLOCK_MONOTONIC))
            if len(here) == int(count):
                break
    return {"here": here}


def tell(folder: str, count: str) -> dict[str, list[float]]:
    """Append some events, with a pause after each, and say when each was acknowledged."""
    log, told = events.opened(folder), []
    while not Path(folder, "following").exists():
        time.sleep(0.01)
    time.sleep(1)  # until the other process waits for what comes
    for event in events.objects(int(count), events.BEYOND):
        log.append([event])
        told.append(time.clock_gettime(time.CLOCK_MONOTONIC))
        time.sleep(WAKE_EVERY)
    return {"told": told}


def json_lines(folder: str, count: str) -> dict[str, float]:
    """What events take as JSON Lines with zstd, with all that the log knows but the digests."""
    codec = pa.Codec("zstd", compression_level=3)
    lines = []
    for event in events.opened(folder).read(limit=int(count)):
        fields = {name: getattr(event, name) for name in event.__slots__ if name != "digest"}
        lines.append(orjson.dumps({k: v for k, v in fields.items() if v is not None}))
    whole = b"\n".join(lines)
    return {"plain": len(whole) / len(lines), "zstd": len(codec.compress(whole)) / len(lines)}


STEPS = (
    single, threads, batches, tables, scan, verify, seal, history, opening, follow, tell, json_lines
)  # fmt: skip

if __name__ == "__main__":
    measured(STEPS)
