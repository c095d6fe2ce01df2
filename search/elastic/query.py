"""Queries on Elasticsearch: the body of a search, and the answer made of its response.

Each clause matches the same documents as in the embedded engine and scores alike: BM25 over all
texts as if they were one (``combined_fields``), the title twice, and a small part of each text's
own score.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from search import answers, weights
from search.analysis import only_stop_words, pairs, pattern_of, words
from search.clauses import (
    Clause,
    Dates,
    Either,
    Every,
    Filter,
    Not,
    Parsed,
    Pattern,
    Phrase,
    Prefix,
    Word,
)
from search.elastic.cluster import Cluster
from search.elastic.index import Index
from search.elastic.layout import BESIDE, document_of, exact, keyword, stems
from search.errors import SearchError
from search.forms import is_initials
from search.mapping import FIELD_WEIGHT, MONTH_DAY, IndexMapping
from search.normalizing import is_unspaced, normalized
from search.query import Limits, Query
from search.syntax import parse

FACET_VALUES = 100
MOST_VALUES = 10_000_000
"""More values than any facet has, so that all are counted."""
WINDOW = 10_000
"""Hits that one search can return or skip (``index.max_result_window``)."""
MOST_TERMS = 65_536
"""Values that one clause can have (``index.max_terms_count``)."""
TITLE_WEIGHT = 2
MOST_BUCKETS = 10_000
SIMILAR = {"max_edits": 2, "prefix_length": 0, "size": 20, "min_word_length": 4}

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


class Searched:
    """One index of a cluster, as answering needs it."""

    def __init__(self, index: Index, cluster: Cluster) -> None:
        self.metadata = index.metadata
        self.mapping = index.mapping
        self._searcher = _Searcher(cluster, index.name)

    def find(self, query: Query, parsed: Parsed, every: bool, limits: Limits) -> answers.Found:
        """The page of the documents that match: ``every`` word of the text, or any of them."""
        response = _response(query, parsed, every, limits, self.mapping, self._searcher)
        scored = query.sort == "relevance" and parsed.scored
        return answers.Found(
            response["hits"]["total"]["value"],
            [
                (hit["_score"] if scored else None, document_of(hit["_source"]))
                for hit in response["hits"]["hits"]
            ],
            {
                name: [(str(b["key"]), int(b["doc_count"])) for b in facet["buckets"]]
                for name, facet in response.get("aggregations", {}).items()
            },
        )

    def pruned(self, parsed: Parsed) -> Parsed:
        """The parsed text as it is: a cluster would be asked about each form."""
        return parsed

    def has(self, name: str, value: str) -> bool:
        """Whether any document has this value of a filter."""
        query = {"term": {keyword(self.mapping, name): value}}
        body = {"size": 0, "query": query, "terminate_after": 1, "track_total_hits": True}
        return bool(self._searcher.search(body)["hits"]["total"]["value"])

    def values(self, name: str) -> list[str]:
        """All values of a filter, at most as many as a cluster counts in one request."""
        terms = {"field": keyword(self.mapping, name), "size": MOST_BUCKETS}
        body = {"size": 0, "aggs": {"values": {"terms": terms}}}
        buckets = self._searcher.search(body)["aggregations"]["values"]["buckets"]
        return [str(bucket["key"]) for bucket in buckets]

    def similar(self, words: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
        """By word that no text has: similar words of the texts, and how many documents have each.

        Elasticsearch's term suggester compares words with those of one field.
        """
        paths = [exact(path) for path in _paths(self.mapping, self.mapping.text)]
        suggest = {
            f"{place} {path}": {
                "text": word,
                "term": {"field": path, "suggest_mode": "missing", **SIMILAR},
            }
            for place, word in enumerate(words)
            for path in paths
        }
        response = self._searcher.search({"size": 0, "suggest": suggest})["suggest"]
        similar: dict[str, list[tuple[str, int]]] = {}
        for place, word in enumerate(words):
            each = [response[f"{place} {path}"] for path in paths]
            if not self._has_word(word):
                similar[word] = [
                    (str(option["text"]), int(option["freq"]))
                    for entries in each
                    for entry in entries
                    for option in entry["options"]
                ]
        return similar

    def _has_word(self, word: str) -> bool:
        query = bool_query(parse(word), True, Limits(), self.mapping, scored=False)
        body = {"size": 0, "query": query, "terminate_after": 1, "track_total_hits": True}
        return bool(self._searcher.search(body)["hits"]["total"]["value"])


def _response(
    query: Query,
    parsed: Parsed,
    every: bool,
    limits: Limits,
    mapping: IndexMapping,
    searcher: _Searcher,
) -> Json:
    """Elasticsearch's response with exact facets, and the hits of the page, however late it is."""
    scored = query.sort == "relevance" and parsed.scored
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
        "should": list(_extras(parsed, mapping)) if scored else [],
        "filter": [*([{"match_all": {}}] if parsed.everything else []), *_limits(limits, mapping)],
        "must_not": [
            *(_clause(clause, mapping) for clause in parsed.excluded),
            *(_filter(name, values, mapping) for name, values in limits.excluded.items()),
            *_hidden(limits, mapping),
        ],
    }
    if parsed.loose and not every:
        parts["must"].append(_any_of(parsed.loose_words, mapping))
    return {"bool": {kind: queries for kind, queries in parts.items() if queries}}


