"""Waiting until the live indexes have reached a sequence, to read one's own writes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from archive.standing import as_now, reason
from search import SearchError

if TYPE_CHECKING:
    from archive.archive import Archive

EVERY = 0.05
"""Seconds between two reads of the live generations: small files, or a request to a cluster."""


class NotVisible(SearchError):
    """Some views have not reached the sequence in time; ``seen`` has the seconds of the others."""

    def __init__(self, seen: dict[str, float], late: Mapping[str, int]) -> None:
        views = ", ".join(f"{view} (at {sequence})" for view, sequence in late.items())
        super().__init__(f"not searchable yet: {views}; run stet catch-up or stet follow")
        self.seen = seen
        self.late = dict(late)


def wait(archive: Archive, sequence: int, timeout: float = 30.0) -> dict[str, float]:
    """Wait until each view's live index has reached a sequence; returns the seconds by view.

    Another process must catch up: ``stet follow``, or ``stet catch-up``. Views that need a rebuild
    (``archive.standing``) are left out. Raises ``NotVisible`` when some view has not reached the
    sequence after ``timeout`` seconds.

    >>> import tempfile
    >>> from archive import Archive
    >>> wait(Archive(tempfile.mkdtemp()), 1)
    {}
    """
    current = as_now(archive.engine, archive.views)
    started = time.monotonic()
    seen: dict[str, float] = {}
    while True:
        live = archive.engine.serving()
        passed = time.monotonic() - started
        late = {}
        for name in archive.views:
            generation = live.get(name)
            if name in seen or generation is None or reason(current[name], generation):
                continue
            if generation.sequence >= sequence:
                seen[name] = round(passed, 3)
            else:
                late[name] = generation.sequence
        if not late:
            return seen
        if passed >= timeout:
            raise NotVisible(seen, late)
        time.sleep(min(EVERY, max(0.0, timeout - passed)))
