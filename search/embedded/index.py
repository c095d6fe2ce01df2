"""One index of the embedded engine: its fields in tantivy, and queries over it.

Only this module imports tantivy. ``search.embedded.layout`` describes the fields and makes the
lines that are indexed; ``search.embedded.engine`` has generations and answers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import tantivy
from tantivy import FieldType, Filter, Occur, Order, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from search.english import STOP_WORDS
from search.mapping import FIELD_WEIGHT, IndexMapping
from search.query import Limits
from search.syntax import Clause, Group, Parsed, Phrase, Prefix

FACET_VALUES = 100
FACET_VALUES_READ = 200
MOST_VALUES = 10_000_000
"""More values than any facet has, so that all are counted."""
MOST_TIES = 2_000
"""Hits of one score that are put in order; where there are more, the index's order stays."""
IDS_AT_ONCE = 20_000


@lru_cache(maxsize=1)
def _analyzers() -> tuple[TextAnalyzer, TextAnalyzer]:
    """The analyzers for exact words and for their stems."""

    def plain() -> TextAnalyzerBuilder:
        builder = TextAnalyzerBuilder(Tokenizer.simple())
        return builder.filter(Filter.lowercase()).filter(Filter.ascii_fold())

    stop = Filter.custom_stopword(sorted(STOP_WORDS))
    return plain().build(), plain().filter(stop).filter(Filter.stemmer("english")).build()


@lru_cache(maxsize=50_000)
def stems(text: str) -> tuple[str, ...]:
    """The stems of a text's words; stop words have none."""
    return tuple(_analyzers()[1].analyze(text))


def _exact(text: str) -> list[str]:
    """The exact words of a text, in lower case and without accents."""
    return _analyzers()[0].analyze(text)


@dataclass(frozen=True)
class Page:
    """One page of hits, each its score and stored JSON, and the total number of hits."""

    total: int
    hits: Sequence[tuple[float | None, bytes]]


