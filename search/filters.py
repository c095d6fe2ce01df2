"""Filter values as readers write them: ``section=house`` means ``House``.

Case, accents and Unicode forms of a value do not matter where no document has it as it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Protocol

from search.analysis import words
from search.clauses import Clause, Either, Every, Filter, Group, Not, Parsed
from search.mapping import IndexMapping
from search.query import Limits

SUGGESTED = 3
"""The values that are named where a filter has no such value."""
COMPARED = 20_000
"""Values of a filter that are compared with one that no document has, at most."""


class Values(Protocol):
    """The values of an index's filters."""

    def has(self, name: str, value: str) -> bool:
        """Whether any document has this value of a filter."""

    def values(self, name: str) -> list[str]:
        """All values of a filter."""


class Resolving:
    """Finds the values that a query's filters mean; ``notes`` say which were not as written."""

    def __init__(self, index: Values, mapping: IndexMapping) -> None:
        self._index = index
        self._mapping = mapping
        self.notes: list[str] = []

    def limits(self, limits: Limits) -> Limits:
        """The limits with the values that are meant."""
        filters, excluded = (
            {name: self._resolved(name, values) for name, values in each.items()}
            for each in (limits.filters, limits.excluded)
        )
        return replace(limits, filters=filters, excluded=excluded)

    def parsed(self, parsed: Parsed) -> Parsed:
        """The parsed text with the values that are meant."""
        groups = tuple(
            Group(tuple(map(self._clause, group.clauses)), group.required)
            for group in parsed.groups
        )
        return replace(parsed, groups=groups, excluded=tuple(map(self._clause, parsed.excluded)))

    def _clause(self, clause: Clause) -> Clause:
        if isinstance(clause, Filter):
            return Filter(clause.name, self._resolved(clause.name, clause.values))
        if isinstance(clause, Every | Either):
            return replace(clause, clauses=tuple(map(self._clause, clause.clauses)))
        if isinstance(clause, Not):
            return Not(self._clause(clause.clause))
        return clause

    def _resolved(self, name: str, values: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(found for value in values for found in self._meant(name, value)))

    def _meant(self, name: str, value: str) -> Iterator[str]:
        """The values that one means; itself if there is none."""
        if self._index.has(name, value) or self._mapping.keyword(name) == "id":
            yield value
            return
        known = self._index.values(name)
        alike = list(_alike(value, known))
        if not alike:
            close = get_close_matches(_key(value), map(_key, known[:COMPARED]), SUGGESTED)
            nearest = ", ".join(k for key in close for k in known[:COMPARED] if _key(k) == key)
            hint = f"; nearest: {nearest}" if nearest else ""
            self.notes.append(f"no {name} is {value!r}{hint}")
            yield value
        elif not value.endswith("*"):
            self.notes.append(f"{name} {value!r} is read as {' or '.join(map(repr, alike))}")
        yield from alike


def _alike(value: str, known: Iterable[str]) -> Iterator[str]:
    if value.endswith("*") and value.strip("*"):
        beginning = _key(value.rstrip("*"))
        yield from (each for each in known if _key(each).startswith(beginning))
        return
    key = _key(value)
    yield from (each for each in known if _key(each) == key)


def _key(value: str) -> str:
    """What values that look alike have in common.

    >>> _key("São  Paulo") == _key("sao paulo")
    True
    """
    return " ".join(words(value)) or value.casefold()
