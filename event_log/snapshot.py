"""Snapshots: the log as of a sequence or an instant."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from event_log import reading
from event_log.category import Registry
from event_log.commit import ENVELOPE
from event_log.commits import Commits
from event_log.errors import EventLogError, InvalidPoint
from event_log.event import Event
from event_log.validation import instant

Point = int | str | datetime | None
"""A point in the log: a sequence, an instant (by ``recorded_at``), or None for the head."""


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
        return self.commits.at(self.sequence).digest.hex() if self.sequence else ""

    def files(self) -> list[str]:
        """The Parquet files that hold these events, in order.

        The last may hold later events as well: read it with ``sequence <= snapshot.sequence``.
        """
        return [str(path) for path in self.commits.paths(0, self.sequence)]

    def scan(
        self,
        columns: Sequence[str] | None = None,
        after: int = 0,
        categories: Sequence[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Arrow batches of the events after a sequence, in order.

        ``columns`` are envelope columns or categories (their struct); all of them if not given.
        With ``categories`` only their events come. A column that is not asked for is not read.
        Raises ``EventLogError`` for a column that there is not.
        """
        types = reading.schema(self.registry)
        chosen = list(columns) if columns is not None else [*ENVELOPE.names]
        if columns is None:
            chosen += [name for name in self.registry if not categories or name in categories]
        unknown = [name for name in chosen if name not in types.names]
        if unknown:
            raise EventLogError(f"no column {unknown[0]!r}; there is {', '.join(types.names)}")
        extra = [] if "category" in chosen or not categories else ["category"]
        for path in self.commits.paths(after, self.sequence):
            for batch in reading.batches(path, [*chosen, *extra], after, self.sequence, types):
                if categories:
                    wanted = pa.array(list(categories))
                    batch = batch.filter(pa.compute.is_in(batch.column("category"), wanted))
                if len(batch):
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
        for batch in reading.only(found, {"stream": stream, "type": type}):
            if left is not None:
                batch = batch.slice(0, left)
                left -= len(batch)
            yield from reading.events(batch)
            if left == 0:
                return


def locate(point: Point, commits: Commits) -> int:
    """The sequence that a point names: itself, the head, or the last recorded by an instant.

    Raises ``InvalidPoint`` for a sequence beyond the head and for text that is neither.
    """
    if point is None:
        return commits.last
    if isinstance(point, str) and point.strip().lstrip("+-").isdecimal():
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

    def recorded_at(first: int) -> int:
        batch = next(
            reading.batches(commits.path(first), ["recorded_at"], first - 1, first, ENVELOPE)
        )
        value = batch.column("recorded_at")[0].value
        return int(value)

    later = bisect.bisect_right(firsts, microseconds, key=recorded_at)
    return firsts[later] - 1 if later < len(firsts) else commits.last


def shown(moment: datetime) -> str:
    """An instant as ISO 8601 in UTC, with microseconds only when there are any.

    >>> shown(datetime(1851, 9, 18, 5, tzinfo=UTC))
    '1851-09-18T05:00:00Z'
    """
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
