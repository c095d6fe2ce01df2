"""The index: which sequence an event id has, and which sequences a stream.

A cache in one SQLite file beside the log, brought up to the head before each use. It is never
believed over the log: when it does not continue the log's own chain it is made anew, and it may be
deleted at any time.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS place (through INTEGER NOT NULL, digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS ids (event_id TEXT PRIMARY KEY, sequence INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS streams (
    stream TEXT, version INTEGER, sequence INTEGER NOT NULL, PRIMARY KEY (stream, version)
) WITHOUT ROWID;
"""

Entry = tuple[int, str, str, int]
"""Of one event: sequence, event id, stream, version."""


class EventIndex:
    """The ids and streams of the events through ``through()``; safe among threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    def through(self) -> tuple[int, str]:
        """The last sequence that is indexed and the log's digest there; (0, "") when empty."""
        found = self._connection().execute("SELECT through, digest FROM place").fetchone()
        return (found[0], found[1]) if found else (0, "")

    def extend(self, after: int, through: int, digest: str, entries: Iterable[Entry]) -> None:
        """Add the events after a sequence, unless another process has done so already."""
        with self._write() as connection:
            if self.through()[0] != after:
                return
            ids = []
            places = []
            for sequence, event_id, stream, version in entries:
                ids.append((event_id, sequence))
                places.append((stream, version, sequence))
            connection.executemany("INSERT INTO ids VALUES (?, ?)", ids)
            connection.executemany("INSERT INTO streams VALUES (?, ?, ?)", places)
            connection.execute("DELETE FROM place")
            connection.execute("INSERT INTO place VALUES (?, ?)", (through, digest))

    def clear(self) -> None:
        """Forget everything, when the index belongs to another log or an older one."""
        with self._write() as connection:
            for table in ("place", "ids", "streams"):
                connection.execute(f"DELETE FROM {table}")

    def sequences_of(self, event_ids: Iterable[str]) -> dict[str, int]:
        """The sequence of each id that the log has."""
        found = self._connection().execute(
            "SELECT event_id, sequence FROM json_each(?) JOIN ids ON event_id = value",
            (json.dumps(list(event_ids)),),
        )
        return dict(found.fetchall())

    def versions(self, streams: Iterable[str]) -> dict[str, int]:
        """The last version of each stream; 0 for one that has no events."""
        found = self._connection().execute(
            "SELECT value, (SELECT max(version) FROM streams WHERE stream = value)"
            " FROM json_each(?)",
            (json.dumps(list(streams)),),
        )
        return {stream: version or 0 for stream, version in found}

    def stream(self, stream: str) -> list[int]:
        """The sequences of a stream's events, in order."""
        found = self._connection().execute(
            "SELECT sequence FROM streams WHERE stream = ? ORDER BY version", (stream,)
        )
        return [sequence for (sequence,) in found]

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection; a file that is no index is set aside and made anew."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None or not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                connection = _connect(self._path)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self.delete()
                connection = _connect(self._path)
            self._local.connection = connection
        return connection

    def delete(self) -> None:
        """Delete the file: the next use makes it anew from the log."""
        self._local.connection = None
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -65536")
    connection.executescript(SCHEMA)
    return connection