def _limits(limits: Limits, mapping: IndexMapping) -> Iterator[Json]:
    for name, values in limits.filters.items():
        yield _filter(name, values, mapping)
    if limits.first is not None or limits.last is not None:
        yield _dates(limits.first, limits.last)
    if limits.month_day is not None:
        yield {"term": {f"{BESIDE}.{MONTH_DAY}": limits.month_day}}


def _filter(name: str, values: Sequence[str], mapping: IndexMapping) -> Json:
    return {"terms": {keyword(mapping, name): list(values)}}


def _dates(first: int | None, last: int | None) -> Json:
    bounds = {"gte": first, "lte": last}
    given = {end: instant for end, instant in bounds.items() if instant is not None}
    return {"range": {f"{BESIDE}.date": given}}


def _hidden(limits: Limits, mapping: IndexMapping) -> Iterator[Json]:
    """The documents that are no hits, whatever the query says."""
    if limits.hidden_after is not None:
        yield {"range": {f"{BESIDE}.date": {"gt": limits.hidden_after}}}
    for name, values in limits.hidden.items():
        for begin in range(0, len(values), MOST_TERMS):
            yield {"terms": {keyword(mapping, name): list(values[begin : begin + MOST_TERMS])}}


def _any_of(clauses: Sequence[Clause], mapping: IndexMapping) -> Json:
    queries = [_weighed(_clause(clause, mapping), weights.of(clause)) for clause in clauses]
    return {"bool": {"must": [_either(queries)], "boost": mapping.whole_weight}}


def _extras(parsed: Parsed, mapping: IndexMapping) -> Iterator[Json]:
    """The optional clauses that raise a score.

    They are the words in each text with its own score, words that stand near each other as in the
    query, and quotations that need not match.
    """
    texts: dict[float, list[str]] = {}
    for clause in parsed.loose_words:
        if isinstance(clause, Word) and not any(map(is_unspaced, words(clause.text))):
            texts.setdefault(weights.of(clause), []).append(normalized(clause.text))
    for weight, said in texts.items():
        for path in _paths(mapping, mapping.scored):
            match = {"query": " ".join(said), "boost": FIELD_WEIGHT * weight}
            yield {"match": {stems(path): match}}
    for first, second in weights.neighbours(parsed):
        near = _near(first, second, mapping)
        yield {"constant_score": {"filter": near, "boost": weights.NEIGHBOURS}}
    yield from (_clause(clause, mapping) for clause in parsed.optional)


