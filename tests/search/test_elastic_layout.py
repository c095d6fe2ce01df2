"""The JSON that Elasticsearch is given: the document as it is, and what lies beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_log.dates import microseconds
from search import comparison, lines
from search.analysis import stems
from search.elastic import layout
from search.english import STEMMED_DIFFERENTLY
from search.mapping import IndexMapping

ARTICLES = IndexMapping(
    title="headline",
    text={"headline": ["headline"], "byline": ["bylines.name"], "day": ["id"]},
    filters={"id": "id", "byline": "bylines.name", "section": "section.name"},
    date="published_at",
    bulk=(),
)
Write = Callable[..., Path]


def sources(path: Path, mapping: IndexMapping = ARTICLES) -> dict[str, str]:
    query = layout.query(mapping, pq.read_schema(path))
    pieces = lines.in_pieces(path, query)
    return {key: source for piece in pieces for key, _, source in piece}


def fields(mapping: IndexMapping, schema: pa.Schema) -> dict[str, Any]:
    found: dict[str, Any] = layout.definition(mapping, schema)["mappings"]["properties"]
    return found


def test_a_document_stays_as_it_is_beside_its_digest_instant_year_and_tie(
    write: Write, story: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    path = write(
        tmp_path / "articles.parquet",
        [
            story("article/1", 'A "quoted"\nline', at="1851-09-18T05:00:00.25", bylines=["Ana"]),
            story("article/2"),
        ],
    )
    found = {key: json.loads(source) for key, source in sources(path).items()}
    beside = found["article/1"].pop("stet")
    assert found["article/1"]["headline"] == 'A "quoted"\nline'
    assert found["article/1"]["published_at"] == "1851-09-18T05:00:00.250000Z"
    instant = microseconds(datetime(1851, 9, 18, 5, microsecond=250_000))
    assert (beside["date"], beside["year"]) == (instant, "1851")
    assert set(found["article/2"]["stet"]) == {"digest", "sizes", "tie"}
    assert -(2**63) <= beside["tie"] < 2**63


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_the_digest_is_that_of_the_document_without_what_lies_beside_it(
    write: Write, story: Callable[..., dict[str, Any]], tmp_path: Path, texts: list[str]
) -> None:
    """So an index is compared with its view, byte by byte as it keeps what it was given."""
    documents = [story(f"article/{n}", text, tags=[text]) for n, text in enumerate(texts)]
    path = write(tmp_path / "articles.parquet", documents)
    expected = dict(comparison.digests(path))
    for key, source in sources(path).items():
        parsed = json.loads(source)
        assert parsed["stet"]["digest"] == expected[key]
        assert hashlib.sha256(layout.json_of(source.encode())).hexdigest() == expected[key]
        assert layout.document_of(parsed) == json.loads(layout.json_of(source.encode()))


def test_a_text_that_is_not_in_normal_form_is_searched_in_it_and_kept_as_it_was(
    write: Write, story: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    document = story(
        "article/1", "Re\u0301sume\u0301 \u5317\u4eac", bylines=["\u5317\u4eac", "a}},b"]
    )
    path = write(tmp_path / "articles.parquet", [document])
    (source,) = map(json.loads, sources(path).values())
    assert source["headline"] == "Resume  \u5317  \u4eac "
    assert sorted(source["stet"]["filter_byline"]) == ["a}},b", "\u5317\u4eac"]
    assert source["stet"]["original"]["headline"] == "Re\u0301sume\u0301 \u5317\u4eac"


def test_fields_are_indexed_as_the_view_declares_and_no_others() -> None:
    named = pa.struct([("id", pa.string()), ("name", pa.string())])
    schema = pa.schema(
        {
            "id": pa.string(),
            "headline": pa.string(),
            "published_at": pa.timestamp("us", "UTC"),
            "section": named,
            "bylines": pa.list_(named),
            "images": pa.list_(named),
            "word_count": pa.int32(),
        }
    )
    definition = layout.definition(ARTICLES, schema)
    found = definition["mappings"]["properties"]
    assert definition["mappings"]["dynamic"] == "strict"
    assert (found["headline"]["type"], set(found["headline"]["fields"])) == ("text", {"exact"})
    byline = found["bylines"]["properties"]["name"]
    assert (byline["type"], set(byline["fields"])) == ("text", {"exact"})
    assert found["stet"]["properties"]["filter_byline"] == {"type": "keyword"}
    assert found["section"]["properties"]["name"] == {"type": "keyword"}
    assert found["section"]["properties"]["id"] == layout.KEPT
    assert found["images"] == found["word_count"] == layout.KEPT
    assert found["published_at"]["type"] == "date"
    assert layout.keyword(ARTICLES, "id") == "id.keyword"
    assert layout.keyword(ARTICLES, "section") == "section.name"
    assert layout.keyword(ARTICLES, "year") == "stet.year"


def test_an_id_that_no_filter_names_is_a_keyword_still() -> None:
    mapping = IndexMapping("headline", {"headline": ["headline"]}, {}, None, bulk=())
    schema = pa.schema({"id": pa.string(), "headline": pa.string()})
    assert fields(mapping, schema)["id"] == {"type": "keyword"}
    assert layout.keyword(mapping, "id") == "id"


def test_a_view_whose_field_is_named_as_what_lies_beside_is_refused() -> None:
    with pytest.raises(ValueError, match="a field named 'stet'"):
        layout.definition(ARTICLES, pa.schema({"id": pa.string(), "stet": pa.string()}))


def test_stems_that_were_changed_are_told_to_who_does_not_know_them() -> None:
    schema = pa.schema({"id": pa.string()})
    rules = layout.definition(ARTICLES, schema)["settings"]["analysis"]["filter"]
    told = dict(rule.split(" => ") for rule in rules["told_apart"]["rules"])
    assert set(told) == set(STEMMED_DIFFERENTLY)
    assert told["university"] != stems("universe")[0]
