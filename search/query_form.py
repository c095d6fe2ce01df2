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
    for what, texts in (
        ("a facet", query.facets),
        ("an id", query.ids),
        ("an excluded id", query.excluded_ids),
    ):
        for text in _several(what, texts):
            _text(what, text)
    _check_facet_text(query)
    for what, number in (("page", query.page), ("size", query.size)):
        if not isinstance(number, int) or isinstance(number, bool):
            raise InvalidQuery(f"{what}: {_told(number)} is no whole number")


def _check_facet_text(query: Query) -> None:
    if not isinstance(query.facet_text, Mapping):
        raise InvalidQuery(
            f"facet_text is a mapping of facets to texts, not {_told(query.facet_text)}"
        )
    for name, text in query.facet_text.items():
        _text("the name of a facet", name)
        _text(f"facet {name}: its text", text)
        if name not in query.facets:
            raise InvalidQuery(
                f"facet_text has a text for {name!r}, which is none of the facets; add it to them"
            )


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
