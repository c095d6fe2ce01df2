"""The index: the sequence of each event id, and the sequences of each stream.

It is a cache beside the log. An SQLite database has the recent events (the tail); runs
(``run_file``) have the events before them. A commit of few events goes to the tail. A commit of
many events, or one for which the tail has no room, becomes a run together with the tail, straight
from its columns. The database lists the runs, so one transaction moves events from the tail to a
run, or from runs to the run that they were merged into.

The log always decides: a lookup compares the place of the index with the log's digest. The index,
or any of its files, may be deleted at any time.

For ids the index returns candidates, which are compared with the log. For streams its answer is
final: runs identify a stream by 97 bits or more of a keyed hash. Two names have the same bits with
a proven probability of at most 2**-97, even if an adversary has chosen them. Ten million streams
have fewer than 2**46 pairs, so one log in 2**51 confuses two streams; an undetected wrong bit from
the disk is likelier. The key is random, made with each index, and stored only in its database.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from event_log.errors import DamagedLog
from event_log.index import database, run_set, tail
from event_log.index.database import DamagedEventIndex, Database, Listed, Place, Producers
from event_log.index.hashing import Hashing, Places
from event_log.index.run_file import Run
from event_log.index.run_set import Columns, RunFiles
from event_log.index.tail import Entries

BULK_EVENTS = 128
"""A commit of this many events becomes a run at once, which is faster from this size on."""


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a lookup at one place of the log; a name without an entry has no events.

    ``producers`` has the highest position of each, and the last sequence of the commit with it.
    """

    place: Place
    known: dict[str, int]
    versions: dict[str, int]
    sequences: list[int]
    producers: Producers = field(default_factory=dict)


Candidates = tuple[Places, Places]
"""Places among the ids of a lookup, and for each a sequence that the log must confirm."""


