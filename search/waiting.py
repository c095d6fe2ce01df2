"""Reading one's own writes: waiting until what serves has come to a sequence."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from search import open_engine
from search.errors import SearchError
from views import VIEWS, View

if TYPE_CHECKING:
    from search.engine import Engine, Generation

EVERY = 0.05
"""Seconds between two looks: a few small files, or one request to a cluster."""


class NotVisible(SearchError):
    """Not all views came to the sequence in time; ``seen`` has the seconds of those that did."""

    def __init__(self, seen: dict[str, float], late: Mapping[str, int]) -> None:
        which = ", ".join(f"{view} (at {sequence})" for view, sequence in late.items())
        super().__init__(f"not searchable yet: {which}; run stet catch-up or stet follow")
        self.seen = seen
        self.late = dict(late)


def needs_rebuild(engine: Engine, known: Mapping[str, View] = VIEWS) -> dict[str, str]:
    """The views that no catching up brings forward, and in a few words why."""
    serving = engine.serving()
    return {name: why for name in known if (why := _stuck(known[name], serving.get(name)))}


def _stuck(view: View, serving: Generation | None) -> str:
    if serving is None:
        return "nothing serves yet"
    if serving.code_version != view.code_version:
        return f"code version {serving.code_version} serves, the code is {view.code_version}"
    return ""


def wait(
    home: Path | str,
    sequence: int,
    timeout: float = 30.0,
    engine: Engine | None = None,
    known: Mapping[str, View] = VIEWS,
) -> dict[str, float]:
    """Wait until every view serves this sequence; by view, the seconds after which it did.

    Somebody else must catch up: ``stet follow``, or ``stet catch-up``. Views that need a rebuild
    (``needs_rebuild``) are not waited for, and not in the answer. Raises ``NotVisible`` when some
    view is not there after ``timeout`` seconds.

    >>> import tempfile
    >>> wait(tempfile.mkdtemp(), 1)
    {}
    """
    engine = engine or open_engine(home)
    started = time.monotonic()
    seen: dict[str, float] = {}
    while True:
        serving = engine.serving()
        passed = time.monotonic() - started
        late = {}
        for name in known:
            now = serving.get(name)
            if name in seen or now is None or _stuck(known[name], now):
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
