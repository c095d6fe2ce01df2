"""The facets of a search page: fields of its form, each value with its count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.pages.hits import facet_names
from app.pages.search_state import State, filter_label, filter_value

if TYPE_CHECKING:
    from replay import View
    from search import Answer, Query

AT_FIRST, MOST = 7, 25
"""The values that are seen at first, and all that a page lists; the others are found by a text."""


@dataclass(frozen=True)
class Choice:
    """A value: the field of the form that chooses it, and the one that excludes it."""

    value: str
    count: int
    chosen: bool
    field: tuple[str, str]
    without: tuple[str, str]


@dataclass(frozen=True)
class Facet:
    """One filter: its values with counts, and those that are excluded."""

    name: str
    label: str
    choices: Sequence[Choice]
    at_first: int
    """How many of the choices are seen before more are asked for."""
    excluded: Sequence[tuple[str, tuple[str, str]]]
    find: str
    """The text that its values contain, if one is asked for."""
    long: bool


def asked_facets(view: View, state: State) -> list[str]:
    """The facets of a page: those of its view, and those that its address asks for."""
    return [*dict.fromkeys([*facet_names(view), *state.asked.facets, *state.asked.facet_text])]


def facets(
    view: View, state: State, query: Query, answer: Answer, search: Callable[[Query], Answer]
) -> list[Facet]:
    """The facets of an answer.

    The values of a filter that is set are counted without it: a page that narrows to one section
    shows how many hits the others have. A facet whose only value all hits have is left out.
    """
    made = []
    for name in asked_facets(view, state):
        counts = answer.facets.get(name, [])
        if name in state.asked.filters:
            others = {each: said for each, said in query.filters.items() if each != name}
            alone = {each: said for each, said in query.facet_text.items() if each == name}
            counts = search(
                replace(
                    query,
                    filters=others,
                    facets=(name,),
                    facet_text=alone,
                    histogram=None,
                    page=1,
                    size=0,
                    highlight=False,
                )
            ).facets.get(name, [])
        facet = _facet(name, counts, state)
        narrows = any(choice.chosen or choice.count < answer.total for choice in facet.choices)
        if narrows or facet.excluded or facet.find:
            made.append(facet)
    return made


def _facet(name: str, counts: Sequence[tuple[str, int]], state: State) -> Facet:
    chosen, excluded = state.asked.filters.get(name, []), state.asked.excluded.get(name, [])
    found = dict(counts)
    values = [value for value in dict.fromkeys([*chosen, *found]) if value not in excluded]
    seen = max(AT_FIRST, len(chosen))
    choices = [
        Choice(
            value,
            found.get(value, 0),
            value in chosen,
            filter_value(name, value),
            filter_value(name, value, "!"),
        )
        for value in values[: max(MOST, seen)]
    ]
    find = state.asked.facet_text.get(name, "")
    return Facet(
        name,
        filter_label(name),
        choices,
        seen,
        [(value, filter_value(name, value, "!")) for value in excluded],
        find,
        len(values) > AT_FIRST or bool(find),
    )
