"""A reader's query as Elasticsearch is asked it, and what it answers.

What matches is what matches in the embedded engine, clause by clause; and so is what counts: BM25
over all texts as if they were one (``combined_fields``), the title twice, and a little of each
text's own score. Whoever can send a body to one index can ask: no client is known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from search import answers
from search.elastic.layout import BESIDE, exact, keyword, stems
from search.engine import Answer, Generation
from search.english import says_nothing, words
from search.highlight import Highlighter
from search.mapping import FIELD_WEIGHT, IndexMapping
from search.query import Limits, Query
from search.syntax import Clause, Group, Parsed, Phrase, Prefix, parse

FACET_VALUES = 100
MOST_VALUES = 10_000_000
"""More values than any facet has."""
WINDOW = 10_000
"""So many hits can be asked for, or skipped, at once (``index.max_result_window``)."""
TITLE_WEIGHT = 2
PREFIX_WEIGHT = 1 / 2.2
"""What a prefix counts, where one is the most that a word counts in tantivy's BM25.

It multiplies with k1 + 1 = 2.2; Lucene leaves that out.
"""

Json = Mapping[str, Any]


class Index(Protocol):
    """One index of a cluster, as far as a query needs it."""

    def search(self, body: Json) -> Json:
        """What ``_search`` answers; a body with ``pit`` is sent without the index's name."""

    def point_in_time(self) -> AbstractContextManager[str]:
        """The id of a point in time, kept open for a minute after each use, closed in the end."""


def find(query: Query, about: Generation, mapping: IndexMapping, index: Index) -> Answer:
    """Ask the index of a generation, by the mapping that it was built with.

    Raises ``UnknownName`` and ``InvalidQuery`` as every engine does.
    """
    from search.embedded.index import stems as stemmed  # both engines' stems are the same

    limits = answers.limits(query, mapping)
    parsed = parse(query.text, mapping.text)
    every = parsed.all_may_match and not query.any_word
    found = _asked(query, parsed, every, limits, mapping, index)
    if every and not found["hits"]["total"]["value"] and len(parsed.loose) > 1:
        every = False
        found = _asked(query, parsed, every, limits, mapping, index)
    highlighter = Highlighter(parsed.clauses if query.highlight else (), stemmed)
    scored = _scored(query, parsed)
    return Answer(
        total=found["hits"]["total"]["value"],
        hits=[
            answers.hit(hit["_score"] if scored else None, _document(hit), mapping, highlighter)
            for hit in found["hits"]["hits"]
        ],
        facets={
            name: [(str(b["key"]), int(b["doc_count"])) for b in counted["buckets"]]
            for name, counted in found.get("aggregations", {}).items()
        },
        matching="all" if every else "any",
        note=parsed.note,
        generation=about.generation,
        sequence=about.sequence,
    )


def _document(hit: Json) -> dict[str, Any]:
    return {name: value for name, value in hit["_source"].items() if name != BESIDE}


def _scored(query: Query, parsed: Parsed) -> bool:
    return query.sort == "relevance" and bool(parsed.groups)


def _asked(
    query: Query, parsed: Parsed, every: bool, limits: Limits, mapping: IndexMapping, index: Index
) -> Json:
    """What Elasticsearch answers, with exact facets, and the hits of the page wherever it is."""
    scored = _scored(query, parsed)
    asked = {
        "query": question(parsed, every, limits, mapping, scored),
        "sort": _sort(query, mapping, scored),
    }
    counting = {**asked, "track_total_hits": True, "aggs": _facets(query, mapping)}
    if query.offset + query.size <= WINDOW:
        return _exactly(counting | {"from": query.offset, "size": query.size}, index)
    with index.point_in_time() as pit:
        held = {"pit": {"id": pit, "keep_alive": "1m"}}
        found = _exactly(held | counting | {"size": 0}, index)
        if query.offset >= found["hits"]["total"]["value"]:
            return found
        hits = list(_walk(held | asked, query.offset, query.size, index))
    return {**found, "hits": {**found["hits"], "hits": hits}}


def _exactly(body: Json, index: Index) -> Json:
    """Ask again, for all values of each shard, where several shards left a count uncertain."""
    found = index.search(body)
    counts = found.get("aggregations", {}).values()
    if all(not counted["doc_count_error_upper_bound"] for counted in counts):
        return found
    aggs = {
        name: {"terms": {**asked["terms"], "shard_size": MOST_VALUES}}
        for name, asked in body["aggs"].items()
    }
    return index.search({**body, "aggs": aggs})