class EventIndex:
    """The ids and streams of the events through a place; safe among threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database = Database(path)
        self._files = RunFiles(path.with_suffix(".runs"))
        self._hashing: tuple[bytes, Hashing] | None = None
        self._cleaned = False

    def place(self) -> Place:
        """Return the place of the index: the last sequence that it has."""
        return database.place(self._database.connection())

    def forget(self, place: Place) -> None:
        """Delete all entries, if the index is still at this place, which the log does not have."""
        with self._database.transaction("IMMEDIATE") as connection:
            if database.place(connection) != place:
                return
            listed = database.listed(connection)
            database.forget(connection)
        self._files.delete(name for *_, name in listed)

    def delete(self) -> None:
        """Delete the files if they are still those in use here; the next use creates new ones."""
        self._database.delete(self._files.delete_all)

    # checking

    def is_there(self) -> bool:
        """Return whether an index has been made."""
        return self._path.exists()

    def check(self, log: Callable[[int, Place], Entries | None]) -> None:
        """Raise ``DamagedEventIndex`` unless the files are whole and the tail is as in the log.

        ``log`` returns what the log has after a sequence up to a place; None if it is at no such
        place. The content of runs has checksums.
        """
        with self._database.transaction("DEFERRED") as connection:
            said = connection.execute("PRAGMA integrity_check(1)").fetchone()
            place, listed = database.place(connection), database.listed(connection)
            hashing, entries = self._hashing_of(connection), tail.entries(connection)
            after = database.bulk_through(connection)
        if said != ("ok",):
            raise DamagedEventIndex(f"{self._path} is damaged")
        for run in self._opened(hashing, listed) or ():
            run.check()
        if entries != (log(after, place) or entries):
            raise DamagedEventIndex(f"{self._path} does not say what the log says")

    # extending

    def extend(
        self,
        after: int,
        place: Place,
        batches: Sequence[pa.RecordBatch],
        producers: Producers | None = None,
    ) -> None:
        """Add the events after a sequence, unless another process has added them.

        The batches have ``sequence``, ``event_id``, ``stream`` and ``version``, in any order;
        ``producers`` has the positions reached with them. Raises ``DamagedLog`` when these are
        not exactly the events from the sequence to the place.
        """
        if place[0] - after >= BULK_EVENTS or not self._add(after, place, batches, producers):
            self._add_run(after, place, batches, producers)
            self._merge()

    def _add(
        self,
        after: int,
        place: Place,
        batches: Sequence[pa.RecordBatch],
        producers: Producers | None,
    ) -> bool:
        """Add events to the tail; False, and no change, when it has no room for them."""
        with self._database.transaction("IMMEDIATE") as connection:
            if database.place(connection)[0] == after:
                if place[0] - database.bulk_through(connection) > tail.EVENTS:
                    return False
                tail.add(connection, batches)
                database.move(connection, place, producers)
        return True

    def _add_run(
        self,
        after: int,
        place: Place,
        batches: Sequence[pa.RecordBatch],
        producers: Producers | None,
    ) -> None:
        """Write the events, and the tail before them, as a run."""
        with self._database.transaction("DEFERRED") as connection:
            if database.place(connection)[0] != after:
                return
            before, hashing = database.bulk_through(connection), self._hashing_of(connection)
            columns = Columns(hashing, before, place[0])
            try:
                tail.copy(connection, columns)
                columns.check(after)
            except DamagedLog as error:
                raise DamagedEventIndex(f"in {self._path}, {error}") from None
        for batch in batches:
            columns.add_ids(batch.column("sequence"), batch.column("event_id"))
            columns.add_streams(*(batch.column(name) for name in ("sequence", "stream", "version")))
        written = self._files.write(hashing.mark, before + 1, columns.arrays())

        def listed(connection: sqlite3.Connection) -> bool:
            if (database.place(connection)[0], database.bulk_through(connection)) != (
                after,
                before,
            ):
                return False
            connection.execute("INSERT INTO runs VALUES (?, ?, ?)", written)
            tail.clear(connection)
            database.move(connection, place, producers)
            return True

        self._publish(written, hashing, listed)

    def _publish(
        self, written: Listed, hashing: Hashing, listed: Callable[[sqlite3.Connection], bool]
    ) -> bool:
        """Let ``listed`` put a run into the list; delete its file if that fails."""
        done = False
        try:
            with self._database.transaction("IMMEDIATE") as connection:
                done = self._hashing_of(connection).mark == hashing.mark and listed(connection)
        finally:
            if not done:
                self._files.delete([written[2]])
        return done

    def _merge(self) -> None:
        """Merge runs while too many are of one size, unless another process is merging."""
        if not self._due()[2]:
            return
        with self._path.with_suffix(".merging").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            while self._merged_once():
                pass

    def _due(self) -> tuple[Hashing, list[Listed], list[Listed]]:
        """Return the hashing, the list of runs, and those to merge."""
        with self._database.transaction("DEFERRED") as connection:
            listed, hashing = database.listed(connection), self._hashing_of(connection)
        due = run_set.due([last - first + 1 for first, last, _ in listed])
        return hashing, listed, listed[due] if due else []

    def _merged_once(self) -> bool:
        hashing, all_listed, replaced = self._due()
        if not replaced:
            return False
        try:
            opened = self._files.open(hashing.mark, all_listed)
        except FileNotFoundError:
            return False  # rebuilt by another process, or damaged: the next lookup finds out
        runs = [run for run, listed in zip(opened, all_listed, strict=True) if listed in replaced]
        written = self._files.write(hashing.mark, replaced[0][0], run_set.merged(runs))

        def listed(connection: sqlite3.Connection) -> bool:
            if not set(replaced) <= set(database.listed(connection)):
                return False
            connection.executemany("DELETE FROM runs WHERE name = ?", [run[2:] for run in replaced])
            connection.execute("INSERT INTO runs VALUES (?, ?, ?)", written)
            return True

        done = self._publish(written, hashing, listed)
        if done:
            self._files.delete(name for *_, name in replaced)
        return done

    # finding

    def find(
        self,
        event_ids: pa.Array,
        streams: pa.Array,
        sequences_of: str | None = None,
        producers: Sequence[str] = (),
    ) -> tuple[Found, Candidates]:
        """Look up ids, streams, one stream's events and producers.

        ``Found.known`` has the ids in the tail; those in runs are candidates.
        """
        opened = None
        while opened is None:
            with self._database.transaction("DEFERRED") as connection:
                place, listed = database.place(connection), database.listed(connection)
                hashing = self._hashing_of(connection)
                known = tail.known(connection, event_ids)
                versions = tail.versions(connection, streams)
                sequences = tail.sequences(connection, sequences_of) if sequences_of else []
                reached = database.reached_by(connection, producers) if producers else {}
            opened = self._opened(hashing, listed)
        versions = run_set.versions(opened, hashing, streams) | versions
        if sequences_of:
            sequences = run_set.sequences(opened, hashing, sequences_of) + sequences
        state = Found(place, known, versions, sequences, reached)
        return state, run_set.candidates(opened, hashing, event_ids)

    def _opened(self, hashing: Hashing, listed: Sequence[Listed]) -> list[Run] | None:
        """Open the runs of a list; None when the list has changed since it was read."""
        try:
            if not self._cleaned:
                self._files.clean(hashing.mark, listed)
                self._cleaned = True
            return self._files.open(hashing.mark, listed)
        except FileNotFoundError as error:
            if database.listed(self._database.connection()) == listed:
                raise DamagedEventIndex(f"{error.filename} is missing") from None
            return None

    def _hashing_of(self, connection: sqlite3.Connection) -> Hashing:
        (key,) = connection.execute("SELECT key FROM key").fetchone() or (None,)
        if not isinstance(key, bytes):
            raise DamagedEventIndex(f"{self._path} has no key")
        if self._hashing is None or self._hashing[0] != key:
            self._hashing = (key, Hashing(key))
        return self._hashing[1]
