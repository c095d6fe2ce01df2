"""Retrying while a cluster is away or busy, with growing, jittered pauses, up to a time limit."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from search.errors import ClusterAway

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 20.0
Tell = Callable[[str], None]
Result = TypeVar("Result")


class Stopped(Exception):
    """The caller no longer waits for the result."""


class Patience:
    """Retries for so many ``seconds``, counted for each call from its first failure.

    ``tell`` is called with the reason of each pause.
    """

    def __init__(self, seconds: float, tell: Tell | None = None) -> None:
        self.seconds = seconds
        self._tell = tell or (lambda _: None)
        self._stop = threading.Event()

    def stop(self) -> None:
        """Make every call of ``retry``, running or later, raise ``Stopped`` at once."""
        self._stop.set()

    def retry(self, act: Callable[[], Result]) -> Result:
        """Call ``act`` until the cluster is not away; raises its ``ClusterAway`` after the time."""
        began: float | None = None
        pause = FIRST_PAUSE
        while True:
            if self._stop.is_set():
                raise Stopped
            try:
                return act()
            except ClusterAway as reason:
                now = time.monotonic()
                began = now if began is None else began
                left = began + self.seconds - now
                if left <= 0:
                    raise
                self._tell(f"{reason}; trying again, for {left:,.0f} s more")
                # Jitter: clients that were refused at the same moment do not return together.
                self._stop.wait(min(left, random.uniform(pause / 2, pause)))  # noqa: S311
                pause = min(2 * pause, LONGEST_PAUSE)
