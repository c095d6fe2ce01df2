"""The weights of a query's words, and which of them raise a score by standing near each other.

Measured on judged collections: ``docs/measured/ranking.md`` has the figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise

from search.analysis import words
from search.clauses import Clause, Parsed, Word
from search.english import GENERAL_WORDS, STOP_WORDS
from search.forms import irregular, is_initials

SATURATION = 8
"""A word that a text says n times weighs ``(SATURATION + 1) n / (SATURATION + n)``.

It is the saturation of BM25's query terms (Robertson and Walker, 1994, k3 = 8).
"""
GENERAL = 0.25
"""The weight of a general English word, such as ``would``."""
FORM = 0.5
"""The weight of another way to write a word, such as ``health care`` for ``healthcare``."""
NEIGHBOURS = 1.0
"""What two neighbouring words of a query add to the score of a text that has them close by."""
MOST_NEIGHBOURS = 12
"""The neighbours of a query that count: more of them cost time and raise no measure."""
APART = 8
"""The words that may stand between two neighbours in a text."""


def of(clause: Clause) -> float:
    """The weight of a clause in a score: 1 for most.

    >>> of(Word("whale")), of(Word("would")), of(Word("whale", times=2))
    (1.0, 0.25, 1.8)
    """
    if not isinstance(clause, Word):
        return 1.0
    said = words(clause.text)
    general = GENERAL if said and all(word in GENERAL_WORDS for word in said) else 1.0
    return general * (SATURATION + 1) * clause.times / (SATURATION + clause.times)


def of_form(word: Word, form: Clause) -> float:
    """The weight of another way to write a word: 1 for an irregular form and for initials.

    A form of two words has the rarity of both, and one that is written together may be rarer than
    the word itself is; neither says more about a document than the word does.

    >>> of_form(Word("women"), Word("woman")), of_form(Word("e-mail"), Word("email"))
    (1.0, 0.5)
    """
    if is_initials(word.text):
        return 1.0
    said = words(word.text)
    if len(said) == 1 and isinstance(form, Word) and form.text in irregular(said[0]):
        return 1.0
    return FORM


def neighbours(parsed: Parsed) -> Iterator[tuple[str, str]]:
    """The first pairs of words that follow each other in a query; stop words do not count.

    >>> list(neighbours(Parsed(said=("landing", "on", "the", "moon", "before", "moon"))))
    [('landing', 'moon')]
    """
    following = [word for word in parsed.said if word not in STOP_WORDS]
    found = (
        (first, second)
        for first, second in dict.fromkeys(pairwise(following))
        if first != second and not {first, second} & GENERAL_WORDS
    )
    return islice(found, MOST_NEIGHBOURS)
