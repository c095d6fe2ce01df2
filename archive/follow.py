"""Following: catching up again and again as events come, until it is stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from archive.catch_up import CatchUp
from archive.progress import Tell
from archive.step import MOST_EVENTS, Step
from search import ClusterAway

if TYPE_CHECKING:
    from archive.archive import Archive
    from event_log import Subscription

SUBSCRIPTION = "follow"
"""The name of the subscription that is held meanwhile: it shows others that somebody follows."""
LOOK_SECONDS = 2.0
"""How often the live generations are read while no event comes: a rebuild may promote others."""
PAUSE_SECONDS = 5.0
"""How long to wait before a cluster that was away is tried again."""


class Follow:
    """Keeps the live generations at the log's head: iterate over it, ``with Follow.open(archive)``.

    It yields each step when readers can see it. ``stop`` may be called from another thread or from
    a signal handler.
    """

    def __init__(self, catch_up: CatchUp, subscription: Subscription) -> None:
        self._catch_up = catch_up
        self._subscription = subscription
        self._stopped = False

    @classmethod
    @contextmanager
    def open(
        cls,
        archive: Archive,
        views: Sequence[str] | None = None,
        tell: Tell | None = None,
    ) -> Iterator[Follow]:
        """Hold the subscription ``follow``, and lock an archive's kept state.

        Raises ``SubscriptionHeld`` or ``StateHeld`` while another process has them.
        """
        with (
            archive.log.subscribe(SUBSCRIPTION, from_="now") as subscription,
            CatchUp.open(archive, views, tell) as catch_up,
        ):
            yield cls(catch_up, subscription)

    @property
    def needs_rebuild(self) -> dict[str, str]:
        """The views that are not followed before a rebuild, and why."""
        return self._catch_up.needs_rebuild

    @property
    def broken(self) -> dict[str, str]:
        """The views that are not followed because they have a mistake, and which."""
        return self._catch_up.broken

    def __iter__(self) -> Iterator[Step]:
        """Yields the steps as they are done, until it is stopped."""
        yield from self._steps()
        for _ in self._catch_up.prepare():
            yield from self._steps()
            if self._stopped:
                return
        self._catch_up.tell(f"following from sequence {self._catch_up.sequence:,}")
        while not self._stopped:
            yield from self._steps()
            self._subscription.reset(self._catch_up.sequence + 1)
            batches = self._subscription.batches(MOST_EVENTS, LOOK_SECONDS, ["sequence"])
            for batch in batches:
                if batch.column(0)[-1].as_py() > self._catch_up.sequence:
                    yield from self._steps()
                if self._stopped:
                    return

    def _steps(self) -> Iterator[Step]:
        while not self._stopped:
            try:
                step = self._catch_up.step()
            except ClusterAway as error:
                self._catch_up.tell(f"{error}; it is tried again")
                time.sleep(PAUSE_SECONDS)
                continue
            if step is None:
                return
            yield step

    def stop(self) -> None:
        """End after the step that is under way, or at once when none is."""
        self._stopped = True
        self._subscription.stop()
