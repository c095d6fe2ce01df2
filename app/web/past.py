"""Searches of the past: the first as of a point builds an index, which only few may do at a time.

What is built already is searched by anybody at any time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.web.problems import Problem
from app.web.rate import Rate

if TYPE_CHECKING:
    from app.web.identity import Identity
    from archive import Archive

AN_HOUR = 3600
RETRY_SECONDS = 5
"""When a client may try again while another index is built."""


class Past:
    """Who may have an index of the past built, in one process of a server."""

    def __init__(self, an_hour: int) -> None:
        """``an_hour`` is how many one reader may have built in an hour; 0 for any number."""
        self._an_hour = an_hour
        self._rate = Rate(an_hour, AN_HOUR)
        self._building = threading.Lock()

    @contextmanager
    def searched(self, archive: Archive, view: str, at: str, identity: Identity) -> Iterator[None]:
        """Within ``with`` a view may be searched as of a point.

        Raises ``Problem`` 503 while another index is built, and 429 for a reader who had too many
        built; both say when to try again.
        """
        from archive import is_ready_at

        if is_ready_at(archive, view, at, not identity.edits):
            yield
            return
        if not self._building.acquire(blocking=False):
            raise Problem(
                503,
                f"an index of {view} as of {at} is needed, and another one is being built; try"
                f" again in {RETRY_SECONDS} seconds",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        try:
            if not identity.edits and (seconds := self._rate.wait(identity.client)):
                raise Problem(
                    429,
                    f"more than {self._an_hour:,} indexes of the past were built for you within an"
                    f" hour; try again in {seconds:,} seconds, or search as of a point that"
                    " was searched before",
                    headers={"Retry-After": str(seconds)},
                )
            yield
        finally:
            self._building.release()
