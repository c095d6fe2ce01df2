"""Forms: the other ways to write a word, by which a search finds it too.

A stem covers what English endings do. This covers the rest, when a query is parsed; so no index
has to be built anew for it:

- irregular forms: ``women`` for ``woman``, ``sank`` for ``sink``;
- compounds: ``healthcare``, ``health care`` and ``health-care``; ``email`` and ``e-mail``;
- apostrophes: ``ORourke`` and ``O'Rourke``, ``dont`` and ``don't``;
- numbers: ``3000`` and ``3,000``, ``1990s`` and ``1990's``;
- initials: ``JFK``, ``J.F.K.`` and ``J. F. K.``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from search.analysis import stems, words
from search.clauses import Clause, Phrase, Word
from search.english import HYPHENED, IRREGULAR, STOP_WORDS
from search.normalizing import is_unspaced

LONGEST_SPLIT = 24
"""Letters of the longest word that is also searched as two words."""
LONGEST_INITIALS = 5
LONGEST_NUMBER = 18
_JOINED = re.compile(r"[^\W\d_]+(?:[-'’‘.‐‑]+[^\W\d_]+)+[.]?", re.ASCII)
_NUMBER = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+|\d{2,4}['’]s", re.ASCII)
_VOWEL = re.compile("[aeiouy]")
_SPELLED = ("cd", "dj", "dvd", "ph", "pc", "tv", "vj")
"""Words without a vowel that begin compounds."""
_ENDINGS = {"s": ".", "t": "n", "d": ".", "m": "i", "ll": ".", "re": ".", "ve": "."}
"""Endings after an apostrophe, and the letter before it: ``don't``, ``we'll``."""


def with_forms(word: Word, before: Word | None, after: Word | None, split: bool) -> Word:
    """The word with its other forms. Words next to it may be written together with it.

    ``split`` says whether it is also searched as two words, which costs a query for each place.
    """
    forms = dict.fromkeys(_forms(word, split))
    for first, second in ((before, word), (word, after)):
        if first and second and (joined := _joined_neighbours(first, second)):
            forms[Word(joined, word.field)] = None
    return Word(word.text, word.field, tuple(forms), word.times)


def _forms(word: Word, split: bool) -> Iterator[Clause]:
    parts = words(word.text)
    if any(is_unspaced(part) or not part.isascii() for part in parts):
        return
    if len(parts) > 1:
        if _JOINED.fullmatch(word.text) or _NUMBER.fullmatch(word.text.rstrip(".,;:!?")):
            joined = "".join(parts)
            if len(joined) > 2:
                yield Word(joined, word.field)
        if is_initials(word.text):
            yield Phrase(" ".join(parts), word.field)
        return
    for part in parts:
        if part in STOP_WORDS:
            continue
        for other in irregular(part):
            yield Word(other, word.field)
        apart = _splits(part, split) if part.isalpha() else _digits_apart(part)
        yield from (Phrase(text, word.field) for text in apart)


def is_initials(text: str) -> bool:
    """Whether a text is single letters with full stops: ``J.F.K.``"""
    parts = words(text)
    return len(parts) > 1 and all(len(part) == 1 and part.isalpha() for part in parts)


def irregular(word: str) -> tuple[str, ...]:
    """The other irregular forms of an English word.

    >>> irregular("women"), irregular("sinking"), irregular("whale")
    (('woman',), ('sank', 'sunk'), ())
    """
    (stem,) = stems(word) or ("",)
    return tuple(form for form in _families().get(stem, ()) if stems(form) != (stem,))


@lru_cache(maxsize=1)
def _families() -> dict[str, tuple[str, ...]]:
    families: dict[str, tuple[str, ...]] = {}
    for line in IRREGULAR.split(";"):
        family = tuple(line.split())
        for stem in {stem for form in family for stem in stems(form)}:
            families[stem] = (*families.get(stem, ()), *family)
    return families


@lru_cache(maxsize=1)
def _hyphened() -> frozenset[tuple[str, tuple[str, ...]]]:
    both = (word.split("-") for word in HYPHENED.split())
    return frozenset((first, stems(second)) for first, second in both)


def _splits(word: str, everywhere: bool) -> Iterator[str]:
    """The two words, or the initials, that a word may be written as."""
    if not everywhere:
        return
    if 2 < len(word) <= LONGEST_INITIALS:
        yield " ".join(word)
    if len(word) <= LONGEST_SPLIT:
        for place in range(1, len(word)):
            first, second = word[:place], word[place:]
            if _can_stand_apart(first, second):
                yield f"{first} {second}"


def _digits_apart(word: str) -> Iterator[str]:
    """The words that a number is cut into where it has commas or an apostrophe."""
    if word.isdigit() and 3 < len(word) <= LONGEST_NUMBER and word[0] != "0":
        yield f"{int(word):,}".replace(",", " ")
    elif re.fullmatch(r"\d{2,4}s", word):
        yield f"{word[:-1]} s"


def _can_stand_apart(first: str, second: str) -> bool:
    if second in _ENDINGS and re.fullmatch(_ENDINGS[second], first[-1]):
        return len(first) > 1
    if (first, stems(second)) in _hyphened():
        return True
    if len(first) > 1 and not (_VOWEL.search(first) and _VOWEL.search(second)):
        return first in _SPELLED and _VOWEL.search(second) is not None
    if first in STOP_WORDS - {"s", "t"} or second in STOP_WORDS:
        return False
    if len(first) == 1 and first not in "bdegijkostuvwx":
        return False
    return len(second) > 2 or (len(first) > 2 and len(second) == 2)


def _joined_neighbours(first: Word, second: Word) -> str | None:
    """Two neighbours written as one word, or None if they cannot be: ``health care``."""
    one, other = words(first.text), words(second.text)
    if len(one) != 1 or len(other) != 1 or first.field != second.field:
        return None
    plain = (one[0] + other[0]).isascii() and (one[0] + other[0]).isalpha()
    if not plain or not _can_stand_apart(one[0], other[0]):
        return None
    return one[0] + other[0]
