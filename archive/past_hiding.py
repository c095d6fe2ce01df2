"""What an index of the past has of documents that were under embargo at its point.

    past/sections-250-9f8a01c2d4e65b70/hidden.jsonl   what was under embargo when it was recorded

The documents in which they count are computed from the log without them: the live index knows them
as they are now.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from event_log import dates
from search import Hidden, Hiding, Tallied, Touched, indexed, touched

if TYPE_CHECKING:
    from archive.archive import Archive
    from replay import Tally
    from search import Generation, Searched

FILE = "hidden.jsonl"
MOST = 32
"""Answers of ``shown_documents`` that a process keeps, for the pages of the same search."""
Documents = list[dict[str, Any]]
Key = tuple[Path, tuple[str, ...]]
"""The folder of an index of the past, and what is hidden in it."""
_made: dict[Key, Documents] = {}
_lock = threading.Lock()


def keep_hidden(archive: Archive, view: str, sequence: int, then: datetime, folder: Path) -> None:
    """Write what counts in a view and was under embargo, beside an index of the past."""
    tally = archive.views[view].tally
    if tally is None:
        return
    from archive.shown import hidden_documents  # it loads DuckDB; a search does without

    found = hidden_documents(archive, archive.views[tally.of], sequence, then)
    with (folder / FILE).open("wb") as file:
        file.writelines(orjson.dumps(each) + b"\n" for each in found)


class PastHiding(Hiding):
    """Finds what was hidden as of a sequence, and documents as they were shown then."""

    def __init__(self, archive: Archive, folder: Path) -> None:
        super().__init__(archive.views, archive.engine.search)
        self._archive, self._folder = archive, folder

    def of(self, view: str, now: datetime, searched: Generation) -> Hidden:  # noqa: ARG002
        """The documents that are dated after an instant, of those that were when recorded."""
        from archive.shown import date_of

        counted, instant = self.views[view], dates.microseconds(now)
        lines = (self._folder / FILE).read_bytes().splitlines()
        kept = [(each, date_of(each, counted)) for each in map(orjson.loads, lines)]
        later = [(each, at) for each, at in kept if at and dates.first_instant(at) > instant]
        return Hidden.of(later, now)

    def made(
        self,
        index: Searched,
        tally: Tally,
        hidden: Hidden,
        now: datetime,
        last: Touched | None,  # noqa: ARG002 - an index of the past takes no step
    ) -> Touched:
        """The documents in which hidden ones count, computed without them."""
        by = Tallied(tally, hidden.documents, self.views[tally.of], self.search, now)
        before = {each["id"]: each for each in touched(index, by)}
        key = self._folder, tuple(each["id"] for each in hidden.documents)
        made = _known(key, lambda: [*self._computed(index.metadata, [*before], now)])
        after = {each["id"]: each for each in made}
        return Touched(before, after, partial(indexed, index))

    def _computed(
        self, searched: Generation, keys: Sequence[str], now: datetime
    ) -> Iterable[dict[str, Any]]:
        from archive.shown import shown_documents

        view = self._archive.views[searched.view]
        return shown_documents(self._archive, view, searched.sequence, keys, now)


def _known(key: Key, compute: Callable[[], Documents]) -> Documents:
    """What was computed for a key; threads that ask at once may each compute it."""
    with _lock:
        known = _made.get(key)
    if known is None:
        known = compute()
        with _lock:
            _made[key] = known
            while len(_made) > MOST:
                del _made[next(iter(_made))]
    return known
