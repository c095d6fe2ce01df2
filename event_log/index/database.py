"""The database of the index: one SQLite file that may be deleted, damaged or foreign at any time.

Each thread of each process has a connection of its own, to the file that is there now.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from event_log.errors import EventLogError
from event_log.index.hashing import KEY_BYTES

SCHEMA = """
CREATE TABLE IF NOT EXISTS place (through INTEGER NOT NULL, digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS ids (event_id TEXT PRIMARY KEY, sequence INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS streams (
    stream TEXT, version INTEGER, sequence INTEGER NOT NULL, PRIMARY KEY (stream, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS producers (
    name TEXT PRIMARY KEY, position INTEGER NOT NULL, sequence INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, name TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS key (key BLOB NOT NULL);
"""
EVENTS = ("place", "ids", "streams", "producers", "runs")
"""The tables that tell of events."""
PRODUCED = """
INSERT INTO producers VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE
SET position = excluded.position, sequence = excluded.sequence
WHERE excluded.position > position
"""

Place = tuple[int, str]
"""The last sequence that is indexed and the log's digest there; (0, "") when empty."""
Producers = Mapping[str, tuple[int, int]]
"""Of each producer by its name: its highest position and the last sequence of the commit with it.
"""
Listed = tuple[int, int, str]
"""Of one run: its first and last sequence and the name of its file."""


class DamagedEventIndex(EventLogError):
    """What the index consists of is not what was written: it has to be made anew."""


class Database:
    """Connections to one file, which is made when there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    @contextlib.contextmanager
    def transaction(self, kind: str) -> Iterator[sqlite3.Connection]:
        """A transaction (``DEFERRED`` to read, ``IMMEDIATE`` to write), undone by an exception."""
        connection = self.connection()
        connection.execute(f"BEGIN {kind}")
        try:
            yield connection
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # some errors roll back by themselves
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def connection(self) -> sqlite3.Connection:
        """The connection of this thread in this process to the file that is there now."""
        owner = (os.getpid(), _identity(self._path))
        connection: sqlite3.Connection | None
        connection, used = getattr(self._local, "opened", (None, None))
        if connection is None or used != owner[1] or self._local.pid != owner[0]:
            with self._locked():
                self._local.opened = (None, _identity(self._path))
                connection = _connect(self._path)
                self._local.opened = (connection, _identity(self._path))
                self._local.pid = owner[0]
        return connection

    def delete(self, more: Callable[[], None]) -> None:
        """Delete the file if it is still the one in use here, and more that belongs to it."""
        connection, used = getattr(self._local, "opened", (None, None))
        if connection is not None:
            connection.close()
        self._local.opened = (None, None)
        with self._locked():
            if used is None or used == _identity(self._path):
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{self._path}{suffix}").unlink(missing_ok=True)
                more()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among those who open or delete: SQLite's side files must belong to its file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def forget(connection: sqlite3.Connection) -> None:
    """Forget all events; what was hashed with the key so far is of no use any more."""
    for table in EVENTS:
        connection.execute(f"DELETE FROM {table}")
    connection.execute("UPDATE key SET key = ?", (os.urandom(KEY_BYTES),))


def _identity(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -65536")
    connection.executescript(SCHEMA)
    if connection.execute("SELECT key FROM key").fetchone() is None:
        connection.execute("INSERT INTO key VALUES (?)", (os.urandom(KEY_BYTES),))
    return connection


def place(connection: sqlite3.Connection) -> Place:
    """How far the events go that the index has."""
    found = connection.execute("SELECT through, digest FROM place").fetchone()
    return (found[0], found[1]) if found else (0, "")


def move(connection: sqlite3.Connection, place: Place, producers: Producers | None) -> None:
    """Let the index have the events through a place, and what producers said with them."""
    connection.execute("DELETE FROM place")
    connection.execute("INSERT INTO place VALUES (?, ?)", place)
    if producers:
        connection.executemany(PRODUCED, [(name, *reached) for name, reached in producers.items()])


def reached_by(connection: sqlite3.Connection, producer: str) -> tuple[int, int] | None:
    """The highest position of a producer, and the last sequence of the commit with it."""
    query = "SELECT position, sequence FROM producers WHERE name = ?"
    found: tuple[int, int] | None = connection.execute(query, (producer,)).fetchone()
    return found


def listed(connection: sqlite3.Connection) -> list[Listed]:
    """The runs, oldest first; raises ``DamagedEventIndex`` where one is missing from the list."""
    listed = connection.execute("SELECT first, last, name FROM runs ORDER BY first").fetchall()
    expected = 1
    for first, last, name in listed:
        if first != expected:
            raise DamagedEventIndex(f"the run before {name} is missing")
        expected = last + 1
    return listed


def bulk_through(connection: sqlite3.Connection) -> int:
    """The last sequence that is in a run."""
    (through,) = connection.execute("SELECT coalesce(max(last), 0) FROM runs").fetchone()
    return int(through)
