"""What is counted of the hits in an embedded index: facets, and periods of their dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tantivy

from search import filters, histogram
from search.mapping import YEAR, IndexMapping
from search.query import Query

FACET_VALUES = 100
FACET_VALUES_READ = 200
MOST_VALUES = 10_000_000
"""More values than any facet has, so that all are counted."""
YEARS = " years"
"""The name of the counts by year, which no facet has."""


@dataclass(frozen=True)
class Counts:
    """By facet, its most frequent values; and the periods of a histogram, oldest first."""

    facets: dict[str, list[tuple[str, int]]]
    histogram: list[tuple[str, int]]


class Counting:
    """Counts in one index, as it is at one moment."""

    def __init__(self, searcher: tantivy.Searcher, mapping: IndexMapping) -> None:
        self._searcher = searcher
        self._mapping = mapping
        self._keyed: dict[str, list[tuple[str, str]]] = {}
        """By facet whose values were searched, all of them with what they are compared by."""

    def counts(self, matching: tantivy.Query, query: Query) -> Counts:
        """The query's facets and its histogram, of all documents that match."""
        wanted = {name: self._values(name, query.facet_text.get(name)) for name in query.facets}
        if query.histogram is not None:
            wanted[YEARS] = self._years()
        found: dict[str, Any] = self._searcher.aggregate(matching, wanted)
        years = [(str(b["key"]), int(b["doc_count"])) for b in _buckets(found, YEARS)]
        return Counts(
            {name: _most_frequent(_buckets(found, name)) for name in query.facets},
            self._periods(matching, query.histogram, years) if query.histogram else [],
        )

    def _values(self, name: str, text: str | None) -> Mapping[str, Any]:
        """The aggregation of a facet: of all its values, or of those that contain a text."""
        only = {} if not text or text.isspace() else {"include": self._containing(name, text)}
        field = self._mapping.keyword(name)
        return _terms(field, FACET_VALUES_READ, **only)

    def _containing(self, name: str, text: str) -> list[str]:
        known = self._keyed.get(name)
        if known is None:
            terms = self._searcher.terms_with_prefix(self._mapping.keyword(name), "")
            known = self._keyed[name] = filters.with_keys(value for value, _ in terms)
        return filters.containing(text, known)

    def _years(self) -> Mapping[str, Any]:
        if YEAR not in self._mapping.filters:
            return _terms(self._mapping.keyword(YEAR), MOST_VALUES)
        return _ranges(histogram.all_years())  # the view's own years may be of something else

    def _periods(
        self, matching: tantivy.Query, unit: str, years: Sequence[tuple[str, int]]
    ) -> list[tuple[str, int]]:
        by_year = histogram.of_years(unit, years)
        if unit != histogram.MONTH or not by_year:
            return by_year
        months = [month for year, _ in by_year for month in histogram.months_of(year)]
        found = self._searcher.aggregate(matching, {YEARS: _ranges(months)})
        counts = {str(b["key"]): int(b["doc_count"]) for b in _buckets(found, YEARS)}
        return [(month, counts[month]) for month in months if month in counts]


def _terms(field: str, size: int, **options: Any) -> Mapping[str, Any]:
    return {"terms": {"field": field, "size": size, "segment_size": MOST_VALUES, **options}}


def _ranges(labels: Sequence[str]) -> Mapping[str, Any]:
    spans = ((label, *histogram.span(label)) for label in labels)
    ranges = [{"key": label, "from": first, "to": last + 1} for label, first, last in spans]
    return {"range": {"field": "date", "ranges": ranges}}


def _buckets(found: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """The counts of an aggregation; those beside the ranges that were asked for have none."""
    buckets: list[dict[str, Any]] = found[name]["buckets"] if name in found else []
    return [bucket for bucket in buckets if bucket["doc_count"]]


def _most_frequent(buckets: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    pairs = [(str(bucket["key"]), int(bucket["doc_count"])) for bucket in buckets]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:FACET_VALUES]
