"""What every engine does alike: what limits a query's hits, and what of a document a hit shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from search.engine import Hit
from search.errors import InvalidQuery, UnknownName
from search.highlight import Highlighter
from search.mapping import IndexMapping, values
from search.query import Limits, Query


def limits(query: Query, mapping: IndexMapping) -> Limits:
    """The query's filters and dates; names that the mapping does not know are refused."""
    for kind, names in (("filter", query.filters), ("facet", query.facets)):
        for name in names:
            if name not in mapping.filter_names:
                raise UnknownName(f"{query.view} {kind}", name, mapping.filter_names)
    first, last = query.dates()
    if mapping.date is None and (first is not None or last is not None):
        raise InvalidQuery(f"the documents of {query.view} have no date to search by")
    filters = {
        name: [wanted] if isinstance(wanted, str) else wanted
        for name, wanted in query.filters.items()
        if wanted
    }
    return Limits(filters, first, last)


def hit(
    score: float | None, document: dict[str, Any], mapping: IndexMapping, highlighter: Highlighter
) -> Hit:
    """A document that was found, with what matched in its title and in its other texts."""
    called = next(values(document, mapping.title), document["id"])
    titled = next((n for n, paths in mapping.text.items() if list(paths) == [mapping.title]), "")
    fragments = {
        name: fragment
        for name, paths in mapping.text.items()
        if name != titled
        and (fragment := highlighter.fragment(_texts(document, paths), name)) is not None
    }
    title = highlighter.whole(called, titled)
    date = next(values(document, mapping.date), None) if mapping.date else None
    return Hit(document["id"], score, title, fragments, document, date)


def _texts(document: object, paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        yield from values(document, path)