def _walk(body: Json, offset: int, size: int, index: Index) -> Iterator[Json]:
    """The hits of a page that begins anywhere: those before it are passed by without their text."""
    after: Json = {}
    place, end = 0, offset + size
    while place < end:
        many = min(WINDOW, offset - place if place < offset else end - place)
        shown = {"size": many, "_source": place >= offset, "track_total_hits": False}
        hits = index.search({**body, **shown, **after})["hits"]["hits"]
        if place >= offset:
            yield from hits
        if len(hits) < many:
            return
        after = {"search_after": hits[-1]["sort"]}
        place += many


def _sort(query: Query, mapping: IndexMapping, scored: bool) -> list[Json]:
    by_id = {keyword(mapping, "id"): "asc"}
    if scored:
        return [{"_score": "desc"}, {f"{BESIDE}.tie": "asc"}]
    if query.sort == "relevance" or mapping.date is None:
        return [by_id]
    order = "desc" if query.sort == "newest" else "asc"
    return [{f"{BESIDE}.date": {"order": order, "missing": "_last"}}, by_id]


def _facets(query: Query, mapping: IndexMapping) -> Json:
    return {
        name: {"terms": {"field": keyword(mapping, name), "size": FACET_VALUES}}
        for name in query.facets
    }


def question(
    parsed: Parsed, every: bool, limits: Limits, mapping: IndexMapping, scored: bool
) -> Json:
    """The body's ``query``. What only limits does not score; what only scores is optional.

    >>> articles = IndexMapping("headline", {"headline": ["headline"]}, {"id": "id"}, None, bulk=())
    >>> question(parse("*"), True, Limits({"id": ["1"]}), articles, scored=False)
    {'bool': {'filter': [{'match_all': {}}, {'terms': {'id': ['1']}}]}}
    """
    if not parsed.groups and not parsed.everything:
        return {"match_none": {}}
    must = [*parsed.required, *(parsed.loose if every else ())]
    parts = {
        "must": [_any_of(group.clauses, mapping) for group in must],
        "should": list(_extras(parsed.loose, mapping)) if scored else [],
        "filter": [*([{"match_all": {}}] if parsed.everything else []), *_limits(limits, mapping)],
        "must_not": [_clause(clause, mapping) for clause in parsed.excluded],
    }
    if parsed.loose and not every:
        clauses = [clause for group in parsed.loose for clause in group.clauses]
        parts["must"].append(_any_of(clauses, mapping))
    return {"bool": {kind: asked for kind, asked in parts.items() if asked}}


def _limits(limits: Limits, mapping: IndexMapping) -> Iterator[Json]:
    for name, values in limits.filters.items():
        yield {"terms": {keyword(mapping, name): list(values)}}
    ends = {"gte": limits.first, "lte": limits.last}
    if given := {end: instant for end, instant in ends.items() if instant is not None}:
        yield {"range": {f"{BESIDE}.date": given}}


def _any_of(clauses: Sequence[Clause], mapping: IndexMapping) -> Json:
    either = _either([_clause(clause, mapping) for clause in clauses])
    return {"bool": {"must": [either], "boost": mapping.whole_weight}}


def _extras(loose: Iterable[Group], mapping: IndexMapping) -> Iterator[Json]:
    """What makes a hit better: the words in texts of their own."""
    text = " ".join(clause.text for group in loose for clause in group.clauses)
    for path in _paths(mapping, mapping.scored) if text else ():
        yield {"match": {stems(path): {"query": text, "boost": FIELD_WEIGHT}}}


def _clause(clause: Clause, mapping: IndexMapping) -> Json:
    """The documents that a clause matches."""
    paths = _paths(mapping, [clause.field] if clause.field else mapping.text)
    if isinstance(clause, Phrase):
        return _as_written(paths, clause.text)
    if isinstance(clause, Prefix):
        *before, start = words(clause.text)
        begun = {"query": start, "operator": "and", "boost": PREFIX_WEIGHT}
        last = _either([{"match_bool_prefix": {exact(path): begun}} for path in paths])
        return _every([*(_as_written(paths, word) for word in before), last])
    if says_nothing(clause.text):
        return _every([_as_written(paths, word) for word in words(clause.text)])
    weights = {mapping.title: f"^{TITLE_WEIGHT}"} if clause.field is None else {}
    fields = [stems(path) + weights.get(path, "") for path in paths]
    return {"combined_fields": {"query": clause.text, "fields": fields, "operator": "and"}}


def _as_written(paths: Iterable[str], text: str) -> Json:
    """The words of the text as they stand, one after the other, in any of the paths."""
    return _either([{"match_phrase": {exact(path): text}} for path in paths])


def _paths(mapping: IndexMapping, names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(path for name in names for path in mapping.text[name]))


def _either(queries: list[Json]) -> Json:
    return queries[0] if len(queries) == 1 else {"bool": {"should": queries}}


def _every(queries: list[Json]) -> Json:
    return queries[0] if len(queries) == 1 else {"bool": {"must": queries}}
