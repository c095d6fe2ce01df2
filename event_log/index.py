"""The index: which sequence an event id has, and which sequences a stream.

A cache in one SQLite file beside the log. It is never believed over the log: whoever asks it
compares its place with the log's own chain, in the same moment. It may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from event_log.validation import possible

SCHEMA = """
CREATE TABLE IF NOT EXISTS place (through INTEGER NOT NULL, digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS ids (event_id TEXT PRIMARY KEY, sequence INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS streams (
    stream TEXT, version INTEGER, sequence INTEGER NOT NULL, PRIMARY KEY (stream, version)
) WITHOUT ROWID;
"""
KNOWN = "SELECT event_id, sequence FROM json_each(?) JOIN ids ON event_id = value"
VERSIONS = """
SELECT * FROM (
    SELECT value, (SELECT max(version) FROM streams WHERE stream = value) AS version
    FROM json_each(?)
) WHERE version IS NOT NULL
"""
SEQUENCES = "SELECT sequence FROM streams WHERE stream = ? ORDER BY version"

Place = tuple[int, str]
"""The last sequence that is indexed and the log's digest there; (0, "") when empty."""
Entry = tuple[int, str, str, int]
"""Of one event: sequence, event id, stream, version."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was asked, as it is at one place: a name that is not in it has no events."""

    place: Place
    known: dict[str, int]
    versions: dict[str, int]
    sequences: list[int]


class EventIndex:
    """The ids and streams of the events through a place; safe among threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    def place(self) -> Place:
        """How far the index goes."""
        return _place(self._connection())

    def extend(self, after: int, place: Place, entries: Iterable[Entry]) -> None:
        """Add the events after a sequence, unless another process has done so already."""
        with self._transaction("IMMEDIATE") as connection:
            if _place(connection)[0] != after:
                return
            ids = []
            places = []
            for sequence, event_id, stream, version in entries:
                ids.append((event_id, sequence))
                places.append((stream, version, sequence))
            connection.executemany("INSERT INTO ids VALUES (?, ?)", ids)
            connection.executemany("INSERT INTO streams VALUES (?, ?, ?)", places)
            connection.execute("DELETE FROM place")
            connection.execute("INSERT INTO place VALUES (?, ?)", place)

    def forget(self, place: Place) -> None:
        """Forget everything, if the index is still at this place, which is none of the log's."""
        with self._transaction("IMMEDIATE") as connection:
            if _place(connection) == place:
                for table in ("place", "ids", "streams"):
                    connection.execute(f"DELETE FROM {table}")

    def find(
        self,
        event_ids: Collection[str] = (),
        streams: Collection[str] = (),
        sequences_of: str | None = None,
    ) -> Found:
        """The sequences of ids, the last versions of streams, the sequences of one stream."""
        with self._transaction("DEFERRED") as connection:
            ids = connection.execute(KNOWN, (json.dumps(possible(event_ids)),)) if event_ids else ()
            versions = (
                connection.execute(VERSIONS, (json.dumps(possible(streams)),)) if streams else ()
            )
            stream = possible([sequences_of]) if sequences_of else []
            sequences = connection.execute(SEQUENCES, stream) if stream else ()
            return Found(_place(connection), dict(ids), dict(versions), [s for (s,) in sequences])

    def delete(self) -> None:
        """Delete the file if it is still the one in use here: the next use makes it anew."""
        connection, used = getattr(self._local, "opened", (None, None))
        if connection is not None:
            connection.close()
        self._local.opened = (None, None)
        with self._locked():
            if used is None or used == _identity(self._path):
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    @contextlib.contextmanager
    def _transaction(self, kind: str) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        connection.execute(f"BEGIN {kind}")
        try:
            yield connection
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # some errors roll back by themselves
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _connection(self) -> sqlite3.Connection:
        """The connection of this thread in this process to the file that is there now."""
        owner = (os.getpid(), _identity(self._path))
        connection: sqlite3.Connection | None
        connection, used = getattr(self._local, "opened", (None, None))
        if connection is None or used != owner[1] or self._local.pid != owner[0]:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked():
                self._local.opened = (None, _identity(self._path))
                connection = _connect(self._path)
                self._local.opened = (connection, _identity(self._path))
                self._local.pid = owner[0]
        return connection

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among those who open or delete: SQLite's side files must belong to its file."""
        with self._path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _place(connection: sqlite3.Connection) -> Place:
    found = connection.execute("SELECT through, digest FROM place").fetchone()
    return (found[0], found[1]) if found else (0, "")


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
    return connection
