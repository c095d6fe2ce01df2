"""The form of a query's values, checked before any engine sees them: what is no text is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from search.errors import InvalidQuery

if TYPE_CHECKING:
    from search.query import Query


def check_form(query: Query) -> None:
    """Raise ``InvalidQuery`` for a value of another type, or a text that is not Unicode."""
    _text("the text", query.text)
    _text("the view", query.view)
    for kind, filters in (("filter", query.filters), ("excluded filter", query.excluded)):
        if not isinstance(filters, Mapping):
            raise InvalidQuery(f"{kind}s are a mapping of names to values, not {_told(filters)}")
        for name, values in filters.items():
            _text(f"the name of a {kind}", name)
            for value in _several(f"{kind} {name}", values):
                if not isinstance(value, date):  # of the documents' date, which is checked later
                    _text(f"{kind} {name}", value)
    for name in _several("facets", query.facets):
        _text("a facet", name)
    for what, number in (("page", query.page), ("size", query.size)):
        if not isinstance(number, int) or isinstance(number, bool):
            raise InvalidQuery(f"{what}: {_told(number)} is no whole number")


def _several(what: str, values: Any) -> Sequence[Any]:
    """The values of a filter: one text is one value."""
    if isinstance(values, str | date) or values is None:
        return [values] if values else []
    if isinstance(values, Mapping | bytes) or not hasattr(values, "__iter__"):
        raise InvalidQuery(f"{what}: {_told(values)} is no text and no list of texts")
    return list(values)


def _text(what: str, value: Any) -> None:
    if not isinstance(value, str):
        raise InvalidQuery(f"{what}: {_told(value)} is no text; write {str(value)!r}")
    if not value.isascii() and value.encode(errors="ignore").decode() != value:
        raise InvalidQuery(f"{what}: {value!a} has bytes that are no characters; write it in UTF-8")


def _told(value: Any) -> str:
    return f"{value!r:.60} ({type(value).__name__})"
