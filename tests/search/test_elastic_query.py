"""The bodies of searches on Elasticsearch, and how late pages are walked to, without a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import weights
from search.elastic import counting
from search.elastic import searched as elastic
from search.elastic.cluster import Cluster
from search.elastic.query import bool_query
from search.mapping import FIELD_WEIGHT, IndexMapping
from search.query import Limits, Query
from search.syntax import parse

ARTICLES = IndexMapping(
    "headline",
    {"headline": ["headline"], "byline": ["bylines.name"], "body": ["body"]},
    {"id": "id", "byline": "bylines.name"},
    "published_at",
    bulk=["body"],
)
SHORT = IndexMapping("name", {"name": ["name"]}, {}, None, bulk=())


class Hits:
    """A cluster with so many hits, which it returns as ``search_after`` asks; it counts sources."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.sources = 0
        self.most = 0

    def search(self, body: Mapping[str, Any]) -> Any:
        first = body.get("search_after", [0])[0]
        places = range(first, min(self.total, first + body["size"]))
        self.most = max(self.most, body["size"])
        self.sources += len(places) if body["_source"] else 0
        return {"hits": {"hits": [{"_id": n, "sort": [n + 1]} for n in places]}}


class Responses:
    """A cluster that gives these responses in turn, and keeps the requests."""

    def __init__(self, *responses: Any) -> None:
        self.responses = list(responses)
        self.requests: list[tuple[str, str, Any]] = []

    def ask(self, method: str, path: str, body: Any = None, **_: Any) -> Any:
        self.requests.append((method, path, body))
        return self.responses.pop(0)


def body(text: str, mapping: IndexMapping = SHORT, every: bool = True, **limits: Any) -> Any:
    parsed = parse(text, mapping.text)
    return bool_query(parsed, every, Limits(**limits), mapping, scored=False)


def searched(query: Query, *responses: Any) -> tuple[Any, Responses]:
    cluster = Responses(*responses)
    searcher = elastic._Searcher(cast(Cluster, cluster), "stet-1")
    parsed = parse(query.text)
    return elastic._response(query, parsed, True, Limits(), SHORT, searcher), cluster


def response(total: int, *facet_errors: int) -> Any:
    facets = {f"facet{n}": error for n, error in enumerate(facet_errors)}
    return {
        "hits": {"total": {"value": total}, "hits": []},
        "aggregations": {
            name: {"doc_count_error_upper_bound": error, "buckets": []}
            for name, error in facets.items()
        },
    }


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 30), st.integers(1, 9))
def test_a_late_page_has_the_hits_after_those_before_it(
    total: int, offset: int, size: int, window: int
) -> None:
    hits = Hits(total)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(elastic, "WINDOW", window)
        found = list(elastic._walk({}, offset, size, cast(elastic._Searcher, hits)))
    assert [hit["_id"] for hit in found] == list(range(total))[offset : offset + size]
    assert hits.sources == len(found)
    assert hits.most <= window


def test_a_page_within_the_window_is_one_request() -> None:
    _, cluster = searched(Query("sea", page=1000, size=10), response(3))
    ((method, path, sent),) = cluster.requests
    assert (method, path) == ("POST", "/stet-1/_search")
    assert (sent["from"], sent["size"], sent["track_total_hits"]) == (9_990, 10, True)


def test_a_page_beyond_the_window_is_walked_to_in_a_point_in_time_that_is_closed() -> None:
    answer, cluster = searched(Query("sea", page=1001), {"id": "pit"}, response(50), {})
    assert answer["hits"]["hits"] == []
    assert [request[:2] for request in cluster.requests] == [
        ("POST", "/stet-1/_pit"),
        ("POST", "/_search"),
        ("DELETE", "/_pit"),
    ]
    assert cluster.requests[2][2] == {"id": "pit"}


def test_facets_are_counted_again_where_shards_disagree() -> None:
    query = Query("sea", facets=["facet0", "facet1"])
    answer, cluster = searched(query, response(50, 0, 3), response(50, 0, 0))
    assert answer == response(50, 0, 0)
    again = cluster.requests[1][2]["aggs"]
    assert {facet["terms"]["shard_size"] for facet in again.values()} == {counting.MOST_VALUES}
    _, cluster = searched(query, response(50, 0, 0))
    assert len(cluster.requests) == 1


