"""Queries on Elasticsearch: the body of a search, and the answer made of its response.

Each clause matches the same documents as in the embedded engine and scores alike: BM25 over all
texts as if they were one (``combined_fields``), the title twice, and a small part of each text's
own score.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from search import answers
from search.elastic.cluster import Cluster
from search.elastic.index import Index
from search.elastic.layout import BESIDE, exact, keyword, stems
from search.engine import Answer
from search.english import only_stop_words, words
from search.errors import SearchError
from search.highlight import Highlighter
from search.mapping import FIELD_WEIGHT, IndexMapping
from search.query import Limits, Query
from search.syntax import Clause, Group, Parsed, Phrase, Prefix, parse

FACET_VALUES = 100
MOST_VALUES = 10_000_000
"""More values than any facet has, so that all are counted."""
WINDOW = 10_000
"""Hits that one search can return or skip (``index.max_result_window``)."""
TITLE_WEIGHT = 2
PREFIX_WEIGHT = 1 / 2.2
"""The score of a prefix in relation to the most that a word scores in tantivy's BM25.

Tantivy multiplies by k1 + 1 = 2.2; Lucene does not.
"""

Json = Mapping[str, Any]


class _Searcher:
    """Sends the bodies of searches to one index of a cluster."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self._name = name

    def search(self, body: Json) -> Json:
        """The response of ``_search``; a body with ``pit`` is sent without the index's name."""
        path = "/_search" if "pit" in body else f"/{self._name}/_search"
        response: Json = self._cluster.ask("POST", path, body)
        return response

    @contextmanager
    def point_in_time(self) -> Iterator[str]:
        """The id of a point in time; it stays open for a minute after each use."""
        pit = self._cluster.ask("POST", f"/{self._name}/_pit", keep_alive="1m")["id"]
        try:
            yield pit
        finally:
            # Where that fails it closes by itself in a minute, and the hits are there already.
            with suppress(SearchError):
                self._cluster.ask("DELETE", "/_pit", {"id": pit}, missing=None)


def find(query: Query, index: Index, cluster: Cluster) -> Answer:
    """Answer a query from one index, by the mapping that it was built with.

    Raises ``UnknownName`` and ``InvalidQuery`` as every engine does.
    """
    from search.embedded.index import stems as stemmed  # both engines' stems are the same

    mapping, searcher = index.mapping, _Searcher(cluster, index.name)
    limits = answers.limits(query, mapping)
    parsed = parse(query.text, mapping.text)
    every = parsed.all_may_match and not query.any_word
    response = _response(query, parsed, every, limits, mapping, searcher)
    if every and not response["hits"]["total"]["value"] and len(parsed.loose) > 1:
        every = False
        response = _response(query, parsed, every, limits, mapping, searcher)
    highlighter = Highlighter(parsed.clauses if query.highlight else (), stemmed)
    scored = _scored(query, parsed)
    return Answer(
        total=response["hits"]["total"]["value"],
        hits=[
            answers.hit(hit["_score"] if scored else None, _document(hit), mapping, highlighter)
            for hit in response["hits"]["hits"]
        ],
        facets={
            name: [(str(b["key"]), int(b["doc_count"])) for b in facet["buckets"]]
            for name, facet in response.get("aggregations", {}).items()
        },
        matching="all" if every else "any",
        note=parsed.note,
        generation=index.metadata.generation,
        sequence=index.metadata.sequence,
    )


def _document(hit: Json) -> dict[str, Any]:
    return {name: value for name, value in hit["_source"].items() if name != BESIDE}


def _scored(query: Query, parsed: Parsed) -> bool:
    return query.sort == "relevance" and bool(parsed.groups)


