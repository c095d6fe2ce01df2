"""What a connector keeps beside the log, in one SQLite file, in step with the log's positions.

The log has the positions and the events. Here lie the children of lists, what was taken already of
each transaction, what was set aside, and the ids of topics. A round of changes is first written
here, with the positions that it leads to and with what it replaced, and then committed to the log.
Whatever is killed in between: when the file is opened again the log says whether the round counts;
if it does not, what it replaced is put back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from connectors.errors import ConnectorError, writing
from connectors.standing import FOLDER

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS topic (topic TEXT PRIMARY KEY, topic_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS child (
    list TEXT, key TEXT, parent TEXT, value, place, PRIMARY KEY (list, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS child_of ON child (list, parent);
CREATE TABLE IF NOT EXISTS child_before (
    list TEXT, key TEXT, parent TEXT, value, place, PRIMARY KEY (list, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sent (
    number INTEGER PRIMARY KEY, producer TEXT, tx TEXT, place INTEGER, first INTEGER,
    last INTEGER, UNIQUE (producer, tx));
CREATE TABLE IF NOT EXISTS sent_before (
    producer TEXT, tx TEXT, place INTEGER, first INTEGER, last INTEGER,
    PRIMARY KEY (producer, tx)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS letter (
    topic TEXT, topic_id TEXT, partition INTEGER, offset INTEGER, reason TEXT NOT NULL,
    line TEXT, waits INTEGER NOT NULL, key BLOB, value BLOB, headers TEXT, at INTEGER,
    set_aside_at TEXT NOT NULL, replayed INTEGER,
    PRIMARY KEY (topic_id, partition, offset)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot (of TEXT PRIMARY KEY, ended TEXT);
CREATE TABLE IF NOT EXISTS shown (of TEXT, name TEXT, PRIMARY KEY (of, name)) WITHOUT ROWID;
"""
VERSION = 1
IN_USE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
NO_ROOM = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
}
POSITIONS, BEFORE, EVENTS, TABLES = "positions", "before", "events", "tables"
LETTERS = "letters"


class KeptDamaged(ConnectorError):
    """The file cannot be used; the message says what to do."""


class KeptUnusable(ConnectorError):
    """Nothing is wrong with the file, but it cannot be used now; the message says why."""


@contextmanager
def errors_told(path: Path) -> Iterator[None]:
    """Tell an error of SQLite with the file's path and what to do.

    A file that is in use, or has no room, must not be moved away: it has what was set aside.
    """
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without what extends it
        if code in IN_USE:
            raise KeptUnusable(f"{path} is in use by another process; try again later") from None
        if code in NO_ROOM:
            raise KeptUnusable(
                f"{path}: {error}; see that there is room on the disk, and that the folder may be"
                " written. Nothing is lost: start again, and it goes on"
            ) from None
        raise KeptDamaged(
            f"{path}: {error}; move it away, and what it had is read again from the topic"
        ) from None


