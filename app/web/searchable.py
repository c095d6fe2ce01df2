"""When an event is searchable: any number of requests wait, and the engine is asked once for all.

A request that waits holds no thread: 50 editors who wait for their receipts leave all threads to
those who search.
"""

from __future__ import annotations

import threading
import time
from asyncio import sleep
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.web.problems import Problem, WrongField

if TYPE_CHECKING:
    from app.web.site import Site

EVERY = 0.05
"""Seconds between two looks at what is live."""
MOST_SECONDS = 30.0


class Reached:
    """The sequence of each view's live index, read at most every ``EVERY`` seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = -EVERY
        self._sequences: dict[str, int] = {}

    async def sequences(self, site: Site) -> dict[str, int]:
        """By view, the sequence of its live index; views that are not built have none."""
        if time.monotonic() - self._read_at >= EVERY:
            return await site.work.run(self._read, site)
        return self._sequences

    def _read(self, site: Site) -> dict[str, int]:
        with self._lock:
            if time.monotonic() - self._read_at >= EVERY:
                live = site.archive.engine.serving()
                self._sequences = {name: each.sequence for name, each in live.items()}
                self._read_at = time.monotonic()
            return self._sequences


async def wait(
    site: Site, reached: Reached, sequence: int, views: Sequence[str], timeout: float
) -> tuple[dict[str, float], dict[str, int]]:
    """Wait until views have a sequence: the seconds by view, and where those are that are late."""
    started = time.monotonic()
    seen: dict[str, float] = {}
    while True:
        at = await reached.sequences(site)
        passed = time.monotonic() - started
        for view in views:
            if view not in seen and at.get(view, 0) >= sequence:
                seen[view] = round(passed, 3)
        late = {view: at.get(view, 0) for view in views if view not in seen}
        if not late or passed >= timeout:
            return seen, late
        await sleep(min(EVERY, timeout - passed))


def views_to_wait_for(site: Site, said: str | None) -> list[str]:
    """The views that ``?wait=articles,topics`` names; raises ``Problem`` 422 for an unknown one."""
    from search import UnknownName

    names = [name.strip() for name in (said or "").split(",") if name.strip()]
    for name in names:
        try:
            site.archive.view(name)
        except UnknownName as error:
            raise Problem(422, f"wait: {error}", [WrongField("wait", str(error))]) from None
    return list(dict.fromkeys(names))
