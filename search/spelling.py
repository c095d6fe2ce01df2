"""Spelling: for words that no text has, words of the index's texts: "did you mean"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from search.analysis import words
from search.clauses import Parsed, Word

SHORTEST, LONGEST = 4, 40
"""Letters of the shortest and of the longest word that is corrected."""
MOST_WORDS = 10
"""Words of a text that are corrected, at most."""
FAR = 2
"""The letters that differ, at most; one in words of up to five letters."""

Similar = Mapping[str, Sequence[tuple[str, int]]]


def suggestion(
    text: str, parsed: Parsed, similar: Callable[[Sequence[str]], Similar]
) -> str | None:
    """The text with similar words for those that no text has; None if it has none of these.

    ``similar`` is asked once, for all words.
    """
    written = {
        part: clause.text
        for group in parsed.groups
        for clause in group.clauses
        if isinstance(clause, Word)
        for part in words(clause.text)
        if SHORTEST <= len(part) <= LONGEST and part.isalpha()
    }
    asked = list(written)[:MOST_WORDS]
    found = similar(asked) if asked else {}
    better = {word: best for word in asked if (best := nearest(word, found.get(word, ())))}
    for word, best in better.items():
        said = re.escape(written[word] if written[word].lower() == word else word)
        text = re.sub(rf"(?<!\w){said}(?!\w)", best, text, flags=re.IGNORECASE)
    return text if better else None


def nearest(word: str, candidates: Iterable[tuple[str, int]]) -> str | None:
    """The candidate with the fewest letters that differ; of these, the most frequent."""
    from rapidfuzz.distance import OSA

    far = FAR if len(word) > 5 else 1
    measured = (
        (OSA.distance(word, each, score_cutoff=far), -count, each) for each, count in candidates
    )
    return min((each for each in measured if each[0] <= far), default=(0, 0, None))[2]


def similar_of(word: str, known: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """The known words that differ from a word by at most two letters, with their counts."""
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    names = [each for each, _ in known]
    found = process.extract(word, names, scorer=OSA.distance, score_cutoff=FAR, limit=50)
    return [known[place] for _, _, place in found]
