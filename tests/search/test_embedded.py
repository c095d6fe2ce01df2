"""The embedded index: the lines it is made of, and what readers of damaged or no indexes see."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from event_log.dates import microseconds
from replay import View
from search import comparison, lines
from search.analysis import stems
from search.embedded import layout
from search.embedded.engine import EmbeddedEngine
from search.embedded.index import EmbeddedIndex
from search.engine import Change
from search.errors import DamagedIndex, NothingServes, UnknownName
from search.mapping import IndexMapping
from search.normalizing import normalized
from search.query import Query
from search.spelling import KnownWords

Write = Callable[..., Path]
Story = Callable[..., dict[str, Any]]
Views = Mapping[str, View]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
INSTANTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(lambda d: d.isoformat())
FEW = settings(max_examples=25)


def lines_of(path: Path, view: View) -> dict[str, Any]:
    query = layout.query(IndexMapping.of(view), pq.read_schema(path))
    return {key: json.loads(line) for piece in lines.in_pieces(path, query) for key, line in piece}


@pytest.fixture
def engine(tmp_path: Path, views: Views, write: Write, story: Story) -> EmbeddedEngine:
    """An engine whose live generation 1 has three articles."""
    engine = EmbeddedEngine(tmp_path, views)
    build(engine, write(tmp_path / "a.parquet", [story(str(n), f"Whale {n}") for n in range(3)]), 1)
    engine.promote({"articles": 1})
    return engine


def build(engine: EmbeddedEngine, documents: Path, generation: int) -> None:
    engine.create("articles", generation, 10 * generation)
    engine.load("articles", generation, documents)
    engine.refresh("articles", generation)


@FEW
@given(texts=st.lists(st.none() | TEXT, min_size=3, max_size=3), tags=st.lists(TEXT, max_size=4))
def test_a_line_has_each_text_once_more_where_it_is_searched_and_the_document_whole(
    tmp_path: Path, views: Views, write: Write, story: Story, texts: list[Any], tags: list[str]
) -> None:
    headline, abstract, body = texts
    document = story("a", abstract=abstract, body=body, tags=tags) | {"headline": headline}
    path = write(tmp_path / "a.parquet", [document])
    line = lines_of(path, views["articles"])["a"]
    present = [normalized(text) for text in texts if text is not None]
    title = [normalized(headline)] if headline is not None else []
    said = [normalized(tag) for tag in tags]
    assert line["all"] == [*title, *present, *said]
    assert line["exact_body"] == ([normalized(body)] if body is not None else [])
    assert line["text_tag"] == said
    assert sorted(line["filter_tag"]) == sorted(set(tags))
    stored = base64.b64decode(line["document"])
    assert json.loads(stored) | {"published_at": None} == document
    assert dict(comparison.digests(path)) == {"a": hashlib.sha256(stored).hexdigest()}


@FEW
@given(instants=st.lists(st.none() | INSTANTS, max_size=6))
def test_lines_sort_by_date_then_id_with_the_undated_last(
    tmp_path: Path, views: Views, write: Write, story: Story, instants: list[str | None]
) -> None:
    stories = [story(f"article/{n}", at=at) for n, at in enumerate(instants)]
    found = lines_of(write(tmp_path / "a.parquet", stories), views["articles"])
    dates = {document["id"]: document["published_at"] for document in stories}
    for order, sign in (("oldest", 1), ("newest", -1)):
        assert sorted(found, key=lambda key: found[key][order].encode()) == sorted(
            dates,
            key=lambda key: (
                (1, 0, key) if dates[key] is None else (0, sign * microseconds(dates[key]), key)
            ),
        )
    for key, at in dates.items():
        assert found[key]["date"] == ([] if at is None else [microseconds(at)])
        assert found[key]["filter_year"] == ([] if at is None else [at.isoformat()[:4]])


def test_a_view_without_a_date_is_ordered_by_id(
    tmp_path: Path, views: Views, write: Write, story: Story
) -> None:
    undated = View(
        "articles",
        1,
        views["articles"].documents,
        views["articles"].lineage,
        "headline",
        {"headline": ("headline",)},
        {"id": "id"},
    )
    line = lines_of(write(tmp_path / "a.parquet", [story("a")]), undated)["a"]
    assert line["newest"] == line["oldest"] == "~a"
    assert "date" not in line
    assert not [name for name in line if name.startswith("filter_")]


@pytest.mark.parametrize("text", ["", "whale"])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 10**6, 10**20])
def test_a_page_of_any_size_has_as_many_hits_as_there_are(
    engine: EmbeddedEngine, text: str, size: int
) -> None:
    for sort in ("relevance", "newest"):
        answer = engine.search(Query(text, size=size, sort=sort))
        assert (answer.total, len(answer.hits)) == (3, min(3, size))
        assert engine.search(Query(text, size=max(1, size), page=10**20, sort=sort)).hits == []


def test_a_reader_sees_a_promotion_with_its_next_query(
    engine: EmbeddedEngine, tmp_path: Path, write: Write, story: Story
) -> None:
    assert engine.search(Query()).generation == 1
    build(engine, write(tmp_path / "b.parquet", [story("9", "Ship")]), 2)
    assert engine.search(Query()).generation == 1
    engine.promote({"articles": 2})
    assert [hit.id for hit in engine.search(Query()).hits] == ["9"]
    engine.roll_back()
    assert engine.search(Query()).total == 3


def test_an_unknown_view_and_one_that_was_never_built_are_different_errors(
    engine: EmbeddedEngine,
) -> None:
    with pytest.raises(UnknownName, match="there is no view 'tags'; there are: articles, bylines"):
        engine.search(Query(view="tags"))
    with pytest.raises(NothingServes, match="nothing to search in bylines yet; run: stet rebuild"):
        engine.search(Query(view="bylines"))


def test_a_live_generation_that_was_deleted_by_hand_is_damage(engine: EmbeddedEngine) -> None:
    (engine.folder / "000001" / "articles.json").unlink()
    with pytest.raises(DamagedIndex, match="generation 1 of articles is gone or unfinished"):
        engine.search(Query())


def test_damage_is_one_line_until_a_promotion_repairs_it(
    engine: EmbeddedEngine, tmp_path: Path, write: Write, story: Story
) -> None:
    meta = engine.folder / "000001" / "articles" / "meta.json"
    meta.write_text("{")
    for _ in range(2):
        with pytest.raises(DamagedIndex, match=r"articles, generation 1, is damaged.*stet rebuild"):
            engine.search(Query())
    build(engine, write(tmp_path / "b.parquet", [story("9", "Ship")]), 2)
    engine.promote({"articles": 2})
    assert engine.search(Query()).total == 1


def test_an_open_index_is_searched_while_the_metadata_is_damaged(engine: EmbeddedEngine) -> None:
    assert engine.search(Query()).total == 3
    (engine.folder / "000001" / "articles.json").write_text("{")
    assert engine.search(Query("whale")).total == 3


@pytest.mark.parametrize(
    "word",
    ["Москва", "東京", "القاهرة", "ไทย", "हिन्दी", "தமிழ்", "שָׁלוֹם", "กำลัง", "cafe\u0301", "𐐷𐐷"],
)
def test_a_word_of_any_script_is_found_and_marked(
    tmp_path: Path, views: Views, write: Write, story: Story, word: str
) -> None:
    engine = EmbeddedEngine(tmp_path, views)
    build(engine, write(tmp_path / "a.parquet", [story("1", f"a {word}, b"), story("2", "c")]), 1)
    engine.promote({"articles": 1})
    assert stems(word)
    (hit,) = engine.search(Query(word)).hits
    assert hit.id == "1"
    assert hit.title == f"a <mark>{word}</mark>, b"


def test_the_words_of_an_index_are_gathered_once_and_again_after_a_step(
    engine: EmbeddedEngine, write: Write, story: Story, tmp_path: Path, monkeypatch: Any
) -> None:
    """A word that a step brings is suggested; one that it takes away is not."""
    gathered = []
    reading = EmbeddedIndex._terms

    def terms(index: EmbeddedIndex, field: str, beginning: str) -> list[tuple[str, int]]:
        gathered.append(field)
        return reading(index, field, beginning)

    monkeypatch.setattr(EmbeddedIndex, "_terms", terms)
    assert [engine.search(Query("whalo")).suggestion for _ in range(3)] == ["whale"] * 3
    once = len(gathered)
    assert once == len(set(gathered)) > 0
    changed = [story(str(n), "Walrus", body="Walrus whaly") for n in range(3)]
    path = write(tmp_path / "changed.parquet", changed)
    engine.advance(20, {"articles": 1}, [Change("articles", 1, path)])
    assert engine.search(Query("whalo")).suggestion == "whaly"
    assert engine.search(Query("walruz")).suggestion == "walrus"
    assert len(gathered) == 2 * once
    engine.close()


@FEW
@given(st.dictionaries(st.text("abc", min_size=1, max_size=7), st.integers(1, 5), max_size=80))
def test_similar_words_are_all_that_differ_by_two_letters_the_most_similar_first(
    counts: dict[str, int],
) -> None:
    measured = [(OSA.distance("abca", word), -count, word) for word, count in counts.items()]
    nearest = sorted(each for each in measured if each[0] <= 2)[:50]
    known = KnownWords(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
    assert known.similar("abca") == [(word, -count) for _, count, word in nearest]


@pytest.mark.parametrize("text", ['"whalo', 'whalo"', 'whalo "', 'whalo "1'])
def test_a_suggestion_begins_no_quotation_that_does_not_end(
    engine: EmbeddedEngine, text: str
) -> None:
    suggestion = engine.search(Query(text)).suggestion
    assert suggestion == text.replace('"', "").replace("whalo", "whale").strip()
