"""Index mappings: a generation is searched by what it was built with."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay import Tally
from search import answers
from search.errors import InvalidQuery, UnknownName
from search.highlight import Highlighter
from search.mapping import FIELD_WEIGHT, IndexMapping, values
from search.query import Query

ARTICLES = IndexMapping(
    "headline",
    {"headline": ["headline"], "body": ["body"], "tag": ["tags.name"]},
    {"id": "id", "tag": "tags.name"},
    "published_at",
    bulk=["body"],
)
TALLY = Tally("others", by="of.id", count="number", cards={"latest": ("id", "at")})
UNMARKED = Highlighter((), lambda _: ())
JSON = st.recursive(
    st.none() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3), max_leaves=8
)


def flat(document: Any) -> list[str]:
    """The texts in nested lists, in order."""
    if isinstance(document, list):
        return [text for item in document for text in flat(item)]
    return [] if document is None else [document]


@pytest.mark.parametrize("mapping", [ARTICLES, replace(ARTICLES, tally=TALLY)])
def test_a_mapping_is_read_from_json_as_it_was_written(mapping: IndexMapping) -> None:
    read = IndexMapping.read(json.loads(json.dumps(mapping.as_json())), "1:abc")
    assert read.layout == 1
    assert read == mapping
    assert read.digest == mapping.digest


def test_a_mapping_of_before_is_read_without_what_nothing_reads_any_more() -> None:
    of_before = {**ARTICLES.as_json(), "embargoed_counts": {"article_count": "latest"}}
    del of_before["tally"]
    assert IndexMapping.read(of_before, "1:abc") == ARTICLES


def test_any_change_of_a_mapping_changes_its_digest() -> None:
    changed = [
        replace(ARTICLES, title="body"),
        replace(ARTICLES, text={"headline": ["headline"]}),
        replace(ARTICLES, filters={"id": "id"}),
        replace(ARTICLES, date=None),
        replace(ARTICLES, bulk=[]),
        replace(ARTICLES, tally=TALLY),
    ]
    assert len({mapping.digest for mapping in [ARTICLES, *changed]}) == 7


def test_the_year_is_a_filter_of_dated_documents_unless_the_view_has_its_own() -> None:
    assert ARTICLES.filter_names == ["id", "tag", "year"]
    assert replace(ARTICLES, date=None).filter_names == ["id", "tag"]
    assert replace(ARTICLES, filters={"year": "volume"}).filter_names == ["year"]


def test_a_filter_by_id_uses_the_field_of_ids() -> None:
    assert [ARTICLES.keyword(name) for name in ARTICLES.filter_names] == [
        "id",
        "filter_tag",
        "filter_year",
    ]


def test_a_bulk_text_has_no_score_of_its_own_and_the_whole_document_has_more() -> None:
    assert (ARTICLES.scored, ARTICLES.whole_weight) == (["headline", "tag"], 1 + FIELD_WEIGHT)
    assert replace(ARTICLES, bulk=()).whole_weight == 1


@given(JSON)
def test_the_values_at_a_path_are_those_that_are_there_in_order(document: Any) -> None:
    assert list(values(document, "")) == flat(document)
    assert list(values({"a": {"b": document}}, "a.b")) == flat(document)
    assert list(values([{"a": document}, None, {"a": None}], "a")) == flat(document)


@pytest.mark.parametrize("title", [None, "", "  \n"])
def test_a_document_with_a_blank_title_shows_its_id(title: str | None) -> None:
    document: dict[str, Any] = {
        "id": "a<b",
        "headline": title,
        "body": None,
        "tags": [],
        "published_at": None,
    }
    hit = answers.hit(1.0, document, ARTICLES, UNMARKED)
    assert (hit.id, hit.title, hit.fragments, hit.date) == ("a<b", "a&lt;b", {}, None)


def test_one_value_of_a_filter_is_a_list_of_it_and_an_empty_filter_is_none() -> None:
    query = Query(filters={"tag": "sea", "id": ["a", "b"], "year": []}, date_from="1912")
    limits = answers.limits(query, ARTICLES)
    assert limits.filters == {"tag": ["sea"], "id": ["a", "b"]}
    assert (limits.first, limits.last) == (-1830384000000000, None)


def test_an_unknown_filter_or_facet_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(UnknownName, match="articles has no filter 'town'; it has: id, tag, year"):
        answers.limits(Query(view="articles", filters={"town": ""}), ARTICLES)
    with pytest.raises(UnknownName, match="articles has no facet 'town'"):
        answers.limits(Query(view="articles", facets=["tag", "town"]), ARTICLES)


def test_dates_are_an_error_where_documents_have_none() -> None:
    undated = replace(ARTICLES, date=None)
    with pytest.raises(InvalidQuery, match="the documents of tags have no date to search by"):
        answers.limits(Query(view="tags", date_to="1912"), undated)
    assert answers.limits(Query(view="tags"), undated).last is None
