"""What is under embargo counts in no other document, on both engines; and what that costs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import cli
from archive import Archive
from archive.export import file as exported
from newsroom import DOMAIN
from search import Engine, Hidden, Query, lines
from search.embedded import layout, shown_line
from search.hidden import Hiding
from search.mapping import IndexMapping

NOW = datetime(1912, 4, 16, 12, tzinfo=UTC)
SHIP = "zeppelin"
BOTH = {"byline_ids": ["byline/a", "byline/b"], "tag_ids": ["tag/t", "tag/u"]}


@pytest.fixture
def newsroom(
    engine_of: Callable[..., AbstractContextManager[Engine]], tmp_path: Path
) -> Iterator[Archive]:
    """An article of this morning; in a section below, one of this evening names others too."""
    with engine_of(tmp_path, DOMAIN.views) as engine:
        archive = Archive(tmp_path, DOMAIN, engine=engine)
        archive.append("section/w", "SectionOpened", {"name": "World"})
        archive.append("section/e", "SectionOpened", {"name": "East", "parent_id": "section/w"})
        archive.append("byline/a", "BylineRegistered", {"name": "Ana"})
        archive.append("byline/b", "BylineRegistered", {"name": "Bea Stone"})
        archive.append("tag/t", "TagDefined", {"name": "Air"})
        archive.append("tag/u", "TagDefined", {"name": "Umbrella"})
        publish(archive, "open", 8, section_id="section/w", byline_ids=["byline/a"])
        publish(archive, "held", 18, section_id="section/e", **BOTH)
        archive.rebuild()
        yield archive


def publish(archive: Archive, name: str, hour: int, **more: Any) -> None:
    at = f"1912-04-16T{hour:02}:00:00Z"
    headline = f"{SHIP} flies" if hour > 12 else "Balloon flies"
    data = {"headline": headline, "published_at": at, **more}
    archive.append(f"article/{name}", "ArticlePublished", data)


def ids(archive: Archive, text: str, view: str, **asked: Any) -> list[str]:
    query = Query(text, view, now=asked.pop("now", NOW), **asked)
    return [hit.id for hit in archive.engine.search(query).hits]


EVENING = NOW + timedelta(hours=8)
HELD = [
    ("", "bylines", {"filters": {"coauthor_id": "byline/b"}}, "byline/a"),
    ("", "bylines", {"filters": {"coauthor": "bea stone"}}, "byline/a"),
    ("coauthor:bea*", "bylines", {}, "byline/a"),
    ("", "bylines", {"filters": {"section": "East"}}, "byline/b"),
    ("", "bylines", {"date_from": "1912-04-16T13:00:00Z"}, "byline/a"),
    ("umbrella", "topics", {"filters": {"id": "tag/t"}}, "tag/t"),
    ("related:umb*", "topics", {}, "tag/t"),
    ("", "sections", {"filters": {"byline_id": "byline/b"}}, "section/w"),
    (SHIP, "timeline", {}, "1912-04-16"),
    ('"zeppelin flies"', "timeline", {}, "1912-04-16"),
    ("", "timeline", {"filters": {"section": "East"}}, "1912-04-16"),
]


@pytest.mark.parametrize(("text", "view", "asked", "found"), HELD)
def test_no_word_filter_or_date_finds_a_document_by_what_is_hidden(
    newsroom: Archive, text: str, view: str, asked: dict[str, Any], found: str
) -> None:
    assert ids(newsroom, text, view, **asked) == []
    assert found in ids(newsroom, text, view, embargoed=True, **asked)
    assert found in ids(newsroom, text, view, now=EVENING, **asked)


def test_facets_count_what_is_shown(newsroom: Archive) -> None:
    def facets(view: str, name: str, text: str = "") -> list[tuple[str, int]]:
        query = Query("", view, facets=[name], facet_text={name: text} if text else {}, now=NOW)
        return newsroom.search(query).facets[name]

    assert facets("bylines", "coauthor") == facets("bylines", "coauthor", "stone") == []
    assert facets("bylines", "section") == [("World", 1)]
    assert facets("topics", "related") == []
    assert facets("sections", "byline") == [("Ana", 1)]
    assert facets("timeline", "section") == [("World", 1)]


def test_a_section_is_without_what_is_hidden_in_one_below_it(newsroom: Archive) -> None:
    (hit,) = newsroom.search(Query("", "sections", ids=["section/w"], now=NOW)).hits
    assert hit.document["article_count"] == 1
    assert hit.document["bylines"] == [{"id": "byline/a", "name": "Ana", "count": 1}]
    assert hit.document["below"] == ["section/e"]


def test_readers_are_not_told_the_sequence_of_what_counts_articles(newsroom: Archive) -> None:
    for view in ("bylines", "topics", "sections", "timeline"):
        assert all("sequence" not in hit.document for hit in newsroom.search("", view).hits)
        desk = newsroom.search("", view, embargoed=True).hits
        assert all(hit.document["sequence"] > 0 for hit in desk)
    assert newsroom.search("", "articles").hits[0].document["sequence"] > 0


def test_lists_that_are_cut_are_whole_where_all_that_they_had_is_hidden(newsroom: Archive) -> None:
    for number in range(12):
        publish(newsroom, f"old{number:02}", 1, section_id="section/w", byline_ids=["byline/b"])
        publish(newsroom, f"new{number:02}", 20, section_id="section/w", byline_ids=["byline/b"])
    newsroom.catch_up()
    for view, key in (("sections", "section/w"), ("bylines", "byline/b")):
        (hit,) = newsroom.search(Query("", view, ids=[key], now=NOW)).hits
        listed = [card["id"] for card in hit.document["latest"]]
        old = [f"article/old{number:02}" for number in range(12)]
        first = ["article/open"] if view == "sections" else []
        assert listed == [*first, *old][:10]
        assert hit.document["article_count"] == 12 + len(first)
    assert hit.date == hit.document["last_published_at"] == "1912-04-16T01:00:00Z"


def test_a_step_and_the_clock_change_what_is_hidden(newsroom: Archive) -> None:
    def count(now: datetime = NOW) -> int:
        (hit,) = newsroom.search(Query("", "bylines", ids=["byline/a"], now=now)).hits
        return int(hit.document["article_count"])

    assert (count(), count(EVENING), count()) == (1, 2, 1)
    publish(newsroom, "more", 14, byline_ids=["byline/a"])
    publish(newsroom, "early", 7, byline_ids=["byline/a"])
    newsroom.catch_up()
    assert (count(), count(EVENING)) == (2, 4)
    newsroom.append("article/held", "ArticleRevised", {"byline_ids": ["byline/b"]})
    newsroom.catch_up()
    assert (count(), count(EVENING)) == (2, 3)
    newsroom.append("article/more", "ArticleRevised", {"published_at": "1912-04-16T09:00:00Z"})
    newsroom.catch_up()
    assert (count(), count(EVENING)) == (3, 3)


def test_a_search_of_the_past_is_without_what_was_hidden_then(newsroom: Archive) -> None:
    later = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    shown = newsroom.log.head
    data = {"headline": "Far", "published_at": later, "section_id": "section/e", **BOTH}
    newsroom.append("article/far", "ArticlePublished", data)
    head = newsroom.log.head
    newsroom.append("article/far", "ArticleRetracted")
    newsroom.catch_up()
    for view in ("bylines", "sections", "topics"):
        was, became = (newsroom.search("", view, at=at, size=100).hits for at in (shown, head))
        assert [hit.document for hit in became] == [hit.document for hit in was]
        desk = newsroom.search("", view, at=head, size=100, embargoed=True).hits
        assert sum(hit.document["article_count"] for hit in desk) > sum(
            hit.document["article_count"] for hit in was
        )


def test_nothing_more_is_searched_where_nothing_is_hidden_or_nothing_changed(
    newsroom: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    hiding: Hiding = newsroom.engine._hiding  # type: ignore[attr-defined]
    search = hiding.search
    monkeypatch.setattr(
        hiding, "search", lambda query: (searched.append(query.view), search(query))[1]
    )
    for now in (NOW, NOW + timedelta(seconds=1)):
        assert ids(newsroom, "", "topics", now=now) == ["tag/t", "tag/u"]
    assert searched == ["articles"]
    for _ in range(3):
        ids(newsroom, "", "topics", now=EVENING)
    assert searched == ["articles"] * 2


def test_what_is_hidden_is_so_until_the_first_of_it_is_not() -> None:
    none = Hidden.of((), NOW)
    assert none.holds(NOW + timedelta(days=9))
    assert not none.holds(NOW - timedelta(seconds=1))
    some = Hidden.of([({}, "1912-04-16T18:00:00Z"), ({}, "1912-04-16T17:00:00Z")], NOW)
    assert some.holds(NOW + timedelta(hours=4))
    assert not some.holds(NOW + timedelta(hours=5))


@pytest.mark.parametrize(
    "view", ["articles", "bylines", "sections", "topics", "timeline", "images"]
)
def test_an_index_in_memory_has_the_lines_of_one_on_disk(tmp_path: Path, view: str) -> None:
    archive, mapping = Archive(tmp_path), IndexMapping.of(DOMAIN.views[view])
    files = map(str, DOMAIN.sample_files)
    assert CliRunner().invoke(cli, ["--home", str(tmp_path), "import", *files]).exit_code == 0
    with exported(archive, view) as path, lines.open_documents(path) as file:
        query = layout.query(mapping, file.schema_arrow)
        on_disk = dict(pair for piece in lines.in_pieces(file, query) for pair in piece)
    for line in archive.export(view):
        document = json.loads(line)
        made, was = (
            json.loads(shown_line.line(mapping, document)),
            json.loads(on_disk[document["id"]]),
        )
        for each in (made, was):
            del each["tie"], each["document"]
            each |= {name: sorted(each[name]) for name in each if name.startswith("filter_")}
        assert made == was
