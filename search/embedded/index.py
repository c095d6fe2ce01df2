"""One index of the embedded engine: its fields in tantivy, its documents, and pages of hits.

``search.embedded.layout`` describes the fields and makes the lines that are indexed;
``search.embedded.queries`` makes tantivy's queries; ``search.embedded.engine`` has generations
and answers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
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
from search.embedded.remembered import Key, Matching, Remembered
from search.mapping import MONTH_DAY, IndexMapping
from search.query import Limits, Query
from search.spelling import KnownWords

MOST_TIES = 2_000
"""Hits of one score that are put in order; where there are more, the index's order stays."""
IDS_AT_ONCE = 20_000
LEAST = 15_000_000
"""Bytes of memory for a thread that writes: tantivy's minimum."""
MOST_WORDS_KEPT = 1_000_000
"""Words of an index that stay in memory: to gather them takes longer than a search does."""


def _opened(path: Path) -> tantivy.Index:
    index = tantivy.Index.open(plain_path(path))
    index.config_reader("manual")  # else a thread looks for commits twice a second
    return index


Found = tuple[float | None, tantivy.DocAddress]
"""A hit: its score, if it has one, and where it is."""


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
        self._known_words: KnownWords | None = None
        self._read()

    def _read(self) -> None:
        """Answer as of now."""
        self._searcher = self._index.searcher()
        self._remembered = Remembered()
        self._counting = Counting(self._searcher, self._mapping, self._remembered)
        self._undated: tuple[int, int | None] | None = None
        """Between which instants no document is dated, once that was looked up; ``None``: ever."""

    @classmethod
    def create(cls, path: Path, mapping: IndexMapping) -> EmbeddedIndex:
        """A new index in an empty directory."""
        return cls(path, tantivy.Index(_schema(mapping), plain_path(path), reuse=False), mapping)

    @classmethod
    def of_lines(cls, mapping: IndexMapping, lines: Iterable[str]) -> EmbeddedIndex:
        """An index in memory of lines of ``layout``."""
        index = cls(Path(), tantivy.Index(_schema(mapping)), mapping)
        writer = index.writer(LEAST, 1)
        for line in lines:
            writer.add_json(line)
        writer.commit()
        writer.wait_merging_threads()
        return index.reloaded()

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
        reloaded._known_words = None
        reloaded._read()
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

    def matching(self, parsed: Parsed, every: bool, limits: Limits) -> Matching:
        """What documents match: ``every`` word of the query, or any of them.

        An instant after which documents are hidden is put as late as it hides the same ones, so
        that what is remembered of a search is remembered until a document is not hidden any more.
        """
        if limits.hidden_after is not None:
            limits = replace(limits, hidden_after=self._hidden_after(limits.hidden_after))
        return Matching(parsed, every, limits)

    def find(self, matching: Matching, sort: str, offset: int, size: int) -> Page:
        """One page of the documents that match."""
        if matching.limits.ids:  # to look up documents by their ids costs less than to remember it
            total, hits = self._found(matching, sort, offset, size, None)
        else:
            key = matching.digest, "hits", sort, str(offset), str(size)
            total, known = self._remembered.of((matching.digest, "total")), self._known_hits(key)
            hits = known or []
            if total is None or known is None:
                total, hits = self._found(matching, sort, offset, size, total)
                self._remembered.keep((matching.digest, "total"), total)
                found = [(score, address.segment_ord, address.doc) for score, address in hits]
                self._remembered.keep(key, found)
        return Page(total, [(score, self._stored(address)) for score, address in hits])

    def _known_hits(self, key: Key) -> list[Found] | None:
        known = self._remembered.of(key)
        if known is None:
            return None
        return [(score, tantivy.DocAddress(*address)) for score, *address in known]

    def _found(
        self, matching: Matching, sort: str, offset: int, size: int, total: int | None
    ) -> tuple[int, list[Found]]:
        """The total, which is counted where it is not known, and a page of hits."""
        if total is not None and not size:
            return total, []
        scored = sort == "relevance" and matching.parsed.scored and size > 0
        query = self._query(matching, scored)  # a total needs no scores
        page = self._best if scored else self._in_order
        counted, hits = page(query, sort, offset, size, total is None)
        return counted if total is None else total, hits

    def _in_order(
        self, query: tantivy.Query, sort: str, offset: int, size: int, count: bool
    ) -> tuple[int, list[Found]]:
        """The total, if it is counted, and a page of hits by a field."""
        result: Any = self._searcher.search(
            query,
            limit=max(1, min(size, self._searcher.num_docs)),
            count=count,
            order_by_field="id" if sort == "relevance" else sort,
            offset=min(offset, self._searcher.num_docs),
            order=Order.Asc,
        )
        return result.count, [(None, address) for _, address in result.hits[:size]]

    def _best(
        self, query: tantivy.Query, _: str, offset: int, size: int, count: bool
    ) -> tuple[int, list[Found]]:
        """A page of hits by score; hits of one score are in the order of their field ``tie``."""
        end = min(offset + size, self._searcher.num_docs)
        result: Any = self._searcher.search(query, limit=end + 1, count=count)
        hits = result.hits
        if 0 < end < len(hits) and hits[end - 1][0] == hits[end][0]:
            first = bisect_left(hits, -hits[end][0], key=lambda hit: -hit[0])
            most = max(end, first + MOST_TIES) + 1
            hits = self._searcher.search(query, limit=most, count=False).hits
        ordered: list[Found] = []
        for _score, tied in groupby(hits, key=lambda hit: hit[0]):
            group = list(tied)
            if len(ordered) + len(group) > offset and 1 < len(group) <= MOST_TIES:
                ties = self._searcher.fast_field_values("tie", [address for _, address in group])
                group = [group[n] for n in sorted(range(len(group)), key=lambda n: ties[n] or 0)]
            ordered += group
            if len(ordered) >= end:
                break
        return result.count, ordered[offset:end]

    def counts(self, matching: Matching, query: Query, total: int) -> Counts:
        """How many of ``total`` hits have each value of the facets, and are of each period."""
        if not total or (not query.facets and query.histogram is None):
            return Counts({name: [] for name in query.facets}, [])
        return self._counting.counts(
            lambda: self._query(matching, scored=False), matching.digest, query
        )

    def _stored(self, address: tantivy.DocAddress) -> bytes:
        return _bytes(self._searcher.doc(address))

    def _hidden_after(self, instant: int) -> int | None:
        """The last instant that hides the same documents; ``None`` where no document is later."""
        undated = self._undated
        if undated is None or not (
            undated[0] <= instant and (undated[1] is None or instant < undated[1])
        ):
            undated = self._undated = instant, self._next_date(instant)
        return None if undated[1] is None else undated[1] - 1

    def _next_date(self, instant: int) -> int | None:
        """The date of the first document that is later than an instant."""
        later = tantivy.Query.range_query(
            self._schema, "date", FieldType.Integer, instant + 1, None
        )
        found = self._searcher.search(
            later, limit=1, count=False, order_by_field="date", order=Order.Asc
        ).hits
        return int(found[0][0]) if found else None

    def _query(self, matching: Matching, scored: bool) -> tantivy.Query:
        queries = Queries(self._schema, self._searcher, self._mapping)
        return queries.whole(matching.parsed, matching.every, matching.limits, scored)

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