def test_a_text_without_a_word_matches_nothing_and_an_empty_one_everything() -> None:
    assert body("?!") == {"match_none": {}}
    assert body("") == {"bool": {"filter": [{"match_all": {}}]}}
    excluded = body("-harbor")["bool"]
    assert excluded["filter"] == [{"match_all": {}}]
    assert excluded["must_not"][0]["combined_fields"]["query"] == "harbor"


def test_words_must_all_match_or_any_of_them_but_operators_always() -> None:
    every, some = (
        body('sea ice "south pole"', every=every)["bool"]["must"] for every in (True, False)
    )
    assert len(every) == 3
    assert len(some) == 2
    phrase = {"match_phrase": {"name.exact": "south pole"}}
    assert every[0]["bool"]["must"] == some[0]["bool"]["must"] == [phrase]
    assert len(some[1]["bool"]["must"][0]["bool"]["should"]) == 2


def test_the_title_counts_twice_and_a_field_clause_looks_in_its_field_only() -> None:
    anywhere, named = body("sea byline:ana", ARTICLES)["bool"]["must"][::-1]
    clause, *_ = anywhere["bool"]["must"][0]["dis_max"]["queries"]
    assert clause["combined_fields"]["fields"] == ["headline^2", "bylines.name", "body"]
    clause, *_ = named["bool"]["must"][0]["dis_max"]["queries"]
    assert clause["combined_fields"]["fields"] == ["bylines.name"]
    assert anywhere["bool"]["boost"] == 1 + FIELD_WEIGHT


def test_only_the_last_word_of_a_prefix_is_one() -> None:
    (must,) = body("south-po*")["bool"]["must"]
    before, last = must["bool"]["must"][0]["bool"]["must"]
    assert before == {"match_phrase": {"name.exact": "south"}}
    assert last["match_bool_prefix"]["name.exact"]["query"] == "po"


def test_stop_words_are_searched_as_they_are_written() -> None:
    (must,) = body("the")["bool"]["must"]
    assert must["bool"]["must"] == [{"match_phrase": {"name.exact": "the"}}]


def test_only_a_scored_query_has_clauses_that_only_score_and_bulk_texts_have_none() -> None:
    parsed = parse("sea ice")
    assert "should" not in bool_query(parsed, True, Limits(), ARTICLES, scored=False)["bool"]
    *extras, near = bool_query(parsed, True, Limits(), ARTICLES, scored=True)["bool"]["should"]
    phrase = {"match_phrase": {"headline": {"query": "sea ice", "slop": weights.APART}}}
    assert phrase in near["constant_score"]["filter"]["bool"]["should"]
    assert [next(iter(extra["match"])) for extra in extras] == ["headline", "bylines.name"]
    assert extras[0]["match"]["headline"] == {"query": "sea ice", "boost": FIELD_WEIGHT}


def test_filters_and_ends_of_a_range_narrow_without_a_score() -> None:
    limits: dict[str, Any] = {"filters": {"id": ["a"], "year": ["1912"]}, "first": 0}
    assert body("", ARTICLES, **limits)["bool"]["filter"] == [
        {"match_all": {}},
        {"terms": {"id": ["a"]}},
        {"terms": {"stet.year": ["1912"]}},
        {"range": {"stet.date": {"gte": 0}}},
    ]


@given(st.text(), st.booleans(), st.booleans())
def test_any_text_is_a_query_without_empty_clauses(text: str, every: bool, scored: bool) -> None:
    found = bool_query(parse(text, ARTICLES.text), every, Limits(), ARTICLES, scored)
    assert found == {"match_none": {}} or all(found["bool"].values())


@pytest.mark.parametrize("sort", ["relevance", "newest", "oldest"])
def test_every_order_ends_with_what_no_two_documents_share(sort: str) -> None:
    for mapping in (ARTICLES, SHORT):
        for scored in (True, False):
            *_, last = elastic._sort(Query(sort=sort), mapping, scored)
            assert set(last) == ({"stet.tie"} if scored else {"id"})
