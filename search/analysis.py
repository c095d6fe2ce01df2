"""Analysis: the words of a text as both engines index and search them.

A text is normalized, then split into words; words are in lower case and without accents. A *stem*
stands for the forms of an English word. Elasticsearch analyzes normalized texts by the same rules
(``search.elastic.layout``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import groupby, pairwise

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from search.english import GENERAL_WORDS, STOP_WORDS
from search.normalizing import is_unspaced, normalized


@lru_cache(maxsize=1)
def analyzers() -> tuple[TextAnalyzer, TextAnalyzer]:
    """Tantivy's analyzers for exact words and for their stems; they take normalized texts."""

    def plain() -> TextAnalyzerBuilder:
        builder = TextAnalyzerBuilder(Tokenizer.simple())
        # Some letters, such as small capitals, become capitals without their accents only.
        return (
            builder.filter(Filter.lowercase())
            .filter(Filter.ascii_fold())
            .filter(Filter.lowercase())
        )

    stop = Filter.custom_stopword(sorted(STOP_WORDS))
    return plain().build(), plain().filter(stop).filter(Filter.stemmer("english")).build()


@lru_cache(maxsize=50_000)
def words(text: str) -> tuple[str, ...]:
    """The words of a text, without accents and in lower case.

    >>> words("Don't panic, São-Paulo!"), words("北京")
    (('don', 't', 'panic', 'sao', 'paulo'), ('北', '京'))
    """
    return tuple(analyzers()[0].analyze(normalized(text)))


@lru_cache(maxsize=50_000)
def stems(text: str) -> tuple[str, ...]:
    """The stems of a text's words; stop words have none.

    >>> stems("the elections")
    ('elect',)
    """
    return tuple(analyzers()[1].analyze(normalized(text)))


def only_stop_words(text: str) -> bool:
    """Whether the text consists of stop words only.

    >>> only_stop_words("to the"), only_stop_words("The end")
    (True, False)
    """
    return all(word in STOP_WORDS for word in words(text))


def pairs(text: str) -> tuple[str, ...]:
    """What a word is searched by: pairs of neighbours where it is written without spaces.

    Bigrams are what Lucene's analyzer of Chinese, Japanese and Korean searches by too.

    >>> pairs("北京奥运"), pairs("iPhone手机"), pairs("whales"), pairs("王")
    (('北京', '京奥', '奥运'), ('iphone', '手机'), ('whales',), ('王',))
    """
    found: list[str] = []
    for unspaced, group in groupby(words(text), is_unspaced):
        run = list(group)
        if unspaced and len(run) > 1:
            found += [first + second for first, second in pairwise(run)]
        else:
            found += run
    return tuple(found)


def significant_words(text: str) -> list[str]:
    """The words that a text is about: no stop words, no general words, no single letters.

    >>> significant_words("The whales would not come")
    ['whales']
    """
    return [
        word for word in pairs(text) if len(word) > 1 and word not in STOP_WORDS | GENERAL_WORDS
    ]


def pattern_of(text: str, any_letters: str, one_letter: str) -> str:
    """A regular expression for a word with ``*`` and ``?``, whose letters are normalized.

    >>> pattern_of("Tit*ic?", ".*", ".")
    'tit.*ic.'
    """
    signs = {"*": any_letters, "?": one_letter}
    pieces = re.split(r"([*?])", text)
    return "".join(signs[each] if each in signs else "".join(words(each)) for each in pieces)
