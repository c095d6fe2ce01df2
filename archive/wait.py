"""Reading one's own writes: waiting until what serves has come to a sequence."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from archive.standing import as_now, reason
from search import SearchError

if TYPE_CHECKING:
    from archive.archive import Archive

EVERY = 0.05
"""Seconds between two looks: a few small files, or one request to a cluster."""


class NotVisible(SearchError):
    """Not all views came to the sequence in time; ``seen`` has the seconds of those that did."""

    def __init__(self, seen: dict[str, float], late: Mapping[str, int]) -> None:
        which = ", ".join(f"{view} (at {sequence})" for view, sequence in late.items())
        super().__init__(f"not searchable yet: {which}; run stet catch-up or stet follow")
        self.seen = seen
        self.late = dict(late)


def wait(archive: Archive, sequence: int, timeout: float = 30.0) -> dict[str, float]:
    """Wait until every view serves this sequence; by view, the seconds after which it did.

    Somebody else must catch up: ``stet follow``, or ``stet catch-up``. Views that need a rebuild
    (``archive.standing``) are not waited for, and not in the answer. Raises ``NotVisible`` when
    some view is not there after ``timeout`` seconds.

    >>> import tempfile
    >>> from archive import Archive
    >>> wait(Archive(tempfile.mkdtemp()), 1)
    {}
    """
    built = as_now(archive.engine, archive.views)
    started = time.monotonic()
    seen: dict[str, float] = {}
    while True:
        serving = archive.engine.serving()
        passed = time.monotonic() - started
        late = {}
        for name in archive.views:
            now = serving.get(name)
            if name in seen or now is None or reason(built[name], now):
                continue
            if now.sequence >= sequence:
                seen[name] = round(passed, 3)
            else:
                late[name] = now.sequence
        if not late:
            return seen
        if passed >= timeout:
            raise NotVisible(seen, late)
        time.sleep(min(EVERY, max(0.0, timeout - passed)))
