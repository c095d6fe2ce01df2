"""The clock: when an event is recorded, and what a writer whose clock was ahead has left behind.

No event is recorded before the one before it. So when a writer's clock was ahead, all later events
get its instant, until the other clocks have come there too.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from event_log import settings
from event_log.errors import WrongClock

TOLD_SECONDS = 60.0
"""Clocks that differ by less are nothing to speak of."""
SETTING = "STET_CLOCK_AHEAD"


def moment_after(recorded_to: int) -> int:
    """Return when a commit is recorded that follows one of an instant, in microseconds since 1970.

    Raises ``WrongClock`` when that instant is ahead of the clock by more than ``STET_CLOCK_AHEAD``.
    """
    now = _now()
    ahead = (recorded_to - now) / 1_000_000
    if ahead > 0 and ahead > settings.number(SETTING):
        raise WrongClock(
            f"the log's last event was recorded {_span(ahead)} ahead of this machine's clock, and "
            "this one would get the same instant. Nothing was appended. Set the clock that is "
            f"wrong, this one or that of an earlier writer; or allow it: {SETTING}=inf"
        )
    return max(now, recorded_to)


def seconds_ahead(recorded_to: int) -> float:
    """Return the seconds by which an instant is ahead of the clock; 0 if it is not.

    >>> seconds_ahead(0)
    0.0
    """
    return max(0, recorded_to - _now()) / 1_000_000


def clock_warning(seconds: float) -> str | None:
    """Return what to say of a last event that is so many seconds ahead; None below a minute.

    >>> clock_warning(3.0)
    >>> clock_warning(2 * 86_400)[:70]
    "the log's last event was recorded 2 days, 0:00:00 ahead of this machin"
    """
    if seconds < TOLD_SECONDS:
        return None
    now = datetime.now(UTC)
    until = now + min(timedelta(seconds=seconds), datetime.max.replace(tzinfo=UTC) - now)
    return (
        f"the log's last event was recorded {_span(seconds)} ahead of this machine's clock; until "
        f"{until:%Y-%m-%d %H:%M} UTC all events get its instant. Set the clock that is wrong, this "
        "one or that of an earlier writer"
    )


def _now() -> int:
    return time.time_ns() // 1000


def _span(seconds: float) -> str:
    """A duration in days and hours, without fractions of a second."""
    return str(timedelta(seconds=int(seconds)))