class EmbeddedIndex:
    """The index of one view in a directory."""

    def __init__(self, index: tantivy.Index, mapping: IndexMapping) -> None:
        for name, analyzer in zip(("exact", "stems"), _analyzers(), strict=True):
            index.register_tokenizer(name, analyzer)
        self._index = index
        self._schema = index.schema
        self._mapping = mapping
        self._searcher = index.searcher()

    @classmethod
    def create(cls, path: Path, mapping: IndexMapping) -> EmbeddedIndex:
        """A new index in an empty directory."""
        return cls(tantivy.Index(_schema(mapping), str(path), reuse=False), mapping)

    @classmethod
    def open(cls, path: Path, mapping: IndexMapping) -> EmbeddedIndex:
        """The index in a directory; ``ValueError`` or ``OSError`` when it cannot be read."""
        index = tantivy.Index.open(str(path))
        index.config_reader("manual")  # else a thread looks for commits twice a second
        return cls(index, mapping)

    def writer(self, heap: int, threads: int) -> tantivy.IndexWriter:
        """Tantivy's writer with ``heap`` bytes of memory; see ``search.embedded.writer``."""
        return self._index.writer(heap, threads)

    def reloaded(self) -> EmbeddedIndex:
        """The index as it is now; this object still answers as of when it was opened."""
        reloaded = copy(self)
        reloaded._index.reload()
        reloaded._searcher = reloaded._index.searcher()
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
        scored = sort == "relevance" and bool(parsed.groups)
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

    def facets(
        self, parsed: Parsed, every: bool, limits: Limits, names: Sequence[str]
    ) -> dict[str, list[tuple[str, int]]]:
        """By facet, its values in all hits and how many hits have each, most frequent first."""
        if not names:
            return {}
        sizes = {"size": FACET_VALUES_READ, "segment_size": MOST_VALUES}
        counts = self._searcher.aggregate(
            self._query(parsed, every, limits, scored=False),
            {n: {"terms": {"field": self._mapping.keyword(n), **sizes}} for n in names},
        )
        facets = {}
        for name in names:
            pairs = [(str(b["key"]), int(b["doc_count"])) for b in counts[name]["buckets"]]
            facets[name] = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:FACET_VALUES]
        return facets

    def _stored(self, address: tantivy.DocAddress) -> bytes:
        return _bytes(self._searcher.doc(address))

    def _query(self, parsed: Parsed, every: bool, limits: Limits, scored: bool) -> tantivy.Query:
        """The whole query. Filters and dates do not score; clauses that only score are optional."""
        must = [*parsed.required, *(parsed.loose if every else ())]
        parts = [(Occur.Must, self._any_of(group.clauses, scored)) for group in must]
        if parsed.loose and not every:
            clauses = [clause for group in parsed.loose for clause in group.clauses]
            parts.append((Occur.Must, self._any_of(clauses, scored)))
        if scored:
            parts += [
                (Occur.Should, tantivy.Query.boost_query(extra, FIELD_WEIGHT))
                for group in parsed.groups
                for extra in self._extras(group)
            ]
        parts += [(Occur.Must, self._unscored(limit)) for limit in self._limits(limits)]
        parts += [(Occur.MustNot, self._clause(clause)) for clause in parsed.excluded]
        if parsed.everything:
            parts.append((Occur.Must, self._unscored(tantivy.Query.all_query())))
        elif not parsed.groups:
            return tantivy.Query.empty_query()
        return tantivy.Query.boolean_query(parts)

    def _any_of(self, clauses: Sequence[Clause], scored: bool) -> tantivy.Query:
        weight = self._mapping.whole_weight
        queries = [self._clause(clause) for clause in clauses]
        if scored and weight != 1:
            queries = [tantivy.Query.boost_query(query, weight) for query in queries]
        return _either(queries)

    @staticmethod
    def _unscored(query: tantivy.Query) -> tantivy.Query:
        return tantivy.Query.const_score_query(query, 0.0)

    def _limits(self, limits: Limits) -> Iterator[tantivy.Query]:
        for name, values in limits.filters.items():
            yield tantivy.Query.term_set_query(
                self._schema, self._mapping.keyword(name), list(values)
            )
        if limits.first is not None or limits.last is not None:
            yield tantivy.Query.range_query(
                self._schema, "date", FieldType.Integer, limits.first, limits.last
            )

    def _clause(self, clause: Clause) -> tantivy.Query:
        """The documents that a clause matches."""
        names = [clause.field] if clause.field else list(self._mapping.text)
        if isinstance(clause, Phrase):
            return _either([self._phrase(name, _exact(clause.text)) for name in names])
        if isinstance(clause, Prefix):
            *words, start = _exact(clause.text) or [""]
            prefixes = [
                tantivy.Query.regex_query(self._schema, f"exact_{n}", f"{start}.*") for n in names
            ]
            return _every([*(self._anywhere(names, word) for word in words), _either(prefixes)])
        if word_stems := stems(clause.text):
            return _every([self._stem(clause.field, stem) for stem in word_stems])
        return _every([self._anywhere(names, word) for word in _exact(clause.text)])

    def _anywhere(self, names: Sequence[str], word: str) -> tantivy.Query:
        return _either([self._term(f"exact_{name}", word) for name in names])

    def _stem(self, name: str | None, stem: str) -> tantivy.Query:
        if name is None or name in self._mapping.scored:
            return self._term(f"text_{name}" if name else "all", stem)
        # A bulk text has no stems of its own: the words with this stem are looked up.
        begin = stem[:3] if len(stem) > 3 else stem[:1]
        known = self._searcher.terms_with_prefix(f"exact_{name}", begin)
        forms = [word for word, _ in known if stems(word) == (stem,)]
        return tantivy.Query.term_set_query(self._schema, f"exact_{name}", forms)

    def _phrase(self, name: str, words: list[str]) -> tantivy.Query:
        if len(words) < 2:
            return _every([self._term(f"exact_{name}", word) for word in words])
        return tantivy.Query.phrase_query(self._schema, f"exact_{name}", list(words))

    def _term(self, field: str, word: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, field, word, "freq")

    def _extras(self, group: Group) -> Iterator[tantivy.Query]:
        """The optional clauses that raise a score: the words in each text with its own score."""
        for clause in group.clauses:
            if group.loose:
                for stem in stems(clause.text):
                    for name in self._mapping.scored:
                        yield self._term(f"text_{name}", stem)


def _bytes(document: tantivy.Document) -> bytes:
    return bytes(document.get_first("document") or b"")


def _either(queries: list[tantivy.Query]) -> tantivy.Query:
    return _boolean(queries, Occur.Should)


def _every(queries: list[tantivy.Query]) -> tantivy.Query:
    return _boolean(queries, Occur.Must)


def _boolean(queries: list[tantivy.Query], occur: Occur) -> tantivy.Query:
    if not queries:
        return tantivy.Query.empty_query()
    if len(queries) == 1:
        return queries[0]
    return tantivy.Query.boolean_query([(occur, query) for query in queries])


def _schema(mapping: IndexMapping) -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("all", tokenizer_name="stems", index_option="freq")
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
    builder.add_unsigned_field("tie", fast=True)
    builder.add_bytes_field("document", stored=True)
    return builder.build()
