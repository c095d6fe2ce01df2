"""Looking up ids and streams: by the index while it can be used, else by reading the log itself.

What comes back is true at one sequence, which it names. A writer puts its commit right after that
sequence or not at all, so no index can make the log wrong about a version by being behind.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from event_log import reading
from event_log.category import ENVELOPE
from event_log.commits import Commits
from event_log.errors import DamagedLog
from event_log.index import Entry, EventIndex, Found, Place
from event_log.validation import possible

INDEXED = ("sequence", "event_id", "stream", "version")
UNUSABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
"""SQLite's errors that making the index anew does not mend."""
logger = logging.getLogger("event_log")


class Lookup:
    """Finds where events are in a log."""

    def __init__(self, commits: Commits, index: EventIndex) -> None:
        self._commits = commits
        self._index = index
        self._warned = False

    def find(
        self,
        event_ids: Collection[str] = (),
        streams: Collection[str] = (),
        sequences_of: str | None = None,
    ) -> Found:
        """What is known of ids and streams at the head; see ``EventIndex.find``."""
        mended = False
        while True:
            try:
                self._catch_up()
                found = self._index.find(event_ids, streams, sequences_of)
            except (OSError, sqlite3.Error) as error:
                if not mended and self._mended(error):
                    mended = True
                    continue
                if isinstance(error, sqlite3.IntegrityError):
                    raise DamagedLog(
                        f"an event id or a version is in the log twice ({error}); "
                        "restore it from a backup"
                    ) from None
                self._warn(error)
                return self._found_by_reading(set(event_ids), set(streams), sequences_of)
            if found.place[0] == self._commits.last:
                return found

    def extend(self, place: Place, batches: list[pa.RecordBatch]) -> None:
        """Index the events of a commit that was just written, while they are at hand."""
        after = batches[0].column("sequence")[0].as_py() - 1
        try:
            self._index.extend(after, place, [e for batch in batches for e in _entries(batch)])
        except (OSError, sqlite3.Error) as error:
            self._mended(error)

    def _catch_up(self) -> None:
        place = self._index.place()
        head = self._commits.refresh()  # after the place: an index never goes beyond its log
        if place[0] and not self._continues(place, head):
            self._index.forget(place)
            place = self._index.place()
        for about in self._commits.between(place[0], head) if place[0] < head else ():
            path = self._commits.path(about.first)
            batches = reading.batches(path, INDEXED, 0, about.last, ENVELOPE)
            entries = (entry for batch in batches for entry in _entries(batch))
            self._index.extend(about.first - 1, (about.last, about.digest.hex()), entries)

    def _continues(self, place: Place, head: int) -> bool:
        through, digest = place
        if not 0 < through <= head:
            return False
        about = self._commits.at(through)
        return about.last == through and about.digest.hex() == digest

    def _mended(self, error: Exception) -> bool:
        """Whether the index was damaged, and is deleted now, so that it can be made anew."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if not isinstance(error, sqlite3.Error) or code in UNUSABLE:
            return False
        self._index.delete()
        return True

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            logger.warning("the index cannot be used (%s); reading the log instead", error)
            self._warned = True

    def _found_by_reading(
        self, event_ids: set[str], streams: set[str], sequences_of: str | None
    ) -> Found:
        head = self._commits.refresh()
        found = Found((head, self._commits.digest(head).hex()), {}, {}, [])
        ids = pa.array(possible(event_ids), pa.string())
        names = pa.array(possible({*streams, sequences_of or ""}), pa.string())
        for about in self._commits.between(0, head):
            path = self._commits.path(about.first)
            for batch in reading.batches(path, INDEXED, 0, about.last, ENVELOPE):
                wanted = pc.or_(
                    pc.is_in(batch.column("event_id"), ids),
                    pc.is_in(batch.column("stream"), names),
                )
                for sequence, event_id, stream, version in _entries(batch.filter(wanted)):
                    if event_id in event_ids:
                        found.known.setdefault(event_id, sequence)
                    if stream in streams:
                        found.versions[stream] = version
                    if stream == sequences_of:
                        found.sequences.append(sequence)
        return found


def _entries(batch: pa.RecordBatch) -> list[Entry]:
    columns = [batch.column(name).to_pylist() for name in INDEXED]
    return list(zip(*columns, strict=True))
