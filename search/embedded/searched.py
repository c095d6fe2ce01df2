"""One index of the embedded engine, as answering needs it; and one in memory, of few documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from search import answers
from search.clauses import Parsed
from search.embedded.index import EmbeddedIndex
from search.embedded.readers import damaged
from search.embedded.shown_line import line
from search.engine import Generation
from search.mapping import IndexMapping
from search.query import Limits, Query


class Searched:
    """An open generation, as answering needs it. What cannot be read is a damaged index."""

    def __init__(self, metadata: Generation, mapping: IndexMapping, index: EmbeddedIndex) -> None:
        self.metadata, self.mapping = metadata, mapping
        self._index = index

    @contextmanager
    def _reading(self) -> Iterator[EmbeddedIndex]:
        try:
            yield self._index
        except (OSError, ValueError) as error:
            raise damaged(self.metadata, error) from error

    def find(self, query: Query, parsed: Parsed, every: bool, limits: Limits) -> answers.Found:
        """The page of the documents that match: ``every`` word of the text, or any of them."""
        with self._reading() as index:
            matching = index.matching(parsed, every, limits)
            page = index.find(matching, query.sort, query.offset, query.size)
            hits = [(score, orjson.loads(stored)) for score, stored in page.hits]
            counts = index.counts(matching, query, page.total)
        return answers.Found(page.total, hits, counts.facets, counts.histogram)

    def pruned(self, parsed: Parsed) -> Parsed:
        """The parsed text without other forms of words that no document has."""
        with self._reading() as index:
            return index.pruned(parsed)

    def has(self, name: str, value: str) -> bool:
        """Whether any document has this value of a filter."""
        with self._reading() as index:
            return index.has(name, value)

    def values(self, name: str) -> list[str]:
        """All values of a filter."""
        with self._reading() as index:
            return index.values(name)

    def similar(self, words: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
        """By word that no text has: similar words, and how many documents have each."""
        with self._reading() as index:
            unknown = [word for word in words if not index.has_word(word)]
            known = index.known_words() if unknown else None
        return {word: known.similar(word) for word in unknown} if known else {}


def in_memory(
    metadata: Generation, mapping: IndexMapping, documents: Iterable[Mapping[str, Any]]
) -> Searched:
    """An index of few documents that is nowhere but in memory; its hits have an id alone."""
    index = EmbeddedIndex.of_lines(mapping, (line(mapping, each) for each in documents))
    return Searched(metadata, mapping, index)
