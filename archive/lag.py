"""Lag: how far a view is behind the log's head, in events and in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from archive.place import is_url
from event_log import counted, dates

if TYPE_CHECKING:
    import pyarrow as pa

    from archive.archive import Archive
    from event_log import EventLog


@dataclass(frozen=True)
class Lag:
    """How many events a view does not have yet, and for how many seconds the oldest has waited."""

    events: int
    seconds: float

    def __str__(self) -> str:
        if not self.events:
            return "at the head"
        return f"{counted(self.events, 'event')} behind, the oldest for {self.seconds:,.0f} s"


def measure_lag(log: EventLog, checkpoint: int) -> Lag:
    """Measure the lag of a view that is at a checkpoint: a sequence, 0 for an empty view.

    >>> import tempfile
    >>> from event_log import EventLog
    >>> str(measure_lag(EventLog(tempfile.mkdtemp(), ()), 0))
    'at the head'
    """
    snapshot = log.at()
    first = next(snapshot.scan(["recorded_at"], checkpoint), None)
    if first is None:
        return Lag(0, 0.0)
    oldest = dates.EPOCH + timedelta(microseconds=first.column("recorded_at")[0].value)
    seconds = (datetime.now(UTC) - oldest).total_seconds()
    return Lag(snapshot.sequence - checkpoint, round(max(0.0, seconds), 3))


def recorded_between(log: EventLog, after: int, until: int) -> pa.ChunkedArray:
    """The ``recorded_at`` of each event after one sequence, up to another, in the log's order."""
    import pyarrow as pa

    from event_log import INSTANT

    batches = log.at(until).scan(["recorded_at"], after)
    return pa.chunked_array([batch.column("recorded_at") for batch in batches], type=INSTANT)


def behind(archive: Archive, sequence: int) -> int:
    """How many events the log has after a sequence.

    A log in a folder is asked without being opened. One in an object store is not asked unless this
    process has it open: each search would wait for a list of its files.

    >>> import tempfile
    >>> from archive import Archive
    >>> behind(Archive(tempfile.mkdtemp()), 0)
    0
    """
    from event_log import last_sequence

    head: int | None = None
    if not is_url(archive.home):
        head = last_sequence(Path(archive.home) / "log")
        if head is None:
            head = archive.log.head
    elif "log" in vars(archive):
        head = archive.log.head
    return max(0, (head or 0) - sequence)
