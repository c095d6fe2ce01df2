"""One index of a cluster as answering needs it: what is asked, and what its responses say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from search import answers
from search.clauses import Parsed
from search.elastic import counting
from search.elastic.cluster import Cluster
from search.elastic.index import Index
from search.elastic.layout import BESIDE, document_of, exact, identifier, keyword
from search.elastic.query import Json, bool_query, paths_of_texts
from search.errors import SearchError
from search.mapping import IndexMapping
from search.query import Limits, Query
from search.syntax import parse

WINDOW = 10_000
"""Hits that one search can return or skip (``index.max_result_window``)."""
SIMILAR = {"max_edits": 2, "prefix_length": 0, "size": 20, "min_word_length": 4}


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
        counted = response.get("aggregations", {})

        def of_all(aggs: Json) -> Json:
            matching = bool_query(parsed, every, limits, self.mapping, scored=False)
            found = self._searcher.search({"size": 0, "query": matching, "aggs": aggs})
            aggregated: Json = found["aggregations"]
            return aggregated

        return answers.Found(
            response["hits"]["total"]["value"],
            [
                (hit["_score"] if scored else None, document_of(hit["_source"]))
                for hit in response["hits"]["hits"]
            ],
            {
                name: counting.facet(name, query, self.mapping, counted[name], of_all)
                for name in query.facets
            },
            counting.periods(query.histogram, counted) if query.histogram else [],
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
        terms = {"field": keyword(self.mapping, name), "size": counting.MOST_BUCKETS}
        body = {"size": 0, "aggs": {"values": {"terms": terms}}}
        buckets = self._searcher.search(body)["aggregations"]["values"]["buckets"]
        return [str(bucket["key"]) for bucket in buckets]

    def similar(self, words: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
        """By word that no text has: similar words of the texts, and how many documents have each.

        Elasticsearch's term suggester compares words with those of one field.
        """
        paths = [exact(path) for path in paths_of_texts(self.mapping, self.mapping.text)]
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
    counted = {**body, "track_total_hits": True, **counting.counted(query, mapping)}
    if query.offset + query.size <= WINDOW:
        return _counted_exactly(counted | {"from": query.offset, "size": query.size}, searcher)
    with searcher.point_in_time() as pit:
        snapshot = {"pit": {"id": pit, "keep_alive": "1m"}}
        response = _counted_exactly(snapshot | counted | {"size": 0}, searcher)
        if query.offset >= response["hits"]["total"]["value"]:
            return response
        hits = list(_walk(snapshot | body, query.offset, query.size, searcher))
    return {**response, "hits": {**response["hits"], "hits": hits}}


def _counted_exactly(body: Json, searcher: _Searcher) -> Json:
    """The response with exact facets; a second search counts all values where shards disagree."""
    response = searcher.search(body)
    counts = response.get("aggregations", {}).values()
    if not any(each.get("doc_count_error_upper_bound") for each in counts):
        return response
    return searcher.search({**body, "aggs": counting.of_all_values(body["aggs"])})


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
    by_id = {identifier(mapping): "asc"}
    if scored:
        return [{"_score": "desc"}, {f"{BESIDE}.tie": "asc"}]
    if query.sort == "relevance" or mapping.date is None:
        return [by_id]
    order = "desc" if query.sort == "newest" else "asc"
    return [{f"{BESIDE}.date": {"order": order, "missing": "_last"}}, by_id]
