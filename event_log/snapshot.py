"""Snapshots: the log as of a sequence or an instant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from event_log.category import ENVELOPE, INSTANT, Registry
from event_log.dates import InvalidDate, date_span
from event_log.errors import EventLogError, InvalidPoint
from event_log.event import Event
from event_log.files import as_events, commit, reading
from event_log.files.commit import SchemaVersions
from event_log.files.layout import Commits
from event_log.files.log_digest import digest_at
from event_log.files.selection import Selection
from event_log.files.upcast_copies import UpcastCopies, upcast_digest

Point = int | str | date | datetime | None
"""A point in the log: a sequence, a date (by ``recorded_at``), or None for the head.

A date is as in ``date_span``; of a day, a month or a year it is the end.
"""
WHOLE_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,20}\s*")


@dataclass(frozen=True)
class Snapshot:
    """The events 1 to ``sequence`` of a log; later appends do not change it."""

    sequence: int
    registry: Registry
    commits: Commits

    @property
    def digest(self) -> str:
        """The log's digest at this sequence, hexadecimal. It covers all these events.

        Snapshots with the same sequence and digest hold the same events.
        """
        return digest_at(self.commits, self.sequence).hex()

    @property
    def upcast_digest(self) -> str:
        """A digest of the upcasters, which decide how old events are read; empty without any."""
        return upcast_digest(self.registry)

    def files(self, categories: Sequence[str] | None = None) -> list[str]:
        """Return the Parquet files that hold these events; of some categories only, if given.

        They may hold later events too: read them with ``sequence <= snapshot.sequence``. Sealed
        files lie in Hive partitions, whose ``category`` equals that of the column.
        """
        self.commits.schemas.check_readable(self.commits.newest_schemas, self.registry)
        return self.commits.again(lambda: self._files(categories))

    def _files(self, categories: Sequence[str] | None) -> list[str]:
        selection = Selection((), 0, self.sequence, categories)
        names: list[str] = []
        versions: dict[str, SchemaVersions] = {}
        upcasts = any(category.upcasters for category in self.registry.values())
        for segment in self.commits.segments(0, self.sequence):
            if segment.group is None:
                metadata = self.commits.at(segment.last)  # raises when an earlier one is missing
                names.append(commit.name_of(metadata.first))
                versions[names[-1]] = metadata.schema_versions
                continue
            for file in filter(selection.within, segment.group.files):
                names.append(file.name)
                versions[file.name] = {file.category: (file.schema_version,)}
        paths = [self.commits.locate(name) for name in names]
        if upcasts:
            copies = UpcastCopies(self.commits.store.caches, self.registry)
            paths = [
                copies.path(path, versions[name]) for path, name in zip(paths, names, strict=True)
            ]
        return [str(path) for path in paths]

    def check_files(self) -> None:
        """Read the files that hold these events; raises ``DamagedLog`` at the first changed one.

        An engine that reads Parquet itself does not say which file is damaged, or that one is.
        """
        self.commits.again(self._check_files)

    def _check_files(self) -> None:
        for segment in self.commits.segments(0, self.sequence):
            files = segment.group.files if segment.group else ()
            for name in [file.name for file in files] or [commit.name_of(segment.first)]:
                commit.check(self.commits.locate(name))

    def scan(
        self,
        columns: Sequence[str] | None = None,
        after: int = 0,
        categories: Sequence[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the events after a sequence as Arrow batches, in order.

        ``columns`` are envelope columns or categories (their struct); by default all. Other columns
        are not read. ``categories`` limits the events to those categories. Raises ``EventLogError``
        for a column or a category that does not exist.
        """
        types = reading.log_schema(self.registry)
        chosen = list(columns) if columns is not None else [*ENVELOPE.names]
        if columns is None:
            chosen += [name for name in self.registry if not categories or name in categories]
        for names, known in ((chosen, types.names), (categories or (), list(self.registry))):
            for name in names:
                if name not in known:
                    raise EventLogError(f"there is no {name!r}, but {', '.join(known)}")
        extra = [] if "category" in chosen or not categories else ["category"]
        selection = Selection([*chosen, *extra], after, self.sequence, categories)
        batches = reading.batches(self.commits, selection, self.registry)
        for batch in reading.only(batches, {"category": categories}):
            yield batch.select(chosen)

    def read(
        self,
        after: int = 0,
        stream: str | Sequence[str] | None = None,
        category: str | None = None,
        type: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Event]:
        """Yield the events after a sequence, oldest first; only of streams, category or type."""
        if category is None and type in self.registry.owner:
            category = self.registry.owner[type].name
        streams = [stream] if isinstance(stream, str) and stream else stream
        batches = self.scan(after=after, categories=[category] if category else None)
        left = limit
        wanted = {"stream": streams, "type": [type] if type else None}
        for batch in reading.only(batches, wanted):
            if left is not None:
                batch = batch.slice(0, left)
                left -= len(batch)
            yield from as_events.events(batch)
            if left == 0:
                return


def locate(point: Point, commits: Commits) -> int:
    """Return the sequence of a point: itself, the head, or the last recorded by a date's end.

    A text of digits is a sequence. Raises ``InvalidPoint`` for a sequence beyond the head and for
    text that is neither.
    """
    if point is None:
        return commits.last
    if isinstance(point, str) and WHOLE_NUMBER.fullmatch(point):
        point = int(point)
    if isinstance(point, int):
        if not 0 <= point <= commits.last:
            raise InvalidPoint(_beyond(point, commits.last))
        return point
    try:
        until = date_span(point, datetime.now(UTC)).last
    except InvalidDate as error:
        raise InvalidPoint(f"{error}; or a sequence (1 to {commits.last})") from None
    return commits.again(lambda: _recorded_by(until, commits))


def _beyond(sequence: int, head: int) -> str:
    said = f"there is no sequence {sequence}; the log's head is {head}"
    year = f". A whole number is a sequence: for the year write {sequence}-12"
    return said + year if 1000 <= sequence <= 9999 else said


def _recorded_by(microseconds: int, commits: Commits) -> int:
    whole = commits.recorded_by(microseconds)
    if whole >= commits.manifest.through:
        return whole
    group = commits.segments(whole, whole + 1)[0]
    last, moment = whole, pa.scalar(microseconds, INSTANT)
    selection = Selection(["sequence", "recorded_at"], whole, group.last)
    for batch in reading.batches(commits, selection, Registry(())):
        until = pc.less_equal(batch.column("recorded_at"), moment).true_count
        if until:
            last = batch.column("sequence")[until - 1].as_py()
        if until < len(batch):
            break
    return last


def instant_text(moment: datetime) -> str:
    """Return an instant as ISO 8601 in UTC, with microseconds only when there are any.

    >>> instant_text(datetime(1851, 9, 18, 5, tzinfo=UTC))
    '1851-09-18T05:00:00Z'
    """
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
