"""What is counted of the hits in an embedded index: facets, and periods of their dates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tantivy

from search import filters, histogram
from search.embedded.remembered import Key, Remembered
from search.mapping import YEAR, IndexMapping
from search.query import Query

FACET_VALUES = 100
FACET_VALUES_READ = 200
MOST_VALUES = 10_000_000
"""More values than any facet has, so that all are counted."""
Pairs = list[tuple[str, int]]
YEARS = " years"
"""The name of the counts by year, which no facet has."""


@dataclass(frozen=True)
class Counts:
    """By facet, its most frequent values; and the periods of a histogram, oldest first."""

    facets: dict[str, list[tuple[str, int]]]
    histogram: list[tuple[str, int]]


class Counting:
    """Counts in one index, as it is at one moment."""

    def __init__(
        self, searcher: tantivy.Searcher, mapping: IndexMapping, remembered: Remembered
    ) -> None:
        self._searcher = searcher
        self._mapping = mapping
        self._remembered = remembered
        self._keyed: dict[str, list[tuple[str, str]]] = {}
        """By facet whose values were searched, all of them with what they are compared by."""

    def counts(self, matching: Callable[[], tantivy.Query], digest: bytes, query: Query) -> Counts:
        """The query's facets and its histogram, of all documents that match.

        ``digest`` is that of what matches; what is remembered by it is not counted again.
        """
        asked = {name: query.facet_text.get(name, "") for name in query.facets}
        if query.histogram is not None:
            asked[YEARS] = ""
        known = {name: self._known((digest, name, text)) for name, text in asked.items()}
        if wanted := {name: asked[name] for name, pairs in known.items() if pairs is None}:
            for name, pairs in self._counted(matching(), wanted).items():
                known[name] = pairs
                self._remembered.keep((digest, name, wanted[name]), pairs)
        return Counts(
            {name: known[name] or [] for name in query.facets},
            self._periods(matching, digest, query.histogram, known[YEARS] or [])
            if query.histogram
            else [],
        )

    def _known(self, key: Key) -> Pairs | None:
        known = self._remembered.of(key)
        return None if known is None else [(name, number) for name, number in known]

    def _counted(self, matching: tantivy.Query, wanted: Mapping[str, str]) -> dict[str, Pairs]:
        """By facet, its most frequent values; by ``YEARS``, all years. All in one pass."""
        parts = {
            name: self._years() if name == YEARS else self._values(name, text)
            for name, text in wanted.items()
        }
        found: dict[str, Any] = self._searcher.aggregate(matching, parts)
        return {
            name: _pairs(found, name) if name == YEARS else _most_frequent(_pairs(found, name))
            for name in wanted
        }

    def _values(self, name: str, text: str) -> Mapping[str, Any]:
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
        self,
        matching: Callable[[], tantivy.Query],
        digest: bytes,
        unit: str,
        years: Pairs,
    ) -> Pairs:
        by_year = histogram.of_years(unit, years)
        if unit != histogram.MONTH or not by_year:
            return by_year
        key = digest, YEARS, unit
        if (known := self._known(key)) is not None:
            return known
        months = [month for year, _ in by_year for month in histogram.months_of(year)]
        counts = dict(_pairs(self._searcher.aggregate(matching(), {YEARS: _ranges(months)}), YEARS))
        by_month = [(month, counts[month]) for month in months if month in counts]
        self._remembered.keep(key, by_month)
        return by_month


def _terms(field: str, size: int, **options: Any) -> Mapping[str, Any]:
    return {"terms": {"field": field, "size": size, "segment_size": MOST_VALUES, **options}}


def _ranges(labels: Sequence[str]) -> Mapping[str, Any]:
    spans = ((label, *histogram.span(label)) for label in labels)
    ranges = [{"key": label, "from": first, "to": last + 1} for label, first, last in spans]
    return {"range": {"field": "date", "ranges": ranges}}


def _pairs(found: Mapping[str, Any], name: str) -> Pairs:
    """The counts of an aggregation; those beside the ranges that were asked for have none."""
    buckets = found[name]["buckets"]
    return [(str(each["key"]), int(each["doc_count"])) for each in buckets if each["doc_count"]]


def _most_frequent(pairs: Pairs) -> Pairs:
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:FACET_VALUES]
