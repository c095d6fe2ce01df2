"""Highlighting: the matches in a text as HTML, in which ``<mark>`` is the only markup."""

from __future__ import annotations

import fnmatch
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from html import escape
from itertools import groupby, pairwise
from unicodedata import category, normalize

from search.analysis import pattern_of, words
from search.clauses import Clause, Pattern, Phrase, Prefix, TextClause, Word, leaves
from search.normalizing import is_unspaced, is_unusual, normalized_with_places

LENGTH = 200
"""Characters of a fragment, approximately."""
BEFORE = 60
"""Characters of a fragment before its first match."""
LONGEST = 100
"""Letters of the longest word in which a pattern's match is marked."""

Span = tuple[int, int]
Stem = Callable[[str], Sequence[str]]


_ACCENTED = re.compile("[\u00c0-\u017e]")
_PLAIN = {
    letter: base
    for letter in map(chr, range(0xC0, 0x17F))
    if (base := normalize("NFD", letter)[0]).isascii()
}
_OTHER_LETTER = re.compile(r"[^\W_\x00-\x7f]")
"""A letter that is not ASCII even without its accent: the engine may fold it differently."""


class Highlighter:
    """Marks the matches of a query's clauses. ``stem`` returns the stems of a text's words."""

    def __init__(self, clauses: Iterable[Clause], stem: Stem) -> None:
        self._clauses = tuple(leaf for clause in clauses for leaf in leaves(clause))
        self._named = {clause.field for clause in self._clauses}
        self._stem = stem
        self._patterns: dict[tuple[str, bool], re.Pattern[str] | None] = {}
        self._stems: dict[str, frozenset[str]] = {}
        self._globs: dict[str, re.Pattern[str] | None] = {}
        self._matches: dict[tuple[str, str], bool] = {}

    def whole(self, text: str, name: str) -> str:
        """The whole text ``name`` with its matches marked."""
        return _html(text, 0, len(text), self._spans(text, name))

    def fragment(self, values: Iterable[str], name: str) -> str | None:
        """The part with the most matches, of the first value that has any; None if none has."""
        if not self._clauses:  # the values need not be read
            return None
        for text in values:
            if spans := self._spans(text, name):
                start, end = _densest(text, spans)
                return _html(text, start, end, spans)
        return None

    def _spans(self, text: str, name: str) -> list[Span]:
        """Where the matches are in a text, in order. No span cuts a letter from its accents."""
        if not is_unusual(text):
            return self._plain_spans(_folded(text), name)
        plain, places = normalized_with_places(text)
        spans = self._plain_spans(_folded(plain), name)
        return [(places[start][0], places[end - 1][1]) for start, end in spans]

    def _plain_spans(self, plain: str, name: str) -> list[Span]:
        lowered = plain.lower()
        if len(lowered) == len(plain):  # so spans in it are spans in the text, as almost always
            plain = lowered
        foreign = not plain.isascii() and _is_foreign(plain)
        if name not in self._named:
            name = ""  # no clause is about this text alone, so that all such have one pattern
        if (name, foreign) not in self._patterns:
            self._patterns[name, foreign] = self._pattern(name, foreign)
        pattern = self._patterns[name, foreign]
        if pattern is None:
            return []
        return [
            match.span()
            for match in pattern.finditer(plain)
            if match.lastgroup != "maybe" or self._stem_matches(match[0], name)
        ]

    def _stem_matches(self, word: str, name: str) -> bool:
        matches = self._matches.get((name, word))
        if matches is None:
            globs = self._globs[name]
            matches = globs is not None and globs.match(word) is not None
            matches = matches or not self._stems[name].isdisjoint(self._stem(word))
            self._matches[name, word] = matches
        return matches

    def _pattern(self, name: str, foreign: bool) -> re.Pattern[str] | None:
        """A pattern for exact matches and, as its group ``maybe``, for words to be stemmed first.

        None when no clause searches this text.
        """
        surely: list[str] = []
        stems: set[str] = set()
        globs: list[str] = []
        for clause in self._clauses:
            if clause.field not in (None, name):
                continue
            if isinstance(clause, Pattern):
                globs.append(pattern_of(clause.text, "*", "?"))
            elif isinstance(clause, Word) and (word_stems := self._stem(clause.text)):
                stems.update(stem for stem in word_stems if not is_unspaced(stem))
                surely += _unspaced(clause.text)
            else:
                surely.append(_exactly(clause))
        self._stems[name] = frozenset(stems)
        self._globs[name] = re.compile("|".join(map(fnmatch.translate, globs))) if globs else None
        surely.sort(key=len, reverse=True)
        kinds = [f"(?P<surely>{'|'.join(surely)})"] if surely else []
        starts = sorted({_stem_start(stem) for stem in stems})
        maybe = [_foreign_word()] if stems and foreign else []
        if globs:
            maybe.append(rf"(?<![^\W_])[^\W_]{{1,{LONGEST}}}(?![^\W_])")
        maybe += [f"{_word_start(start)}[^\\W_]*" for start in starts]
        kinds += [f"(?P<maybe>{'|'.join(maybe)})"] if maybe else []
        return re.compile("|".join(kinds)) if kinds else None


