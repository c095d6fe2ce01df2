"""Lookups of ids and streams, with the index if it is usable, else by reading the log.

A result holds at one sequence, which it names. A writer puts its commit right after that sequence
or not at all, so an index that is behind cannot cause a wrong version.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from event_log.checking.one_event import possible
from event_log.errors import DamagedLog
from event_log.files import reading
from event_log.files.layout import Commits
from event_log.files.log_digest import NO_CATEGORIES, digest_at
from event_log.files.selection import Selection
from event_log.index.database import DamagedEventIndex, Place
from event_log.index.event_index import EventIndex, Found
from event_log.index.hashing import LONGEST, Places
from event_log.index.tail import Entries

INDEXED = ("sequence", "event_id", "stream", "version")
NAMED = ("event_id", "stream")
BACKLOG_EVENTS = 500_000
"""Events indexed at a time when the index is behind: about 50 MB of columns."""
UNUSABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
"""SQLite's errors that rebuilding the index does not repair."""
FAILURES = (OSError, sqlite3.Error, DamagedEventIndex)
"""The errors of an index that is damaged or cannot be used."""
logger = logging.getLogger("event_log")

Names: TypeAlias = Collection[str] | pa.Array | pa.ChunkedArray
"""Strings, or a column of them."""


class Lookup:
    """Looks up event ids, streams and producers of a log."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits
        self._warned = False

    @cached_property
    def _index(self) -> EventIndex:
        """The index; its place is chosen when the log has events: then its folder exists."""
        return EventIndex(self._commits.store.caches / "index.sqlite")

    def find(
        self,
        event_ids: Names = (),
        streams: Names = (),
        sequences_of: str | None = None,
        producers: Iterable[str] = (),
    ) -> Found:
        """Look up names at the log's head.

        The result has the sequences of those ids that are in the log, the last versions of those
        streams that have events, the sequences of one stream's events by version, and the positions
        that producers committed. Ids and streams may be Arrow strings; a hundred thousand of them
        are looked up at once.
        """
        ids, names = _column(event_ids), _column(streams)
        stream = sequences_of if sequences_of and possible([sequences_of]) else None
        producers = possible(producers)
        if not self._commits.last and not self._commits.refresh():
            return Found((0, ""), {}, {}, [])  # reading an empty log makes no index
        mended = False
        while True:
            try:
                self._catch_up()
                state, candidates = self._index.find(ids, names, stream, producers)
            except FAILURES as error:
                if not mended and self._mended(error):
                    mended = True
                    continue
                if isinstance(error, sqlite3.IntegrityError):
                    raise DamagedLog(
                        f"an event id or a version is in the log twice ({error}); "
                        "restore it from a backup"
                    ) from None
                self._warn(error)
                return self._found_by_reading(ids, names, stream, producers)
            if state.place[0] == self._commits.last:
                self._confirm(state.known, ids, *candidates)
                return state

    def extend(
        self,
        place: Place,
        batches: Sequence[pa.RecordBatch],
        producers: Mapping[str, int] | None = None,
    ) -> None:
        """Index the events of a commit that was just written, while they are in memory.

        The batches have the columns of ``INDEXED`` among theirs, in the order of the sequences;
        ``producers`` are the positions that the commit was written with.
        """
        after = batches[0].column("sequence")[0].as_py() - 1
        reached = {name: (position, place[0]) for name, position in (producers or {}).items()}
        try:
            self._index.extend(after, place, batches, reached)
        except FAILURES as error:
            self._mended(error)

    def check(self) -> None:
        """Compare the index with the log; one that is damaged is deleted, and made anew."""
        try:
            if self._index.is_there():
                self._index.check(self._entries)
        except FAILURES as error:
            self._mended(error)

    def _entries(self, after: int, place: Place) -> Entries | None:
        """Return what an index that has runs through ``after`` says at a place."""
        if not self._continues(place, self._commits.refresh()):
            return None
        none = pa.schema([(n, pa.string() if n in NAMED else pa.int64()) for n in INDEXED])
        batches = [batch.select(INDEXED).cast(none) for batch in self._events(after, place[0])]
        events = pa.Table.from_batches(batches, none).sort_by("sequence")
        sequences, ids, streams, versions = (column.to_pylist() for column in events.columns)
        producers = self._commits.again(lambda: self._commits.producers(0, place[0]))
        positions = {name: position for name, (position, _) in producers.items()}
        of_streams = list(zip(sequences, streams, versions, strict=True))
        return list(zip(sequences, ids, strict=True)), of_streams, positions

    def _catch_up(self) -> None:
        place = self._index.place()
        head = (
            self._commits.refresh()
        )  # read after the place, so that the index is never ahead of the log
        if place[0] and not self._continues(place, head):
            self._index.forget(place)
            place = self._index.place()
        after = place[0]
        for segment in self._commits.segments(after, head):
            until = min(segment.last, head)
            if until - after >= BACKLOG_EVENTS or until == head:
                through = (until, digest_at(self._commits, until).hex())
                batches = list(self._events(after, until))
                reached = self._commits.again(partial(self._commits.producers, after, until))
                self._index.extend(after, through, batches, reached)
                after = until

    def _continues(self, place: Place, head: int) -> bool:
        through, digest = place
        return through <= head and digest_at(self._commits, through).hex() == digest

    def _mended(self, error: Exception) -> bool:
        """Delete a damaged index, so that it is rebuilt; returns whether it was deleted."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if isinstance(error, FileNotFoundError):
            return True  # another process deletes the cache, file by file
        if isinstance(error, OSError) or code in UNUSABLE:
            return False
        try:
            self._index.delete()
        except OSError:
            return False
        return True

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            logger.warning("the index cannot be used (%s); reading the log instead", error)
            self._warned = True

    def _confirm(
        self, known: dict[str, int], event_ids: pa.Array, places: Places, sequences: Places
    ) -> None:
        """Add the candidates that the log confirms to the known ids."""
        if not len(places):
            return
        order = np.argsort(sequences)
        places, sequences = places[order], sequences[order]
        selection = Selection.of(("sequence", "event_id"), np.unique(sequences))
        for batch in reading.batches(self._commits, selection, NO_CATEGORIES):
            if not len(batch):
                continue
            stored_sequences = batch.column("sequence").to_numpy()
            of_event = np.argsort(stored_sequences)
            stored_sequences = stored_sequences[of_event]
            # A candidate is compared with the event that has its sequence, if this batch has it.
            start, stop = np.searchsorted(
                sequences, (stored_sequences[0], stored_sequences[-1] + 1)
            )
            near = np.searchsorted(stored_sequences, sequences[start:stop])
            here = stored_sequences[near] == sequences[start:stop]
            candidates = event_ids.take(pa.array(places[start:stop][here]))
            stored = batch.column("event_id").take(pa.array(of_event[near[here]]))
            same = pc.equal(candidates, stored.cast(candidates.type))
            numbers = sequences[start:stop][here][same.to_numpy(zero_copy_only=False)].tolist()
            confirmed = candidates.filter(same).to_pylist()
            for event_id, sequence in zip(confirmed, numbers, strict=True):
                known[event_id] = min(known.get(event_id, sequence), sequence)

    def _found_by_reading(
        self,
        event_ids: pa.Array,
        streams: pa.Array,
        sequences_of: str | None,
        producers: Sequence[str],
    ) -> Found:
        head = self._commits.refresh()
        known: dict[str, int] = {}
        versions: dict[str, int] = {}
        own: list[tuple[int, int]] = []
        one = pa.array([sequences_of] if sequences_of else [], pa.string())
        wanted = len(event_ids) or len(streams) or sequences_of
        for batch in self._events(0, head) if wanted else ():
            for sequence, event_id, *_ in _only(batch, "event_id", event_ids):
                known[event_id] = min(known.get(event_id, sequence), sequence)
            for _, _, stream, version in _only(batch, "stream", streams):
                versions[stream] = max(versions.get(stream, 0), version)
            own += [(entry[3], entry[0]) for entry in _only(batch, "stream", one)]
        sequences = [sequence for _, sequence in sorted(own)]
        place = (head, digest_at(self._commits, head).hex())
        return Found(place, known, versions, sequences, self._reached(head, producers))

    def _reached(self, head: int, producers: Sequence[str]) -> dict[str, tuple[int, int]]:
        if not producers:
            return {}
        reached = self._commits.again(lambda: self._commits.producers(0, head))
        return {name: reached[name] for name in producers if name in reached}

    def _events(self, after: int, until: int) -> Iterator[pa.RecordBatch]:
        """Yield the events after a sequence and up to another, with the columns of ``INDEXED``."""
        return reading.batches(self._commits, Selection(INDEXED, after, until), NO_CATEGORIES)


def _column(names: Names) -> pa.Array:
    """Return names as one Arrow array, without those that no log can have."""
    if not len(names):
        return pa.nulls(0, pa.string())
    if isinstance(names, pa.ChunkedArray):
        names = names.combine_chunks()
    elif not isinstance(names, pa.Array):
        try:
            names = pa.array(list(names), pa.string())
        except UnicodeEncodeError:
            names = pa.array(possible(names), pa.string())
    long = pc.greater(pc.binary_length(names), LONGEST)  # null for null
    return names if long.false_count == len(names) else names.filter(pc.invert(long))


def _only(
    batch: pa.RecordBatch, column: str, names: pa.Array
) -> Iterator[tuple[int, str, str, int]]:
    """Yield sequence, event id, stream and version of each event with one of the names."""
    if len(names):
        values = names.cast(batch.column(column).type)
        matching = batch.filter(pc.is_in(batch.column(column), values))
        yield from zip(*(matching.column(name).to_pylist() for name in INDEXED), strict=True)
