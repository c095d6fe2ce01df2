"""Spelling: for words that no text has, words of the index's texts: "did you mean"."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from search.analysis import words
from search.clauses import Parsed, Word

SHORTEST, LONGEST = 4, 40
"""Letters of the shortest and of the longest word that is corrected."""
MOST_WORDS = 10
"""Words of a text that are corrected, at most."""
MOST_SIMILAR = 50
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
    if text.count('"') % 2:  # what does not end is no quotation
        text = "".join(text.rsplit('"', 1))
    return text.strip() if better else None


def nearest(word: str, candidates: Iterable[tuple[str, int]]) -> str | None:
    """The candidate with the fewest letters that differ; of these, the most frequent."""
    from rapidfuzz.distance import OSA

    far = FAR if len(word) > 5 else 1
    measured = (
        (OSA.distance(word, each, score_cutoff=far), -count, each) for each, count in candidates
    )
    return min((each for each in measured if each[0] <= far), default=(0, 0, None))[2]


class KnownWords:
    """The words of an index, among which similar ones are looked for, those of near length only."""

    def __init__(self, counts: Iterable[tuple[str, int]]) -> None:
        """``counts`` are words and how many documents have each, the most frequent first."""
        self._of_length: dict[int, tuple[list[str], list[int]]] = {}
        for word, count in counts:
            words_, counts_ = self._of_length.setdefault(len(word), ([], []))
            words_.append(word)
            counts_.append(count)

    def __len__(self) -> int:
        return sum(len(words_) for words_, _ in self._of_length.values())

    def similar(self, word: str) -> list[tuple[str, int]]:
        """The words that differ from a word by at most two letters, with their counts.

        They are at most fifty: the most similar, and of these the most frequent.

        >>> KnownWords([("whale", 3), ("while", 9), ("whaling", 4)]).similar("whalr")
        [('whale', 3), ('while', 9)]
        """
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        found: list[tuple[float, int, str]] = []
        for length in range(len(word) - FAR, len(word) + FAR + 1):
            names, counts = self._of_length.get(length, ([], []))
            near = process.extract(
                word, names, scorer=OSA.distance, score_cutoff=FAR, limit=MOST_SIMILAR
            )
            found += ((far, -counts[place], each) for each, far, place in near)
        return [(each, -count) for _, count, each in heapq.nsmallest(MOST_SIMILAR, found)]
