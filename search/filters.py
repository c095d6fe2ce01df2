"""Filter values as readers write them: ``section=house`` means ``House``.

Case, accents and Unicode forms of a value do not matter where no document has it as it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Protocol

from search.analysis import words
from search.clauses import Clause, Filter, Parsed
from search.mapping import IndexMapping
from search.query import Limits

SUGGESTED = 3
"""The values that are named where a filter has no such value."""
ALIKE = 60
"""How alike a value must be to be named, of 100: twice the letters in common by all letters."""
MOST_RESOLVED = 100
"""Values of a query whose writing is looked up; those after them are taken as they are."""
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
        self._resolved_values = 0
        self._known = cache(self._known_values)
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
        return parsed.with_leaves(self._clause)

    def _clause(self, clause: Clause) -> Clause:
        if isinstance(clause, Filter):
            return Filter(clause.name, self._resolved(clause.name, clause.values))
        return clause

    def _resolved(self, name: str, values: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(found for value in values for found in self._meant(name, value)))

    def _meant(self, name: str, value: str) -> Iterator[str]:
        """The values that one means; itself if there is none."""
        self._resolved_values += 1
        looked_up = self._resolved_values <= MOST_RESOLVED and self._mapping.keyword(name) != "id"
        if not looked_up or self._index.has(name, value):
            yield value
            return
        known = self._known(name)
        alike = list(_alike(value, known))
        if not alike:
            nearest = ", ".join(_nearest(value, known))
            hint = f"; nearest: {nearest}" if nearest else ""
            self.notes.append(f"no {name} is {value!r}{hint}")
            yield value
        elif not value.endswith("*"):
            self.notes.append(f"{name} {value!r} is read as {' or '.join(map(repr, alike))}")
        yield from alike

    def _known_values(self, name: str) -> list[tuple[str, str]]:
        """All values of a filter, after what those that look alike have in common."""
        return with_keys(self._index.values(name))


def _alike(value: str, known: Iterable[tuple[str, str]]) -> Iterator[str]:
    if value.endswith("*") and value.strip("*"):
        beginning = _key(value.rstrip("*"))
        yield from (each for key, each in known if key.startswith(beginning))
        return
    key = _key(value)
    yield from (each for other, each in known if other == key)


def _nearest(value: str, known: Sequence[tuple[str, str]]) -> list[str]:
    """The values that are most like one that no document has; however many documents have each."""
    from rapidfuzz import fuzz, process

    keys = [key for key, _ in known[:COMPARED]]
    found = process.extract(_key(value), keys, scorer=fuzz.ratio, score_cutoff=ALIKE, limit=None)
    return [
        text
        for _, text in sorted((-score, known[place][1]) for _, score, place in found)[:SUGGESTED]
    ]


def _key(value: str) -> str:
    """What values that look alike have in common.

    >>> _key("São  Paulo") == _key("sao paulo")
    True
    """
    plain = value.translate(_WORDS).split() if value.isascii() else words(value)
    return " ".join(plain) or value.casefold()


_WORDS = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}
"""What ``words`` makes of ASCII, several times as fast: a facet may have 100,000 values."""


def with_keys(values: Iterable[str]) -> list[tuple[str, str]]:
    """Each value after what those that look alike have in common."""
    return [(_key(value), value) for value in values]


def containing(text: str, known: Iterable[tuple[str, str]]) -> list[str]:
    """The values of ``with_keys`` that contain a text; case and accents do not matter.

    >>> containing("ruiz a", with_keys(["Ruíz, Ana", "Ana Ruíz"]))
    ['Ruíz, Ana']
    """
    sought = _key(text)
    return [value for key, value in known if sought in key]