@lru_cache(maxsize=1)
def _marks() -> str:
    """A class of the combining marks, such as vowel signs, which belong to a word's letters."""
    marks = {code for code in range(0x300, 0x10000) if category(chr(code)) in ("Mn", "Mc")}
    firsts = sorted(code for code in marks if code - 1 not in marks)
    lasts = sorted(code for code in marks if code + 1 not in marks)
    return "".join(f"{chr(a)}-{chr(b)}" for a, b in zip(firsts, lasts, strict=True))


def _is_foreign(text: str) -> bool:
    return bool(_OTHER_LETTER.search(text) or re.search(f"[{_marks()}]", text))


def _folded(text: str) -> str:
    """The text without accents on Latin letters; every character keeps its place."""
    if text.isascii():
        return text
    return _ACCENTED.sub(lambda letter: _PLAIN.get(letter[0], letter[0]), text)


def _unspaced(text: str) -> list[str]:
    """Patterns for the runs of a text without spaces, and for the pairs of letters in them."""
    patterns = []
    for unspaced, group in groupby(words(text), is_unspaced):
        run = list(group)
        if unspaced:
            patterns.append(_sequence(run))
            patterns += map(_sequence, pairwise(run))
    return patterns


def _foreign_word() -> str:
    """A pattern for a whole word that has a letter which is not ASCII, or a combining mark."""
    marks = _marks()
    any_of = rf"(?:[^\W_]|[{marks}])*"
    return rf"(?<![^\W_])(?<![{marks}]){any_of}(?:[^\W_\x00-\x7f]|[{marks}]){any_of}"


def _word_start(start: str) -> str:
    """A pattern for the beginning of a word; the literal comes first, which ``re`` finds fast."""
    return rf"{re.escape(start)}(?<![^\W_]{re.escape(start)})"


def _exactly(clause: TextClause) -> str:
    """A pattern for the words of a clause as they stand, one after the other."""
    *before, last = words(clause.text)
    if isinstance(clause, Prefix):
        # Only the last word is a prefix; the words before it may stand anywhere in the text.
        whole = [rf"{_word_start(word)}(?![^\W_])" for word in before]
        return "|".join([*whole, rf"{_word_start(last)}[^\W_]*"])
    if isinstance(clause, Phrase) and clause.apart:
        between = rf"[\W_]+(?:[^\W_]+[\W_]+){{0,{clause.apart}}}?"
        return _sequence([*before, last], between)
    return _sequence([*before, last])


def _sequence(parts: Sequence[str], between: str = r"[\W_]+") -> str:
    first, *others = parts
    return between.join([_word_start(first), *map(re.escape, others)]) + r"(?![^\W_])"


def _stem_start(stem: str) -> str:
    """The letters that all words of a stem begin with: fewer for a short stem."""
    return stem[:3] if len(stem) > 3 else stem[:1]


def _densest(text: str, spans: list[Span]) -> Span:
    """The start and end of the part of a text that has the most matches."""
    if len(text) <= LENGTH:
        return 0, len(text)
    reach = LENGTH - BEFORE
    ends = [end for _, end in spans]  # in order, as the spans are
    counts = [bisect_right(ends, first + reach) - bisect_left(ends, first) for first, _ in spans]
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
