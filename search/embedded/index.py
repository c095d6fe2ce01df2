"""One index of the embedded engine: its fields in tantivy, its documents, and pages of hits.

``search.embedded.layout`` describes the fields and makes the lines that are indexed;
``search.embedded.queries`` makes tantivy's queries; ``search.embedded.engine`` has generations
and answers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import tantivy
from tantivy import FieldType, Order

from replay import plain_path
from search.analysis import analyzers, stems, words
from search.clauses import Clause, Parsed, Phrase, Word
from search.embedded import read_only
from search.embedded.counting import Counting, Counts
from search.embedded.queries import Queries
from search.mapping import MONTH_DAY, IndexMapping
from search.query import Limits, Query
from search.spelling import KnownWords

MOST_TIES = 2_000
"""Hits of one score that are put in order; where there are more, the index's order stays."""
IDS_AT_ONCE = 20_000
MOST_WORDS_KEPT = 1_000_000
"""Words of an index that stay in memory: to gather them takes longer than a search does."""


def _opened(path: Path) -> tantivy.Index:
    index = tantivy.Index.open(plain_path(path))
    index.config_reader("manual")  # else a thread looks for commits twice a second
    return index


@dataclass(frozen=True)
class Page:
    """One page of hits, each its score and stored JSON, and the total number of hits."""

    total: int
    hits: Sequence[tuple[float | None, bytes]]


