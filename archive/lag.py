"""Lag: how far a view is behind the log, in events and in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from event_log import EventLog


@dataclass(frozen=True)
class Lag:
    """How many events are not in the view yet, and how many seconds the oldest has waited."""

    events: int
    seconds: float

    def __str__(self) -> str:
        if not self.events:
            return "at the head"
        counted = f"{self.events:,} event{'' if self.events == 1 else 's'}"
        return f"{counted} behind, the oldest for {self.seconds:,.0f} s"


def measure_lag(log: EventLog, checkpoint: int) -> Lag:
    """The lag of a view that has come to a checkpoint (a sequence; 0 when it has nothing).

    >>> import tempfile
    >>> from event_log import EventLog
    >>> str(measure_lag(EventLog(tempfile.mkdtemp(), ()), 0))
    'at the head'
    """
    snapshot = log.at()
    first = next(snapshot.scan(["recorded_at"], checkpoint), None)
    if first is None:
        return Lag(0, 0.0)
    oldest: datetime = first.column("recorded_at")[0].as_py()
    seconds = (datetime.now(UTC) - oldest).total_seconds()
    return Lag(snapshot.sequence - checkpoint, round(max(0.0, seconds), 3))


def recorded_between(log: EventLog, after: int, until: int) -> pa.ChunkedArray:
    """When each of the events after one sequence until another was recorded, in their order."""
    import pyarrow as pa

    from event_log import INSTANT

    found = [batch.column("recorded_at") for batch in log.at(until).scan(["recorded_at"], after)]
    return pa.chunked_array(found, type=INSTANT)
