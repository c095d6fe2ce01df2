"""What of a text matched: fragments as HTML, in which nothing but ``<mark>`` is markup."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from html import escape

from search.english import folded, words
from search.syntax import Clause, Prefix, Word

LENGTH = 200
"""About how many characters a fragment has."""
BEFORE = 60
"""How many of them come before the first match."""

Span = tuple[int, int]
Stem = Callable[[str], Sequence[str]]


_FOREIGN = re.compile(r"[^\W_\x00-\x7f]")
"""A letter that is not ASCII even without its accent: the engine may read it in another way."""


class Highlighter:
    """Marks what the clauses of a query match. ``stem`` gives the stems of a text's words."""

    def __init__(self, clauses: Iterable[Clause], stem: Stem) -> None:
        self._clauses = tuple(clauses)
        self._stem = stem
        self._patterns: dict[tuple[str, bool], re.Pattern[str] | None] = {}
        self._stems: dict[str, frozenset[str]] = {}
        self._known: dict[tuple[str, str], bool] = {}

    def whole(self, text: str, name: str) -> str:
        """The whole text."""
        return _html(text, 0, len(text), self._spans(text, name))

    def fragment(self, values: Iterable[str], name: str) -> str | None:
        """The piece with the most matches, of the first of the values that has any."""
        for text in values:
            if spans := self._spans(text, name):
                start, end = _densest(text, spans)
                return _html(text, start, end, spans)
        return None

    def _spans(self, text: str, name: str) -> list[Span]:
        plain = folded(text)
        lowered = plain.lower()
        if len(lowered) == len(plain):  # each letter at its place, as almost always
            plain = lowered
        foreign = not plain.isascii() and _FOREIGN.search(plain) is not None
        if (name, foreign) not in self._patterns:
            self._patterns[name, foreign] = self._pattern(name, foreign)
        pattern = self._patterns[name, foreign]
        if pattern is None:
            return []
        return [
            match.span()
            for match in pattern.finditer(plain)
            if match.lastgroup != "maybe" or self._fits(match[0], name)
        ]

    def _fits(self, word: str, name: str) -> bool:
        known = self._known.get((name, word))
        if known is None:
            known = not self._stems[name].isdisjoint(self._stem(word))
            self._known[name, word] = known
        return known

    def _pattern(self, name: str, foreign: bool) -> re.Pattern[str] | None:
        """A pattern for what matches, and, as the group ``maybe``, for what has to be stemmed."""
        surely: list[str] = []
        stems: set[str] = set()
        for clause in self._clauses:
            if clause.field not in (None, name):
                continue
            if isinstance(clause, Word) and (found := self._stem(clause.text)):
                stems.update(found)
            else:
                surely.append(_literally(clause))
        self._stems[name] = frozenset(stems)
        surely.sort(key=len, reverse=True)
        kinds = [f"(?P<surely>{'|'.join(surely)})"] if surely else []
        maybe = [f"{_begun(start)}[^\\W_]*" for start in sorted({_beginning(s) for s in stems})]
        if stems and foreign:
            maybe.append(r"(?<![^\W_])[^\W_]*[^\W_\x00-\x7f][^\W_]*")
        kinds += [f"(?P<maybe>{'|'.join(maybe)})"] if maybe else []
        return re.compile("|".join(kinds)) if kinds else None


def _begun(start: str) -> str:
    """A pattern for a word's beginning. What it begins with comes first: that is found fast."""
    return rf"{re.escape(start)}(?<![^\W_]{re.escape(start)})"


def _literally(clause: Clause) -> str:
    """A pattern for these very words, one after the other."""
    *before, last = words(clause.text)
    if isinstance(clause, Prefix):
        # Only the last word goes on; what stands before it may stand anywhere.
        return "|".join([*(rf"{_begun(w)}(?![^\W_])" for w in before), rf"{_begun(last)}[^\W_]*"])
    first, *others = [*before, last]
    return r"[\W_]+".join([_begun(first), *map(re.escape, others)]) + r"(?![^\W_])"


def _beginning(stem: str) -> str:
    """What every word of a stem begins with: stemming changes ends, and short words more."""
    return stem[:3] if len(stem) > 3 else stem[:1]


def _densest(text: str, spans: list[Span]) -> Span:
    """Where the piece begins and ends that has the most matches."""
    if len(text) <= LENGTH:
        return 0, len(text)
    reach = LENGTH - BEFORE
    counts = [sum(first <= other[1] <= first + reach for other in spans) for first, _ in spans]
    first = spans[counts.index(max(counts))][0]
    start = max(0, min(first - BEFORE, len(text) - LENGTH))
    if start:
        gap = text.find(" ", start, first)
        start = start if gap < 0 else gap + 1
    end = min(len(text), max(start + LENGTH, next(e for s, e in spans if s == first)))
    if end < len(text):
        gap = text.rfind(" ", first, end)
        end = gap if gap > max(e for s, e in spans if s == first) else end
    return start, end


def _html(text: str, start: int, end: int, spans: list[Span]) -> str:
    pieces: list[str] = []
    place = start
    for first, last in spans:
        if first < place or last > end:
            continue
        pieces += [escape(text[place:first]), "<mark>", escape(text[first:last]), "</mark>"]
        place = last
    return "".join([*pieces, escape(text[place:end])])