class EmbeddedIndex:
    """The index of one view in a directory."""

    def __init__(self, path: Path, index: tantivy.Index, mapping: IndexMapping) -> None:
        self.path = path
        for name, analyzer in zip(("exact", "stems"), analyzers(), strict=True):
            index.register_tokenizer(name, analyzer)
        self._index = index
        self._schema = index.schema
        self._mapping = mapping
        self._searcher = index.searcher()
        self._counting = Counting(self._searcher, mapping)
        self._last_date: int | None = None
        """The date of the last document, once it was looked up."""
        self._none_after: int | None = None
        """An instant after which no document is dated, once that was looked up."""
        self._known_words: KnownWords | None = None

    @classmethod
    def create(cls, path: Path, mapping: IndexMapping) -> EmbeddedIndex:
        """A new index in an empty directory."""
        return cls(path, tantivy.Index(_schema(mapping), plain_path(path), reuse=False), mapping)

    @classmethod
    def open(cls, path: Path, mapping: IndexMapping) -> EmbeddedIndex:
        """The index in a directory; ``ValueError`` or ``OSError`` when it cannot be read."""
        if not read_only.may_lock(path):
            with read_only.linked(path) as links:
                return cls(path, _opened(links), mapping)
        return cls(path, _opened(path), mapping)

    def writer(self, heap: int, threads: int) -> tantivy.IndexWriter:
        """Tantivy's writer with ``heap`` bytes of memory; see ``search.embedded.writer``."""
        return self._index.writer(heap, threads)

    def reloaded(self) -> EmbeddedIndex:
        """The index as it is now; this object still answers as of when it was opened."""
        reloaded = copy(self)
        reloaded._index.reload()
        reloaded._searcher = reloaded._index.searcher()
        reloaded._counting = Counting(reloaded._searcher, reloaded._mapping)
        reloaded._known_words = None
        reloaded._last_date = reloaded._none_after = None
        return reloaded

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """Each document's id and stored JSON, in no order."""
        for offset in range(0, self._searcher.num_docs, IDS_AT_ONCE):
            page = self._searcher.search(
                tantivy.Query.all_query(), limit=IDS_AT_ONCE, count=False, offset=offset
            )
            for _, address in page.hits:
                document = self._searcher.doc(address)
                yield str(document.get_first("id")), _bytes(document)

    def find(
        self, parsed: Parsed, every: bool, limits: Limits, sort: str, offset: int, size: int
    ) -> Page:
        """One page of the documents that match: ``every`` word of the query, or any of them."""
        scored = sort == "relevance" and parsed.scored and size > 0  # a total needs no scores
        query = self._query(parsed, every, limits, scored)
        if scored:
            return self._best(query, offset, size)
        result: Any = self._searcher.search(
            query,
            limit=max(1, min(size, self._searcher.num_docs)),
            order_by_field="id" if sort == "relevance" else sort,
            offset=min(offset, self._searcher.num_docs),
            order=Order.Asc,
        )
        hits = result.hits[:size]
        return Page(result.count, [(None, self._stored(address)) for _, address in hits])

    def _best(self, query: tantivy.Query, offset: int, size: int) -> Page:
        """A page of hits by score; hits of one score are in the order of their field ``tie``."""
        end = min(offset + size, self._searcher.num_docs)
        result: Any = self._searcher.search(query, limit=end + 1)
        hits = result.hits
        if 0 < end < len(hits) and hits[end - 1][0] == hits[end][0]:
            first = bisect_left(hits, -hits[end][0], key=lambda hit: -hit[0])
            most = max(end, first + MOST_TIES) + 1
            hits = self._searcher.search(query, limit=most, count=False).hits
        ordered: list[tuple[float, tantivy.DocAddress]] = []
        for _, tied in groupby(hits, key=lambda hit: hit[0]):
            group = list(tied)
            if len(ordered) + len(group) > offset and 1 < len(group) <= MOST_TIES:
                ties = self._searcher.fast_field_values("tie", [address for _, address in group])
                group = [group[n] for n in sorted(range(len(group)), key=lambda n: ties[n] or 0)]
            ordered += group
            if len(ordered) >= end:
                break
        page = [(score, self._stored(address)) for score, address in ordered[offset:end]]
        return Page(result.count, page)

    def counts(
        self, parsed: Parsed, every: bool, limits: Limits, query: Query, total: int
    ) -> Counts:
        """How many of ``total`` hits have each value of the facets, and are of each period."""
        if not total or (not query.facets and query.histogram is None):
            return Counts({name: [] for name in query.facets}, [])
        matching = self._query(parsed, every, limits, scored=False)
        return self._counting.counts(matching, query)

    def _stored(self, address: tantivy.DocAddress) -> bytes:
        return _bytes(self._searcher.doc(address))

    def _is_any_later(self, instant: int) -> bool:
        """Whether a document is later than an instant; what is known is not looked up again.

        A segment knows its last date: where none is later, this costs nothing.
        """
        last, none_after = self._last_date, self._none_after
        if last is not None:
            return instant < last
        if none_after is not None and none_after <= instant:
            return False
        later = tantivy.Query.range_query(
            self._schema, "date", FieldType.Integer, instant + 1, None
        )
        found = self._searcher.search(later, limit=1, count=False, order_by_field="date").hits
        if found:
            self._last_date = int(found[0][0])
        else:
            self._none_after = instant
        return bool(found)

    def _query(self, parsed: Parsed, every: bool, limits: Limits, scored: bool) -> tantivy.Query:
        if limits.hidden_after is not None and not self._is_any_later(limits.hidden_after):
            limits = replace(limits, hidden_after=None)
        return Queries(self._schema, self._searcher, self._mapping).whole(
            parsed, every, limits, scored
        )

    def pruned(self, parsed: Parsed) -> Parsed:
        """The parsed text without two words for one that the index lacks, as most splits are."""

        def pruned(clause: Clause) -> Clause:
            if not isinstance(clause, Word) or not clause.forms:
                return clause
            return replace(clause, forms=tuple(filter(self._may_match, clause.forms)))

        return parsed.with_leaves(pruned)

    def _may_match(self, form: Clause) -> bool:
        if not isinstance(form, Phrase):
            return True
        names = [form.field] if form.field else [*self._mapping.text]
        return all(
            any(self._searcher.doc_freq(f"exact_{name}", part) for name in names)
            for part in words(form.text)
        )

    def has(self, name: str, value: str) -> bool:
        """Whether any document has this value of a filter."""
        return self._searcher.doc_freq(self._mapping.keyword(name), value) > 0

    def values(self, name: str) -> list[str]:
        """All values of a filter, with how many documents have each."""
        return [value for value, _ in self._terms(self._mapping.keyword(name), "")]

    def has_word(self, word: str) -> bool:
        """Whether any text has this exact word, or one of its stem."""
        exact = any(self._searcher.doc_freq(f"exact_{name}", word) for name in self._mapping.text)
        return exact or any(self._searcher.doc_freq("all", stem) for stem in stems(word))

    def known_words(self) -> KnownWords:
        """The words of all texts, with how many documents have each at most."""
        if self._known_words is not None:
            return self._known_words
        texts = [self._terms(f"exact_{name}", "") for name in self._mapping.text]
        # Of a word in several texts the greatest count stays, which comes last.
        rising = sorted(chain.from_iterable(map(reversed, texts)), key=itemgetter(1))
        known = KnownWords(sorted(dict(rising).items(), key=itemgetter(1), reverse=True))
        if len(known) <= MOST_WORDS_KEPT:
            self._known_words = known
        return known

    def _terms(self, field: str, beginning: str) -> list[tuple[str, int]]:
        return self._searcher.terms_with_prefix(field, beginning)


def _bytes(document: tantivy.Document) -> bytes:
    return bytes(document.get_first("document") or b"")


def _schema(mapping: IndexMapping) -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("all", tokenizer_name="stems", index_option="position")
    for name in mapping.scored:
        builder.add_text_field(f"text_{name}", tokenizer_name="stems", index_option="freq")
    for name in mapping.text:
        builder.add_text_field(f"exact_{name}", tokenizer_name="exact", index_option="position")
    filters = dict.fromkeys(mapping.keyword(name) for name in mapping.filter_names)
    for name in {"id": None, "newest": None, "oldest": None, **filters}:
        builder.add_text_field(
            name, stored=name == "id", fast=True, tokenizer_name="raw", index_option="basic"
        )
    if mapping.date:
        builder.add_integer_field("date", fast=True)
        builder.add_text_field(MONTH_DAY, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("tie", fast=True)
    builder.add_bytes_field("document", stored=True)
    return builder.build()