def _near(first: str, second: str, mapping: IndexMapping) -> Json:
    """Two words near each other in any of their forms."""
    paths = _paths(mapping, mapping.text)
    phrase = {"query": f"{first} {second}", "slop": weights.APART}
    # The stems of an index of the first layout have no positions.
    name = exact if mapping.layout == 1 else stems
    return _either([{"match_phrase": {name(path): phrase}} for path in paths])


def _clause(clause: Clause, mapping: IndexMapping) -> Json:
    """The documents that a clause matches."""
    match clause:
        case Word():
            return _word(clause, mapping)
        case Filter(name, values):
            return {"bool": {"filter": [_filter(name, values, mapping)]}}
        case Dates(first, last):
            return {"bool": {"filter": [_dates(first, last)]}}
        case Every(clauses):
            return _every([_clause(each, mapping) for each in clauses])
        case Either(clauses):
            return _either([_clause(each, mapping) for each in clauses])
        case Not(inner):
            excluded = [_clause(inner, mapping)]
            return {"bool": {"must": [{"match_all": {"boost": 0}}], "must_not": excluded}}
        case Phrase(text, _, apart):
            return _as_written(_paths_of(clause, mapping), text, apart)
        case Pattern(text):
            like = {"value": pattern_of(text, "*", "?")}
            return _either([{"wildcard": {exact(p): like}} for p in _paths_of(clause, mapping)])
        case Prefix(text):
            return _prefix(_paths_of(clause, mapping), text)


def _prefix(paths: Iterable[str], text: str) -> Json:
    """The words of a prefix, of which only the last is a beginning."""
    *before, start = words(text)
    beginning = {"query": start, "operator": "and"}
    last = _either([{"match_bool_prefix": {exact(path): beginning}} for path in paths])
    return _every([*(_as_written(paths, word) for word in before), last])


def _word(word: Word, mapping: IndexMapping) -> Json:
    """A word, or the best of its forms."""
    forms = [_weighed(_clause(form, mapping), weights.of_form(word, form)) for form in word.forms]
    if not (forms and is_initials(word.text)):
        forms.insert(0, _as_said(word, mapping))
    return forms[0] if len(forms) == 1 else {"dis_max": {"queries": forms}}


def _as_said(word: Word, mapping: IndexMapping) -> Json:
    paths = _paths_of(word, mapping)
    exact_words = words(word.text)
    if any(map(is_unspaced, exact_words)):
        return _every(
            [
                _as_written(paths, part)
                if is_unspaced(part) or only_stop_words(part)
                else _stemmed(word.field, part, mapping)
                for part in pairs(word.text)
            ]
        )
    if only_stop_words(word.text):
        return _every([_as_written(paths, part) for part in exact_words])
    return _stemmed(word.field, word.text, mapping)


def _stemmed(field: str | None, text: str, mapping: IndexMapping) -> Json:
    paths = _paths(mapping, [field] if field else mapping.text)
    weighted = {mapping.title: f"^{TITLE_WEIGHT}"} if field is None else {}
    fields = [stems(path) + weighted.get(path, "") for path in paths]
    query = {"query": normalized(text), "fields": fields, "operator": "and"}
    return {"combined_fields": query}


def _paths_of(clause: Word | Phrase | Prefix | Pattern, mapping: IndexMapping) -> list[str]:
    return _paths(mapping, [clause.field] if clause.field else mapping.text)


def _as_written(paths: Iterable[str], text: str, apart: int = 0) -> Json:
    """The query for exact words, one after the other, in any of the paths."""
    phrase = {"query": normalized(text), "slop": apart} if apart else normalized(text)
    return _either([{"match_phrase": {exact(path): phrase}} for path in paths])


def _paths(mapping: IndexMapping, names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(path for name in names for path in mapping.text[name]))


def _weighed(query: Json, weight: float) -> Json:
    return query if weight == 1 else {"bool": {"must": [query], "boost": weight}}


def _either(queries: list[Json]) -> Json:
    return queries[0] if len(queries) == 1 else {"bool": {"should": queries}}


def _every(queries: list[Json]) -> Json:
    return queries[0] if len(queries) == 1 else {"bool": {"must": queries}}
