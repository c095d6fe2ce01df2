"""The few facts about English text that every engine shares."""

from __future__ import annotations

import re
import unicodedata

_STOP = (
    "a an and are as at be but by for if in into is it no not of on or s such t that the their"
    " then there these they this to was will with"
)
STOP_WORDS = frozenset(_STOP.split())
"""Words that say nothing: Lucene's list, and what ``Ana's`` and ``don't`` leave behind.

They are neither stemmed nor ranked by, and no document must have them; phrases find them.
"""

WORD = re.compile(r"[^\W_]+")

_PLAIN = {
    code: base
    for code in range(0xC0, 0x250)
    if (base := unicodedata.normalize("NFD", chr(code))[0]).isascii()
}


def folded(text: str) -> str:
    """The text without accents; every character keeps its place.

    >>> folded("Élan, São Paulo")
    'Elan, Sao Paulo'
    """
    return text if text.isascii() else text.translate(_PLAIN)


def words(text: str) -> list[str]:
    """The words of a text, without accents and in lower case.

    >>> words("Don't panic, São-Paulo!")
    ['don', 't', 'panic', 'sao', 'paulo']
    """
    return [word.lower() for word in WORD.findall(folded(text))]


def says_nothing(text: str) -> bool:
    """Does the text consist of stop words?

    >>> says_nothing("to the"), says_nothing("The end")
    (True, False)
    """
    return all(word in STOP_WORDS for word in words(text))
