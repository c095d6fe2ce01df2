"""What both engines share: a query's limits, and the hit that is made of a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from search.engine import Hit
from search.errors import InvalidQuery, UnknownName
from search.highlight import Highlighter
from search.mapping import IndexMapping, values
from search.query import Limits, Query


def limits(query: Query, mapping: IndexMapping) -> Limits:
    """The filters and the range of dates of a query.

    Raises ``UnknownName`` for a filter or facet that the mapping lacks, ``InvalidQuery`` for dates
    where the documents have none.
    """
    for kind, names in (("filter", query.filters), ("facet", query.facets)):
        for name in names:
            if name not in mapping.filter_names:
                raise UnknownName(f"{query.view} {kind}", name, mapping.filter_names)
    first, last = query.dates()
    if mapping.date is None and (first is not None or last is not None):
        raise InvalidQuery(f"the documents of {query.view} have no date to search by")
    filters = {
        name: [value] if isinstance(value, str) else value
        for name, value in query.filters.items()
        if value
    }
    return Limits(filters, first, last)


def hit(
    score: float | None, document: dict[str, Any], mapping: IndexMapping, highlighter: Highlighter
) -> Hit:
    """The hit of a document, with matches marked in its title and in its other texts.

    A document without a title, or with a blank one, shows its id.
    """
    titles = (title for title in values(document, mapping.title) if title.strip())
    title = next(titles, document["id"])
    title_text = next((n for n, ps in mapping.text.items() if list(ps) == [mapping.title]), "")
    fragments = {
        name: fragment
        for name, paths in mapping.text.items()
        if name != title_text
        and (fragment := highlighter.fragment(_texts(document, paths), name)) is not None
    }
    marked_title = highlighter.whole(title, title_text)
    date = next(values(document, mapping.date), None) if mapping.date else None
    return Hit(document["id"], score, marked_title, fragments, document, date)


def _texts(document: object, paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        yield from values(document, path)
