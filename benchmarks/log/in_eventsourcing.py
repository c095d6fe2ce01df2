"""What is measured of ``eventsourcing`` on SQLite, each step in a process of its own.

It is used through its recorder, below its mapper: it gets and gives the events' data as JSON that
is ready-made. Its settings are its own: a write-ahead log, and SQLite's default ``synchronous``,
which is FULL: each transaction is synced.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from benchmarks.log import events
from benchmarks.log.clock import THREADS, Clock, at_once, measured

PAGE = 10_000
"""Events that are read at a time."""
WAITING_SECONDS = 600.0
"""How long a thread may wait for a connection."""


def _opened(folder: str) -> SQLiteApplicationRecorder:
    Path(folder).mkdir(exist_ok=True)
    path = str(Path(folder, "events.sqlite"))
    store = SQLiteDatastore(path, pool_timeout=WAITING_SECONDS)
    opened = SQLiteApplicationRecorder(store)
    opened.create_table()
    return opened


def _events(count: int) -> list[StoredEvent]:
    return [
        StoredEvent(UUID(stream.partition("/")[2].zfill(32)), version, kind, data)
        for stream, kind, version, data in events.as_json(count)
    ]


def single(folder: str, count: str) -> dict[str, float]:
    """Append one event at a time from one thread."""
    opened, waiting, clock = _opened(folder), _events(int(count)), Clock()
    with clock:
        for event in waiting:
            opened.insert_events([event])
    return clock.of(len(waiting))


def threads(folder: str, count: str) -> dict[str, float]:
    """Append one event at a time from each of many threads."""
    opened, waiting, clock = _opened(folder), _events(int(count)), Clock()
    with clock:
        at_once([lambda event: opened.insert_events([event])] * THREADS, waiting)
    assert opened.max_notification_id() == len(waiting)
    return clock.of(len(waiting))


def batches(folder: str, count: str, size: str) -> dict[str, float]:
    """Append many events in one transaction."""
    opened, waiting, clock = _opened(folder), _events(int(count)), Clock()
    for start in range(0, len(waiting), int(size)):
        with clock:
            opened.insert_events(waiting[start : start + int(size)])
    return clock.of(len(waiting))


def read(folder: str) -> dict[str, float]:
    """Read all events."""
    opened, found, clock = _opened(folder), 0, Clock()
    with clock:
        while page := opened.select_notifications(found + 1, PAGE):
            found += len(page)
    assert found == opened.max_notification_id()
    return clock.of(found)


def settings(folder: str) -> dict[str, str | int]:
    """How SQLite is set."""
    with _opened(folder).datastore.transaction(commit=False) as cursor:
        found = {}
        for name in ("journal_mode", "synchronous"):
            cursor.execute(f"PRAGMA {name}")
            found[name] = cursor.fetchone()[0]
    return found


if __name__ == "__main__":
    measured((single, threads, batches, read, settings))
