"""How often each client may do what costs something."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

MOST_CLIENTS = 10_000
"""How many clients are counted; of more, those that came longest ago are forgotten."""


class Rate:
    """How often each client may still do something: a bucket that fills again evenly.

    The counts are those of one process.

    >>> rate = Rate(60, seconds=60)
    >>> {rate.wait("ana") for _ in range(60)}, rate.wait("ana"), rate.wait("ben")
    ({0}, 1, 0)
    """

    def __init__(self, most: int, seconds: float) -> None:
        """``most`` times within so many seconds; 0 for any number."""
        self._most, self._seconds = most, seconds
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> int:
        """Count one more; returns the seconds to wait, 0 if it may be done."""
        if not self._most:
            return 0
        now, a_second = time.monotonic(), self._most / self._seconds
        with self._lock:
            left, then = self._buckets.pop(client, (float(self._most), now))
            left = min(self._most, left + (now - then) * a_second)
            allowed = left >= 1
            self._buckets[client] = (left - allowed, now)
            if len(self._buckets) > MOST_CLIENTS:
                self._buckets.popitem(last=False)
        return 0 if allowed else max(1, round((1 - left) / a_second))
