"""The weights of a query's words, and which of them raise a score by standing near each other.

Measured on judged collections: ``docs/measured/ranking.md`` has the figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from search.analysis import words
from search.clauses import Clause, Parsed, Word
from search.english import GENERAL_WORDS, STOP_WORDS

SATURATION = 8
"""A word that a text says n times weighs ``(SATURATION + 1) n / (SATURATION + n)``.

It is the saturation of BM25's query terms (Robertson and Walker, 1994, k3 = 8).
"""
GENERAL = 0.5
"""The weight of a general English word, such as ``would``."""
NEIGHBOURS = 1.0
"""What two neighbouring words of a query add to the score of a text that has them close by."""
APART = 5
"""The words that may stand between two neighbours in a text."""


def of(clause: Clause) -> float:
    """The weight of a clause in a score: 1 for most.

    >>> of(Word("whale")), of(Word("would")), of(Word("whale", times=2))
    (1.0, 0.5, 1.8)
    """
    if not isinstance(clause, Word):
        return 1.0
    said = words(clause.text)
    general = GENERAL if said and all(word in GENERAL_WORDS for word in said) else 1.0
    return general * (SATURATION + 1) * clause.times / (SATURATION + clause.times)


def neighbours(parsed: Parsed) -> Iterator[tuple[str, str]]:
    """The pairs of words that follow each other in a query and stand alone in it."""
    following = [
        words(group.clauses[0].text)
        for group in parsed.loose
        if len(group.clauses) == 1 and isinstance(group.clauses[0], Word)
    ]
    for first, second in dict.fromkeys(
        (one[-1], other[0]) for one, other in pairwise(following) if one and other
    ):
        if not {first, second} & (STOP_WORDS | GENERAL_WORDS):
            yield first, second
