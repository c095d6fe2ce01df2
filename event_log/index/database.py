"""The database of the index: one SQLite file, which may be deleted or damaged at any time.

Each thread of each process has its own connection to the current file.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
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
"""The tables with data of events."""
PRODUCED = """
INSERT INTO producers VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE
SET position = excluded.position, sequence = excluded.sequence
WHERE excluded.position >= position
"""
REACHED = "SELECT name, position, sequence FROM json_each(?) JOIN producers ON name = value"

Place = tuple[int, str]
"""The last sequence that is indexed and the log's digest there; (0, "") when empty."""
Producers = Mapping[str, tuple[int, int]]
"""By name of the producer: its highest position and the last sequence of the commit with it."""
Listed = tuple[int, int, str]
"""A run in the list: its first and last sequence and the name of its file."""


class DamagedEventIndex(EventLogError):
    """The index is damaged and has to be rebuilt."""


class Database:
    """Connections to one file, which is created when absent."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    @contextlib.contextmanager
    def transaction(self, kind: str) -> Iterator[sqlite3.Connection]:
        """Open a transaction: ``DEFERRED`` to read, ``IMMEDIATE`` to write."""
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
        """Return this thread's connection to the current file, opening it if needed."""
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
        """Delete the file if it is still the one in use here, then call ``more``."""
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
        """Exclude others that open or delete: SQLite's side files must belong to its file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def forget(connection: sqlite3.Connection) -> None:
    """Delete all entries, and replace the key, so that old runs become useless."""
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
    """Return the place of the index: the last sequence that it has."""
    stored = connection.execute("SELECT through, digest FROM place").fetchone()
    return (stored[0], stored[1]) if stored else (0, "")


def move(connection: sqlite3.Connection, place: Place, producers: Producers | None) -> None:
    """Set the place of the index, and the positions of producers."""
    connection.execute("DELETE FROM place")
    connection.execute("INSERT INTO place VALUES (?, ?)", place)
    if producers:
        connection.executemany(PRODUCED, [(name, *reached) for name, reached in producers.items()])


def reached_by(
    connection: sqlite3.Connection, producers: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Return producers' highest positions, each with the last sequence of the commit with it."""
    found = connection.execute(REACHED, (json.dumps(producers),))
    return {name: (position, sequence) for name, position, sequence in found}


def listed(connection: sqlite3.Connection) -> list[Listed]:
    """Return the list of runs, oldest first; raises ``DamagedEventIndex`` if it has a gap."""
    listed = connection.execute("SELECT first, last, name FROM runs ORDER BY first").fetchall()
    expected = 1
    for first, last, name in listed:
        if first != expected:
            raise DamagedEventIndex(f"the run before {name} is missing")
        expected = last + 1
    return listed


def bulk_through(connection: sqlite3.Connection) -> int:
    """Return the last sequence that is in a run."""
    (through,) = connection.execute("SELECT coalesce(max(last), 0) FROM runs").fetchone()
    return int(through)
