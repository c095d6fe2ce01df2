"""An index searched as if what is hidden were in none of its documents.

The few documents in which hidden documents of another view count are left out of the index's
answer. In their place stand those that an index in memory finds, which has them as they are shown.
So no text, filter, facet, date or order tells of what is hidden.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from event_log import dates
from search.clauses import Parsed
from search.mapping import YEAR, IndexMapping, values
from search.query import Limits, Query

if TYPE_CHECKING:
    from search.answers import Found, Searched
    from search.engine import Generation
    from search.tallied import Tallied

Hits = Sequence[tuple[float | None, dict[str, Any]]]
AT_ONCE = 1_000
FACET_VALUES = 100
EVERYTHING = Parsed(everything=True)


@dataclass(frozen=True)
class Touched:
    """The documents of an index in which hidden ones count: as they are, and as they are shown."""

    before: Mapping[str, dict[str, Any]]
    shown: Mapping[str, dict[str, Any]]
    indexed: Callable[[Iterable[dict[str, Any]]], Searched]
    """Makes an index of documents, which keeps nothing of them but their ids."""
    complete: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] = lambda _, shown: shown
    """Completes one that is on a page, of what it is and of what is shown of it."""
    hidden: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """By document, which hidden ones count in it, each with its version."""
    completed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Those that were on a page."""

    def has_still(self, document: dict[str, Any], hidden: Sequence[Any]) -> bool:
        """Whether a document is shown as it was: it is the same, and the same count in it."""
        key = document["id"]
        return self.hidden.get(key) == hidden and self.before.get(key) == document

    def whole(self, document: dict[str, Any]) -> dict[str, Any]:
        """A document that is shown on a page; one that nothing hidden touches is whole."""
        key = document["id"]
        if key not in self.before:
            return document
        if key not in self.completed:
            self.completed[key] = self.complete(self.before[key], document)
        return self.completed[key]

    @cached_property
    def index(self) -> Searched:
        """An index of those that are shown."""
        return self.indexed(self.shown.values())

    @cached_property
    def index_before(self) -> Searched:
        """An index of the same documents as they are."""
        return self.indexed(self.before.values())

    @cached_property
    def ids(self) -> list[str]:
        """The ids of all of them, also of those that are not shown."""
        return [*self.before]

    def gone(self, name: str) -> frozenset[str]:
        """The values of a filter that documents have, but none of them as it is shown."""
        mapping = self.index.mapping
        before, after = (
            {value for each in documents.values() for value in _filtered(each, mapping, name)}
            for documents in (self.before, self.shown)
        )
        return frozenset(before - after)


def touched(index: Searched, tallied: Tallied) -> Iterator[dict[str, Any]]:
    """The documents of an index in which hidden ones count."""
    keys = tallied.keys
    for path in tallied.tally.ids:
        names = [name for name, of in index.mapping.filters.items() if of == path]
        for first in range(0, len(keys), AT_ONCE):
            some = keys[first : first + AT_ONCE]
            limits = Limits(ids=some) if path == "id" else Limits({names[0]: some})
            yield from _all(index, limits)


def _all(index: Searched, limits: Limits) -> Iterator[dict[str, Any]]:
    """All documents within limits."""
    query, total, page = Query("", index.metadata.view, size=AT_ONCE, highlight=False), 1, 0
    while page * AT_ONCE < total:
        page += 1
        found = index.find(replace(query, page=page), EVERYTHING, True, limits)
        total = found.total
        yield from (document for _, document in found.hits)


