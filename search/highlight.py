"""What of a text matched: fragments as HTML, in which nothing but ``<mark>`` is markup."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from html import escape

from search.english import folded, words
from search.syntax import Clause, Phrase, Prefix, Word

LENGTH = 200
"""About how many characters a fragment has."""
BEFORE = 60
"""How many of them come before the first match."""

Span = tuple[int, int]
Stem = Callable[[str], Sequence[str]]


class Highlighter:
    """Marks what the clauses of a query match. ``stem`` gives the stems of a text's words."""

    def __init__(self, clauses: Iterable[Clause], stem: Stem) -> None:
        self._clauses = tuple(clauses)
        self._stem = stem
        self._patterns: dict[str, tuple[re.Pattern[str] | None, frozenset[str]]] = {}
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
        if name not in self._patterns:
            self._patterns[name] = self._pattern(name)
        pattern, stems = self._patterns[name]
        if pattern is None:
            return []
        plain = folded(text)
        return [
            match.span()
            for match in pattern.finditer(plain)
            if match.lastgroup != "maybe" or self._fits(match[0].lower(), name, stems)
        ]

    def _fits(self, word: str, name: str, stems: frozenset[str]) -> bool:
        known = self._known.get((name, word))
        if known is None:
            known = self._known[name, word] = not stems.isdisjoint(self._stem(word))
        return known

    def _pattern(self, name: str) -> tuple[re.Pattern[str] | None, frozenset[str]]:
        """A pattern for what may match, and the stems that a word of the group ``maybe`` needs."""
        surely: list[str] = []
        stems: set[str] = set()
        for clause in self._clauses:
            if clause.field not in (None, name):
                continue
            if isinstance(clause, Word) and (found := self._stem(clause.text)):
                stems.update(found)
            else:
                surely.append(_literally(clause))
        surely.sort(key=len, reverse=True)
        kinds = [f"(?P<surely>{'|'.join(surely)})"] if surely else []
        if stems:
            begins = sorted({_beginning(stem) for stem in stems})
            kinds.append(rf"(?P<maybe>(?:{'|'.join(begins)})[^\W_]*|[^\W_]*[^\W_\x00-\x7f][^\W_]*)")
        if not kinds:
            return None, frozenset()
        return re.compile(rf"(?<![^\W_])(?:{'|'.join(kinds)})", re.IGNORECASE), frozenset(stems)


def _literally(clause: Clause) -> str:
    """A pattern for these very words, one after the other."""
    found = [re.escape(word) for word in words(clause.text)]
    *before, last = found
    if isinstance(clause, Prefix):
        # Only the last word goes on; what stands before it may stand anywhere.
        return "|".join([*(rf"{word}(?![^\W_])" for word in before), rf"{last}[^\W_]*"])
    assert isinstance(clause, Phrase | Word)  # noqa: S101 - for the type checker
    return r"[\W_]+".join(found) + r"(?![^\W_])"


def _beginning(stem: str) -> str:
    """What every word of a stem begins with: stemming changes ends, and short words more."""
    return re.escape(stem[:3] if len(stem) > 3 else stem[:1])


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