class Kept:
    """The file of one connector, open in one process, which holds the connector's name.

    A round: ``begin``, changes, then ``prepare``, the log's commit, and ``confirm``; or
    ``roll_back``, or after ``prepare`` and a refusal of the log, ``undo``.
    """

    def __init__(self, archive_folder: Path, name: str) -> None:
        self.path = self.path_of(archive_folder, name)
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with errors_told(self.path):
            self.connection = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False, timeout=10
            )
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = FULL")
            version = self.connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise KeptDamaged(f"{self.path} is of another version of Stet; move it away")
            if not version:
                self.connection.executescript(f"{SCHEMA} PRAGMA user_version = {VERSION};")
        self._settled = False
        self.new_letters: list[tuple[str, int, int]] = []
        """What the round sets aside: the topic's id, the partition and the offset of each."""
        self.beside = self.path.parent
        """Where the files of all connectors of the archive lie."""

    @staticmethod
    def path_of(archive_folder: Path, name: str) -> Path:
        """Where the file of a connector lies."""
        return archive_folder / FOLDER / f"{name}.sqlite"

    def copy_to(self, path: Path) -> None:
        """Copy what the file has now to a new one."""
        copied = sqlite3.connect(path)
        self.connection.backup(copied)
        copied.close()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    @property
    def changing(self) -> bool:
        """Whether a round has begun, and is not prepared."""
        return self.connection.in_transaction

    def begin(self) -> None:
        """Begin a round; what the round before it replaced is forgotten, for the log has it."""
        self.connection.execute("BEGIN IMMEDIATE")
        self.new_letters.clear()
        if self._settled:
            self._forget_before()

    def roll_back(self) -> None:
        """Give up a round that is not prepared."""
        if self.changing:
            self.connection.execute("ROLLBACK")

    def prepare(
        self, positions: Mapping[str, int], reached: Mapping[str, int], has_events: bool
    ) -> None:
        """Make a round durable: it counts if the log gets from ``positions`` to ``reached``."""
        kept = self.reached
        self._set(BEFORE, orjson.dumps({**kept, **positions}).decode())
        self._set(POSITIONS, orjson.dumps({**kept, **reached}).decode())
        self._set(EVENTS, "1" if has_events else "")
        self._set(LETTERS, orjson.dumps(self.new_letters).decode())
        self.connection.execute("COMMIT")
        self._settled = False

    def confirm(self) -> None:
        """Note that the log has the positions of the round that was prepared last."""
        self._settled = True

    def undo(self) -> None:
        """Put back what the last round replaced."""
        put = self.connection.execute
        put("BEGIN IMMEDIATE")
        put("DELETE FROM child WHERE (list, key) IN (SELECT list, key FROM child_before)")
        put("INSERT INTO child SELECT * FROM child_before WHERE parent IS NOT NULL")
        put(
            "DELETE FROM sent WHERE (producer, tx) IN"
            " (SELECT producer, tx FROM sent_before WHERE place IS NULL)"
        )
        put(
            "UPDATE sent SET (place, first, last) = (b.place, b.first, b.last) FROM sent_before b"
            " WHERE (sent.producer, sent.tx) = (b.producer, b.tx)"
        )
        self.connection.executemany(
            "DELETE FROM letter WHERE (topic_id, partition, offset) = (?, ?, ?)",
            orjson.loads(self._meta(LETTERS) or "[]"),
        )
        self._set(LETTERS, "[]")
        self._set(POSITIONS, self._meta(BEFORE) or "{}")
        self._set(EVENTS, "")
        self._forget_before()
        put("COMMIT")
        self._settled = True

    def settle(self, positions: Mapping[str, int]) -> bool:
        """Bring the file in step with the log's positions; returns whether it is.

        It is not when it lacks what the log has, because it was lost or is another's. The
        ``positions`` are of all producers in ``reached``, and of those that are to be read.
        """
        reached, before = self.reached, self._positions(BEFORE)
        mine = {name: reached.get(name, 0) for name in positions}
        is_so = mine == dict(positions)
        if not is_so and {name: before.get(name, 0) for name in positions} == dict(positions):
            self.undo()
            is_so = True
        # A position that moved without events is no part of the log, and may be lost with a copy.
        ahead = all(mine[name] >= position for name, position in positions.items())
        self._settled = is_so
        return is_so or (ahead and not self._meta(EVENTS))

    @property
    def reached(self) -> dict[str, int]:
        """The positions that the file has come to."""
        return self._positions(POSITIONS)

    def rebuilt(self, positions: Mapping[str, int]) -> None:
        """Note that the file has again all that leads to the log's positions; ends the round."""
        self._forget_before()
        self._set(POSITIONS, orjson.dumps({**self.reached, **positions}).decode())
        self._set(BEFORE, "{}")
        self._set(LETTERS, "[]")
        self._set(EVENTS, "")
        self.connection.execute("COMMIT")
        self._settled = True

    def forget_from(self, firsts: Mapping[tuple[str, int], int]) -> None:
        """Forget all that can be read again: of letters those from the first offsets that are held.

        ``firsts`` has the offset by the topic's id and the partition's number.
        """
        put = self.connection.execute
        put("BEGIN IMMEDIATE")
        for table in ("child", "sent", "snapshot", "shown"):
            put(f"DELETE FROM {table}")
        for (topic_id, number), first in firsts.items():
            put(
                "DELETE FROM letter WHERE (topic_id, partition) = (?, ?) AND offset >= ?",
                (topic_id, number, first),
            )
        self._set(POSITIONS, "{}")
        self._set(BEFORE, "{}")
        self._forget_before()
        put("COMMIT")

    # topics

    def topic_ids(self) -> dict[str, str]:
        """The ids of the topics that were read under this name."""
        return dict(self.connection.execute("SELECT topic, topic_id FROM topic"))

    def know_topics(self, ids: Mapping[str, str]) -> None:
        """Keep the ids of topics, in place of those that had the same names."""
        self.connection.executemany("INSERT OR REPLACE INTO topic VALUES (?, ?)", ids.items())

    def tables(self) -> list[str]:
        """The tables that the mapping had when the topics were read last; none before that."""
        return list(orjson.loads(self._meta(TABLES) or "[]"))

    def know_tables(self, tables: Sequence[str]) -> None:
        """Keep which tables the mapping has."""
        self._set(TABLES, orjson.dumps(tables).decode())

    def _forget_before(self) -> None:
        self.connection.execute("DELETE FROM child_before")
        self.connection.execute("DELETE FROM sent_before")

    def _positions(self, name: str) -> dict[str, int]:
        kept = self._meta(name)
        return dict(orjson.loads(kept)) if kept else {}

    def _meta(self, name: str) -> str | None:
        found = self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return found[0] if found else None

    def _set(self, name: str, value: str) -> None:
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