class AsShown:
    """An index, as answering needs it, without what is hidden."""

    def __init__(self, index: Searched, of: Touched) -> None:
        self._index, self._touched = index, of

    @property
    def metadata(self) -> Generation:
        """What the index was built from."""
        return self._index.metadata

    @property
    def mapping(self) -> IndexMapping:
        """The searchable parts of its documents."""
        return self._index.mapping

    def find(self, query: Query, parsed: Parsed, every: bool, limits: Limits) -> Found:
        """The page of the documents that match as they are shown."""
        whole = replace(query, page=1, size=max(1, len(self._touched.shown)))
        beside = self._touched.index.find(whole, parsed, every, limits)
        others = replace(limits, excluded_ids=[*limits.excluded_ids, *self._touched.ids])
        last = query.offset + query.size
        first, rest = max(0, query.offset - beside.total), query.size and beside.total
        found = self._between(first, last if query.size else first, query, parsed, every, others)
        hits = found.hits
        if rest:
            scored = query.sort == "relevance" and parsed.scored
            if scored:
                scores = self._scores(beside.hits, parsed, every, limits)
            else:
                scores = {document["id"]: None for _, document in beside.hits}
            added = [(score, self._touched.shown[key]) for key, score in scores.items()]
            merged = sorted([*hits, *added], key=lambda hit: self._order(hit, query, scored))
            hits = merged[query.offset - first :][: query.size]
        return replace(
            found,
            total=found.total + beside.total,
            hits=[(score, self._touched.whole(document)) for score, document in hits],
            facets={
                name: _most_frequent(pairs, beside.facets.get(name, ()))
                for name, pairs in found.facets.items()
            },
            histogram=sorted(_summed(found.histogram, beside.histogram).items()),
        )

    def _between(
        self, first: int, last: int, query: Query, parsed: Parsed, every: bool, limits: Limits
    ) -> Found:
        """What is found, with the hits from one place to another, of one page or of two."""
        size = last - first
        page = first // size if size else 0
        asked = replace(query, page=page + 1, size=size)
        found = self._index.find(asked, parsed, every, limits)
        hits = [*found.hits]
        if size and first % size:
            after = replace(asked, page=page + 2, facets=(), facet_text={}, histogram=None)
            hits += self._index.find(after, parsed, every, limits).hits
        return replace(found, hits=hits[first - page * size :][:size])

    def _scores(
        self, hits: Hits, parsed: Parsed, every: bool, limits: Limits
    ) -> dict[str, float | None]:
        """What the documents score as they are shown.

        Scores of two indexes cannot be compared: the words of their texts are not as frequent. So
        what a document scores in the index itself is changed as much as it is in memory. How
        frequent a word is counts what is hidden as well, as it does among articles.
        """
        scores = {document["id"]: score for score, document in hits}
        within = replace(limits, ids=[*scores])
        query = Query("", self.metadata.view, size=len(scores), highlight=False)
        index, before = (
            {each["id"]: score for score, each in of.find(query, parsed, every, within).hits}
            for of in (self._index, self._touched.index_before)
        )
        return {
            key: (index.get(key) or 0) * score / was
            if score and (was := before.get(key))
            else score
            for key, score in scores.items()
        }

    def _order(self, hit: tuple[float | None, dict[str, Any]], query: Query, scored: bool) -> Any:
        """Where a hit stands among others, as the engines order them."""
        score, document = hit
        key = document["id"]
        if scored:
            digest = hashlib.md5(key.encode(), usedforsecurity=False).digest()
            return -(score or 0.0), int.from_bytes(digest[8:], "little")
        if query.sort == "relevance" or not self.mapping.date:
            return key
        instant = _instant(document, self.mapping)
        if instant is None:
            return 1, 0, key
        return 0, -instant if query.sort == "newest" else instant, key

    def pruned(self, parsed: Parsed) -> Parsed:
        """The parsed text without other forms of words that are known to be in no document."""
        return self._index.pruned(parsed)

    def has(self, name: str, value: str) -> bool:
        """Whether any document has this value of a filter, as it is shown."""
        if value not in self._touched.gone(name):
            return self._index.has(name, value)
        query = Query("", self.metadata.view, size=0, highlight=False)
        limits = Limits({name: [value]}, excluded_ids=self._touched.ids)
        return self._index.find(query, EVERYTHING, True, limits).total > 0

    def values(self, name: str) -> list[str]:
        """All values of a filter."""
        gone = self._touched.gone(name)
        known = self._index.values(name)
        return [value for value in known if value not in gone or self.has(name, value)]

    def similar(self, words: Sequence[str]) -> Mapping[str, Sequence[tuple[str, int]]]:
        """By word that no text has: similar words of the texts, and how many documents have each.

        A word that only what is hidden has may be among them: what is suggested finds something.
        """
        return self._index.similar(words)


def _filtered(document: dict[str, Any], mapping: IndexMapping, name: str) -> Iterator[str]:
    """The values that a document has of a filter."""
    if name in mapping.filters:
        yield from values(document, mapping.filters[name])
    elif name == YEAR and mapping.date:
        yield from (date[:4] for date in values(document, mapping.date))


def _instant(document: dict[str, Any], mapping: IndexMapping) -> int | None:
    date = next(values(document, mapping.date or ""), None)
    return None if date is None else dates.first_instant(date)


def _summed(*counted: Iterable[tuple[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for pairs in counted:
        total.update(dict(pairs))
    return total


def _most_frequent(*counted: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Counts of the same facet added, the most frequent values first."""
    ordered = sorted(_summed(*counted).items(), key=lambda pair: (-pair[1], pair[0]))
    return ordered[:FACET_VALUES]
