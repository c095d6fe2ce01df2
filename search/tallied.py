"""A document as it would be without the hidden documents of another view that count in it.

What can be taken out is taken out. Only a list that is cut may need more: what comes after the
items that it has is searched in the other view.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from search.mapping import values
from search.query import Query

if TYPE_CHECKING:
    from replay import Tally, View
    from search.engine import Answer

DAY = len("1912-04-15")


class Tallied:
    """Takes hidden documents out of the documents in which they count."""

    def __init__(
        self,
        tally: Tally,
        hidden: Sequence[Mapping[str, Any]],
        view: View,
        search: Callable[[Query], Answer],
        now: datetime,
    ) -> None:
        """``search`` is that of the engine which has ``view``, the one that is counted."""
        self.tally, self._view, self._search, self._now = tally, view, search, now
        self._by: dict[str, list[Mapping[str, Any]]] = {}
        for each in hidden:
            for key in dict.fromkeys(self._named(each)):
                self._by.setdefault(key, []).append(each)

    @property
    def keys(self) -> list[str]:
        """What the hidden documents name at the tally's path: the ids of others, or days."""
        return [*self._by]

    def hidden_in(self, document: dict[str, Any]) -> list[Mapping[str, Any]]:
        """The hidden documents that count in a document, each once."""
        found = {
            each["id"]: each
            for path in self.tally.ids
            for key in values(document, path)
            for each in self._by.get(key, ())
        }
        return [*found.values()]

    def versions_in(self, document: dict[str, Any]) -> list[tuple[str, int]]:
        """The ids and sequences of the hidden documents that count in a document."""
        return [(each["id"], each["sequence"]) for each in self.hidden_in(document)]

    def shown(self, document: dict[str, Any]) -> dict[str, Any] | None:
        """The document without what is hidden; its lists of cards may be too short.

        ``None`` if it is a day of which nothing is left.
        """
        hidden, tally = self.hidden_in(document), self.tally
        if not hidden:
            return document
        shown = dict(document)
        if tally.count is not None and shown.get(tally.count) is not None:
            shown[tally.count] = max(0, shown[tally.count] - len(hidden))
            if tally.days and not shown[tally.count]:
                return None
        for name, path in tally.counts.items():
            if name in shown:
                shown[name] = self._less(document, name, path, hidden)
        ids = {each["id"] for each in hidden}
        for name in tally.cards:
            shown[name] = [card for card in shown.get(name) or () if card["id"] not in ids]
        for name, path in tally.newest.items():
            shown[name] = self._newest(document, shown, path)
        return shown

    def complete(self, document: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
        """What is shown of a document, with full lists of cards."""
        lists = {name: self._cards(document, shown, name) for name in self.tally.cards}
        return {**shown, **lists}

    def _less(
        self, document: dict[str, Any], name: str, path: str, hidden: Iterable[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """A list of counts without what only hidden documents gave."""
        before = document[name] or []
        fewer = Counter(key for each in hidden for key in self._beside(document, each, path))
        left = [{**item, "count": item["count"] - fewer[item["id"]]} for item in before]
        left = sorted((item for item in left if item["count"] > 0), key=_most_first)
        most = self.tally.most.get(name)
        if most is None or len(before) < most:
            return left  # it was not cut, so it has all
        last = _most_first(before[-1])
        if len(left) == most and _most_first(left[-1]) <= last:
            return left
        return self._counted(document, name, path, most)

    def _beside(self, document: dict[str, Any], hidden: Mapping[str, Any], path: str) -> set[str]:
        """The ids that a hidden document counts for a document in one of its lists."""
        named = [*values(hidden, f"{path}.id")]
        if self.tally.together is not None and self.tally.by == f"{path}.id":
            named = [*dict.fromkeys(named[: self.tally.together])]
            if document["id"] not in named:
                return set()
        return {*named}

    def _counted(
        self, document: dict[str, Any], name: str, path: str, most: int
    ) -> list[dict[str, Any]]:
        """A list of counts that is cut, counted anew in the other view."""
        facet = self._filter(f"{path}.id")
        counts = self._search(self._query(document, facets=[facet])).facets[facet]
        known = {item["id"]: item for item in document[name]}
        others = [(key, count) for key, count in counts if key != document["id"]][:most]
        return [
            {**(known.get(key) or self._struct(document, name, path, key)), "count": count}
            for key, count in others
        ]

    def _struct(self, document: dict[str, Any], name: str, path: str, key: str) -> dict[str, Any]:
        """An item of a list of counts, of the struct with an id in any document that has it."""
        query = self._query(document, filters={self._filter(f"{path}.id"): [key]}, size=1)
        (hit,) = self._search(query).hits
        found = hit.document.get(path.partition(".")[0])
        structs = found if isinstance(found, list) else [found]
        struct = next(each for each in structs if each and each["id"] == key)
        return {field: struct.get(field) for field in document[name][0]}

    def _cards(
        self, document: dict[str, Any], shown: dict[str, Any], name: str
    ) -> list[dict[str, Any]]:
        """A list of cards; one that is cut is searched in the other view."""
        before, most = document.get(name) or [], self.tally.most.get(name)
        if most is None or len(before) < most or len(shown[name]) == len(before):
            return list(shown[name])
        fields = self.tally.cards[name]
        return [
            _card(hit.document, fields)
            for hit in self._search(self._query(document, size=most)).hits
        ]

    def _newest(self, document: dict[str, Any], shown: dict[str, Any], path: str) -> Any:
        """The date of the newest document that counts: the first in a list has it."""
        name = path.partition(".")[0]
        cards = shown[name] or self._cards(document, shown, name)
        return next(values(cards[0], path.partition(".")[2]), None) if cards else None

    def _query(self, document: dict[str, Any], **asked: Any) -> Query:
        """A search of the documents that count in a document and are not hidden."""
        keys = [key for path in self.tally.ids for key in values(document, path)]
        sort = "oldest" if self.tally.oldest_first else "newest"
        given = {"size": 0, "sort": sort, "highlight": False, "now": self._now, **asked}
        if self.tally.days:
            return Query("", self._view.name, date_from=keys[0], date_to=keys[0], **given)
        filters = {self._filter(self.tally.by): keys, **given.pop("filters", {})}
        return Query("", self._view.name, filters=filters, **given)

    def _filter(self, path: str) -> str:
        """The filter of the other view by a path, which every rebuild demands."""
        return next(name for name, of in self._view.filters.items() if of == path)

    def _named(self, hidden: Mapping[str, Any]) -> Iterable[str]:
        named = values(hidden, self.tally.by)
        return (key[:DAY] for key in named) if self.tally.days else named


def _most_first(item: Mapping[str, Any]) -> tuple[int, str]:
    return -item["count"], item["id"]


def _card(document: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """The fields of a document that a list shows of it.

    >>> _card({"id": "1", "in": {"id": "s", "of": "t"}, "more": 2}, ["id", "in.id"])
    {'id': '1', 'in': {'id': 's'}}
    """
    card: dict[str, Any] = {}
    for path in fields:
        name, _, rest = path.partition(".")
        value = document.get(name)
        if not rest or value is None:
            card[name] = value
        else:
            card[name] = {**card.get(name, {}), **_card(value, [rest])}
    return card
