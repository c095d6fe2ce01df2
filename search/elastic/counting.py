"""What is counted of the hits in a cluster's index: facets, and periods of their dates.

A facet's values that contain a text are chosen here, as the embedded engine chooses them. The
cluster leaves out most others before, by a regular expression that each of them matches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from search import filters, histogram
from search.elastic.layout import BESIDE, keyword
from search.mapping import IndexMapping
from search.query import Query

FACET_VALUES = 100
MOST_VALUES = 10_000_000
"""More values than any facet has, so that all are counted."""
MOST_BUCKETS = 10_000
"""Values that one request counts."""
LETTERS_SOUGHT = 50
"""Letters of a text by which the cluster leaves out values, at most: longer ones are cut."""
PERIODS, START = " periods", f"{BESIDE}_start"
"""The names of a histogram and of its field, which no facet and no field of documents has."""
YEARS = ("year", "uuuu")
INTERVALS = {
    histogram.DECADE: YEARS,
    histogram.YEARLY: YEARS,
    histogram.MONTH: ("month", "uuuu-MM"),
}

Json = Mapping[str, Any]
Pairs = list[tuple[str, int]]


def counted(query: Query, mapping: IndexMapping) -> Json:
    """The parts of a search's body that count.

    A histogram counts by a field of its own, the date in milliseconds: the documents' may be in a
    form that a cluster cannot read as a date.
    """
    aggs: dict[str, Json] = {name: {"terms": _terms(name, query, mapping)} for name in query.facets}
    if query.histogram is None:
        return {"aggs": aggs}
    interval, form = INTERVALS[query.histogram]
    by = {"field": START, "calendar_interval": interval, "min_doc_count": 1, "format": form}
    date = f"doc['{BESIDE}.date']"
    floor = "at >= 0 ? at / 1000 : -((999 - at) / 1000)"
    script = f"if ({date}.size() > 0) {{ long at = {date}.value; emit({floor}); }}"
    return {
        "aggs": {**aggs, PERIODS: {"date_histogram": by}},
        "runtime_mappings": {START: {"type": "date", "script": {"source": script}}},
    }


def of_all_values(aggs: Json) -> Json:
    """The same aggregations, for which each shard counts all values and not only its own first."""
    return {
        name: {"terms": {**agg["terms"], "shard_size": MOST_VALUES}} if "terms" in agg else agg
        for name, agg in aggs.items()
    }


def _terms(name: str, query: Query, mapping: IndexMapping) -> dict[str, Any]:
    field, text = keyword(mapping, name), _text(query, name)
    if text is None:
        return {"field": field, "size": FACET_VALUES}
    return {"field": field, "size": MOST_BUCKETS, "include": pattern(text)}


def _text(query: Query, name: str) -> str | None:
    """The text that a facet's values contain; None for a blank one, which all contain."""
    text = query.facet_text.get(name, "")
    return text if text.strip() else None


def pattern(text: str) -> str:
    """A regular expression that every value containing a text matches, and few others.

    Values that are not ASCII all match.

    >>> pattern("Ana R.")
    '.*[aA][nN][aA][^a-zA-Z0-9]+[rR].*|.*[^ -~].*'
    """
    key = filters.with_keys([text])[0][0][:LETTERS_SOUGHT]
    words = key.split() if key.isascii() else []
    if not all(map(str.isalnum, words)):
        return ".*"
    said = "[^a-zA-Z0-9]+".join("".join(map(_either_case, word)) for word in words)
    return "|".join([*([f".*{said}.*"] if said else []), ".*[^ -~].*"])


def _either_case(letter: str) -> str:
    return f"[{letter}{letter.upper()}]" if letter.isalpha() else letter


def facet(
    name: str, query: Query, mapping: IndexMapping, counted: Json, search: Callable[[Json], Json]
) -> Pairs:
    """The most frequent values of a facet, of its aggregation.

    ``search`` is asked for all values where those that were counted are too few.
    """
    pairs, text = _pairs(counted["buckets"]), _text(query, name)
    if text is None:
        return pairs
    found = _containing(text, pairs)
    if len(found) < FACET_VALUES and counted["sum_other_doc_count"]:
        found = _containing(text, _all_values(keyword(mapping, name), search))
        found.sort(key=lambda pair: (-pair[1], pair[0]))
    return found[:FACET_VALUES]


def _containing(text: str, pairs: Iterable[tuple[str, int]]) -> Pairs:
    counts = dict(pairs)
    return [(each, counts[each]) for each in filters.containing(text, filters.with_keys(counts))]


def _all_values(field: str, search: Callable[[Json], Json]) -> Iterator[tuple[str, int]]:
    """Each value of all hits, and how many have it."""
    sources = [{"value": {"terms": {"field": field}}}]
    after: Json = {}
    while True:
        composite = {"size": MOST_BUCKETS, "sources": sources, **after}
        found = search({"values": {"composite": composite}})["values"]
        yield from ((str(b["key"]["value"]), int(b["doc_count"])) for b in found["buckets"])
        if "after_key" not in found:
            return
        after = {"after": found["after_key"]}


def periods(unit: str, counted: Json) -> Pairs:
    """The periods of a histogram, oldest first, of a response's aggregations."""
    buckets = counted[PERIODS]["buckets"]
    pairs = [(str(bucket["key_as_string"]), int(bucket["doc_count"])) for bucket in buckets]
    if unit != histogram.MONTH:
        return histogram.of_years(unit, pairs)
    return [pair for pair in pairs if len(pair[0]) == len("1912-04")]


def _pairs(buckets: Sequence[Json]) -> Pairs:
    return [(str(bucket["key"]), int(bucket["doc_count"])) for bucket in buckets]
