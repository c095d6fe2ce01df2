"""Snapshots: the log as of a sequence or an instant."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from event_log import reading
from event_log.category import ENVELOPE, Registry
from event_log.commits import Commits
from event_log.errors import EventLogError, InvalidPoint
from event_log.event import Event
from event_log.upcast_copies import UpcastCopies
from event_log.validation import instant

Point = int | str | datetime | None
"""A point in the log: a sequence, an instant (by ``recorded_at``), or None for the head."""
WHOLE_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,20}\s*")


@dataclass(frozen=True)
class Snapshot:
    """The events 1 to ``sequence`` of a log; later appends do not change it."""

    sequence: int
    registry: Registry
    commits: Commits

    @property
    def digest(self) -> str:
        """The chain's digest at the commit that holds the last of these events, hexadecimal.

        What was made from a snapshot of the same sequence and digest was made from these events.
        """
        return self.commits.digest(self.sequence).hex()

    def files(self) -> list[str]:
        """The Parquet files that hold these events, in order.

        The last may hold later events as well: read it with ``sequence <= snapshot.sequence``.
        """
        found = self.commits.between(0, self.sequence)
        copies = UpcastCopies(self.commits.path(1).parents[1] / "cache", self.registry)
        files = []
        for about in found:
            path = self.commits.path(about.first)
            files.append(str(copies.path(path, schema_versions(path))))
        return files

    def scan(
        self,
        columns: Sequence[str] | None = None,
        after: int = 0,
        categories: Sequence[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Arrow batches of the events after a sequence, in order.

        ``columns`` are envelope columns or categories (their struct); all of them if not given.
        With ``categories`` only their events come. A column that is not asked for is not read.
        Raises ``EventLogError`` for a column or a category that there is not.
        """
        types = reading.schema(self.registry)
        chosen = list(columns) if columns is not None else [*ENVELOPE.names]
        if columns is None:
            chosen += [name for name in self.registry if not categories or name in categories]
        for asked, there in ((chosen, types.names), (categories or (), list(self.registry))):
            for name in asked:
                if name not in there:
                    raise EventLogError(f"there is no {name!r}, but {', '.join(there)}")
        extra = [] if "category" in chosen or not categories else ["category"]
        for about in self.commits.between(after, self.sequence):
            path = self.commits.path(about.first)
            found = reading.batches(
                path, [*chosen, *extra], after, self.sequence, types, self.registry
            )
            for batch in reading.only(found, {"category": categories}):
                yield batch.select(chosen)

    def read(
        self,
        after: int = 0,
        stream: str | None = None,
        category: str | None = None,
        type: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Event]:
        """The events after a sequence, oldest first, of one stream, category or type if given."""
        found = self.scan(after=after, categories=[category] if category else None)
        left = limit
        wanted = {"stream": [stream] if stream else None, "type": [type] if type else None}
        for batch in reading.only(found, wanted):
            if left is not None:
                batch = batch.slice(0, left)
                left -= len(batch)
            yield from reading.events(batch)
            if left == 0:
                return


def schema_versions(path: Path) -> dict[str, list[int]]:
    """The schema versions of the events in a file, by category (stands in for the footer's)."""
    table = pq.read_table(path, columns=["category", "schema_version"], partitioning=None)
    found: dict[str, list[int]] = {}
    for pair in table.group_by(["category", "schema_version"]).aggregate([]).to_pylist():
        found.setdefault(pair["category"], []).append(pair["schema_version"])
    return {name: sorted(versions) for name, versions in found.items()}


def locate(point: Point, commits: Commits) -> int:
    """The sequence that a point names: itself, the head, or the last recorded by an instant.

    Raises ``InvalidPoint`` for a sequence beyond the head and for text that is neither.
    """
    if point is None:
        return commits.last
    if isinstance(point, str) and WHOLE_NUMBER.fullmatch(point):
        point = int(point)
    if isinstance(point, int):
        if not 0 <= point <= commits.last:
            raise InvalidPoint(f"there is no sequence {point}; the log's head is {commits.last}")
        return point
    try:
        microseconds = instant(point)
    except ValueError as error:
        raise InvalidPoint(
            f"{error}; give a sequence (1 to {commits.last}) or an instant (2026-11-24T12:00:00Z)"
        ) from None
    return _recorded_by(microseconds, commits)


def _recorded_by(microseconds: int, commits: Commits) -> int:
    firsts = commits.firsts()
    later = bisect.bisect_right(
        firsts, microseconds, key=lambda first: commits.at(first).recorded_at
    )
    return firsts[later] - 1 if later < len(firsts) else commits.last


def shown(moment: datetime) -> str:
    """An instant as ISO 8601 in UTC, with microseconds only when there are any.

    >>> shown(datetime(1851, 9, 18, 5, tzinfo=UTC))
    '1851-09-18T05:00:00Z'
    """
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