def _response(
    query: Query,
    parsed: Parsed,
    every: bool,
    limits: Limits,
    mapping: IndexMapping,
    searcher: _Searcher,
) -> Json:
    """Elasticsearch's response with exact facets, and the hits of the page, however late it is."""
    scored = _scored(query, parsed)
    body = {
        "query": bool_query(parsed, every, limits, mapping, scored),
        "sort": _sort(query, mapping, scored),
    }
    counting = {**body, "track_total_hits": True, "aggs": _facets(query, mapping)}
    if query.offset + query.size <= WINDOW:
        return _counted_exactly(counting | {"from": query.offset, "size": query.size}, searcher)
    with searcher.point_in_time() as pit:
        snapshot = {"pit": {"id": pit, "keep_alive": "1m"}}
        response = _counted_exactly(snapshot | counting | {"size": 0}, searcher)
        if query.offset >= response["hits"]["total"]["value"]:
            return response
        hits = list(_walk(snapshot | body, query.offset, query.size, searcher))
    return {**response, "hits": {**response["hits"], "hits": hits}}


def _counted_exactly(body: Json, searcher: _Searcher) -> Json:
    """The response with exact facets; a second search counts all values where shards disagree."""
    response = searcher.search(body)
    facets = response.get("aggregations", {}).values()
    if all(not facet["doc_count_error_upper_bound"] for facet in facets):
        return response
    aggs = {
        name: {"terms": {**facet["terms"], "shard_size": MOST_VALUES}}
        for name, facet in body["aggs"].items()
    }
    return searcher.search({**body, "aggs": aggs})


def _walk(body: Json, offset: int, size: int, searcher: _Searcher) -> Iterator[Json]:
    """The hits of a late page; those before it are skipped, window by window, without sources."""
    after: Json = {}
    place, end = 0, offset + size
    while place < end:
        count = min(WINDOW, offset - place if place < offset else end - place)
        window = {"size": count, "_source": place >= offset, "track_total_hits": False}
        hits = searcher.search({**body, **window, **after})["hits"]["hits"]
        if place >= offset:
            yield from hits
        if len(hits) < count:
            return
        after = {"search_after": hits[-1]["sort"]}
        place += count


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


def bool_query(
    parsed: Parsed, every: bool, limits: Limits, mapping: IndexMapping, scored: bool
) -> Json:
    """The body's ``query``. Filters and dates do not score; clauses that only score are optional.

    >>> articles = IndexMapping("headline", {"headline": ["headline"]}, {"id": "id"}, None, bulk=())
    >>> bool_query(parse("*"), True, Limits({"id": ["1"]}), articles, scored=False)
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
    return {"bool": {kind: queries for kind, queries in parts.items() if queries}}


def _limits(limits: Limits, mapping: IndexMapping) -> Iterator[Json]:
    for name, values in limits.filters.items():
        yield {"terms": {keyword(mapping, name): list(values)}}
    ends = {"gte": limits.first, "lte": limits.last}
    if bounds := {end: instant for end, instant in ends.items() if instant is not None}:
        yield {"range": {f"{BESIDE}.date": bounds}}


def _any_of(clauses: Sequence[Clause], mapping: IndexMapping) -> Json:
    either = _either([_clause(clause, mapping) for clause in clauses])
    return {"bool": {"must": [either], "boost": mapping.whole_weight}}


def _extras(loose: Iterable[Group], mapping: IndexMapping) -> Iterator[Json]:
    """The optional clauses that raise a score: the words in each text with its own score."""
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
        prefix = {"query": start, "operator": "and", "boost": PREFIX_WEIGHT}
        last = _either([{"match_bool_prefix": {exact(path): prefix}} for path in paths])
        return _every([*(_as_written(paths, word) for word in before), last])
    if only_stop_words(clause.text):
        return _every([_as_written(paths, word) for word in words(clause.text)])
    weights = {mapping.title: f"^{TITLE_WEIGHT}"} if clause.field is None else {}
    fields = [stems(path) + weights.get(path, "") for path in paths]
    return {"combined_fields": {"query": clause.text, "fields": fields, "operator": "and"}}


def _as_written(paths: Iterable[str], text: str) -> Json:
    """The query for exact words, one after the other, in any of the paths."""
    return _either([{"match_phrase": {exact(path): text}} for path in paths])


def _paths(mapping: IndexMapping, names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(path for name in names for path in mapping.text[name]))


def _either(queries: list[Json]) -> Json:
    return queries[0] if len(queries) == 1 else {"bool": {"should": queries}}


def _every(queries: list[Json]) -> Json:
    return queries[0] if len(queries) == 1 else {"bool": {"must": queries}}
