"""The documents of a view that are under embargo at a moment, as others that count them need them.

They are looked up once for a state of the index: until it takes a step, or the next embargo ends,
no search is made for them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from search.as_shown import AsShown, Touched, touched
from search.embargo import clock, later
from search.tallied import Tallied

if TYPE_CHECKING:
    from replay import Tally, View
    from search.answers import Searched
    from search.engine import Answer, Generation
    from search.query import Query

Key = tuple[int, int]


@dataclass(frozen=True)
class Hidden:
    """Documents that are under embargo from one moment on, until the first of them is not."""

    documents: Sequence[Mapping[str, Any]]
    since: datetime
    until: datetime | None
    """``None`` where none is hidden."""

    @classmethod
    def of(cls, dated: Iterable[tuple[Mapping[str, Any], str | None]], since: datetime) -> Hidden:
        """The hidden documents, of each its date."""
        documents, dates = zip(*dated, strict=True) if (dated := [*dated]) else ((), ())
        ends = min((datetime.fromisoformat(each) for each in dates if each), default=None)
        return cls(documents, since, ends)

    def holds(self, now: datetime) -> bool:
        """Whether the same documents are hidden at a moment."""
        return self.since <= now and (self.until is None or now < self.until)


class Hiding:
    """Finds the hidden documents of views for searches of the views that count them."""

    def __init__(self, views: Mapping[str, View], search: Callable[[Query], Answer]) -> None:
        self.views, self.search = views, search
        self._known: dict[str, tuple[Key, Hidden]] = {}
        self._touched: dict[str, tuple[Key, Hidden, Touched]] = {}

    def as_shown(self, query: Query, index: Searched) -> Searched:
        """The index as it is searched for a query: for readers without what is hidden."""
        tally = index.mapping.tally
        if query.embargoed or tally is None:
            return index
        now = query.now or clock()
        hidden = self.of(tally.of, now, index.metadata)
        if not hidden.documents:
            return index
        key = index.metadata.generation, index.metadata.sequence
        known = self._touched.get(index.metadata.view)
        if known is None or known[0] != key or known[1].documents != hidden.documents:
            before = None if known is None or known[0][0] != key[0] else known[2]
            known = key, hidden, self.made(index, tally, hidden, now, before)
            self._touched[index.metadata.view] = known
        return AsShown(index, known[2])

    def made(
        self, index: Searched, tally: Tally, hidden: Hidden, now: datetime, last: Touched | None
    ) -> Touched:
        """The documents in which hidden ones count, as they are shown.

        What the ``last`` ones had is taken from there where nothing changed: of many documents a
        step changes few.
        """
        tallied = Tallied(tally, hidden.documents, self.views[tally.of], self.search, now)
        before = {each["id"]: each for each in touched(index, tallied)}
        within = {key: tallied.versions_in(each) for key, each in before.items()}
        same = {key for key in before if last and last.has_still(before[key], within[key])}
        shown, completed = {}, {}
        for key, document in before.items():
            made = last.shown.get(key) if last and key in same else tallied.shown(document)
            if made is not None:
                shown[key] = made
            if last and key in same and key in last.completed:
                completed[key] = last.completed[key]
        in_memory = partial(indexed, index)
        return Touched(before, shown, in_memory, tallied.complete, within, completed)

    def of(self, view: str, now: datetime, searched: Generation) -> Hidden:
        """The hidden documents of a view, for a search of an index of another one.

        All live indexes take a step together, so that the index that is searched tells whether
        there was one.
        """
        key = searched.generation, searched.sequence
        known = self._known.get(searched.view)
        if known is not None and known[0] == key and known[1].holds(now):
            return known[1]
        declared = self.views.get(view)
        hits = later(view, now, self.search) if declared and declared.embargo else ()
        hidden = Hidden.of(((hit.document, hit.date) for hit in hits), now)
        self._known[searched.view] = key, hidden
        return hidden


def indexed(index: Searched, documents: Iterable[Mapping[str, Any]]) -> Searched:
    """An index in memory of few documents, which is searched as another one is."""
    from search.embedded.searched import in_memory

    return in_memory(index.metadata, replace(index.mapping, layout=0), documents)
