"""Waiting for a cluster that is away or busy: growing, jittered pauses, for as long as agreed."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from search.errors import ClusterAway

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 20.0
Told = Callable[[str], None]
Given = TypeVar("Given")


class Stopped(Exception):
    """Nobody waits for the answer any more."""


class Patience:
    """How long to try again, and who is told while one waits.

    Each thing that is tried has the whole time for itself, from its first failure on.
    """

    def __init__(self, seconds: float, tell: Told | None = None) -> None:
        self.seconds = seconds
        self._tell = tell or (lambda _: None)
        self._stop = threading.Event()

    def stop(self) -> None:
        """Let everybody who waits, or is about to, give up at once."""
        self._stop.set()

    def tried(self, act: Callable[[], Given]) -> Given:
        """Do it, again and again while the cluster is away, until the time is over."""
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
                # Full jitter: clients that were turned away together do not come back together.
                self._stop.wait(min(left, random.uniform(pause / 2, pause)))  # noqa: S311
                pause = min(2 * pause, LONGEST_PAUSE)
