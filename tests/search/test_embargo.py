"""Embargo: what is dated in the future is hidden from readers until then, on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import Archive as NewsArchive
from event_log.dates import microseconds
from newsroom import DOMAIN
from search import Engine, Query, embargo
from search.embargo import Embargo

NOW = datetime(1912, 4, 16, 12, tzinfo=UTC)
SHIP = "zeppelin"


@pytest.fixture
def held(archive: Any, story: Any) -> Any:
    archive.holds(
        story("past", "Zeppelin flies", at="1912-04-15T00:00:00", section="World", tags=["Air"]),
        story("now", "Zeppelin lands", at="1912-04-16T12:00:00", section="World"),
        story("soon", "Zeppelin burns", at="1912-04-16T12:00:00.000001", section="Held"),
        story("later", "Zeppelin sold", at="9999-12-31T23:59:59.999999", section="Held"),
        story("undated", "Zeppelin undated"),
    )
    return archive


SHOWN = {"past", "now", "undated"}
ALL = {*SHOWN, "soon", "later"}


@pytest.mark.parametrize("text", ["", "*", "zeppelin", "zep*", '"zeppelin"', "zeppelin OR boat"])
@pytest.mark.parametrize("sort", ["relevance", "newest", "oldest"])
def test_what_is_dated_later_than_now_is_no_hit_whatever_is_asked(held: Any, text: str, sort: str):
    answer = held.ask(text, sort=sort, now=NOW)
    assert {hit.id for hit in answer.hits} == SHOWN
    assert answer.total == len(SHOWN)


def test_the_desk_sees_it(held: Any):
    answer = held.ask("zeppelin", now=NOW, embargoed=True, facets=["section"])
    assert {hit.id for hit in answer.hits} == ALL
    assert answer.facets == {"section": [("Held", 2), ("World", 2)]}


def test_facets_count_only_what_is_shown(held: Any):
    answer = held.ask("", now=NOW, facets=["section", "year", "id"])
    assert answer.facets["section"] == [("World", 2)]
    assert answer.facets["year"] == [("1912", 2)]
    assert {key for key, _ in answer.facets["id"]} == SHOWN


def test_no_filter_and_no_range_of_dates_reaches_it(held: Any):
    assert held.ids("", now=NOW, filters={"id": ["soon", "later", "now"]}) == ["now"]
    assert held.ids("", now=NOW, filters={"section": "Held"}) == []
    assert held.ids("", now=NOW, date_from="1912-04-16") == ["now"]
    assert held.ids("", now=NOW, date_from="1913") == []
    assert held.ids("burns", now=NOW, any_word=True) == []


def test_no_word_is_suggested_that_only_hidden_documents_have(held: Any):
    assert held.ask("burnz", now=NOW).suggestion is None
    assert held.ask("burnz", now=NOW, embargoed=True).suggestion == "burns"
    assert held.ask("fliez", now=NOW).suggestion == "flies"
    assert held.ask("fliez", now=NOW, filters={"section": ["Held"]}).suggestion is None


def test_pages_have_no_gaps_where_something_is_hidden(held: Any):
    pages = [held.ids("", now=NOW, sort="newest", size=1, page=n) for n in (1, 2, 3, 4)]
    assert pages == [["now"], ["past"], ["undated"], []]


def test_the_clock_ends_an_embargo_and_nothing_else_needs_to_happen(
    held: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(embargo, "clock", lambda: NOW)
    assert set(held.ids("zeppelin")) == SHOWN
    monkeypatch.setattr(embargo, "clock", lambda: NOW + timedelta(microseconds=1))
    assert set(held.ids("zeppelin")) == {*SHOWN, "soon"}


def test_where_all_is_past_nothing_is_hidden(archive: Any, story: Any):
    archive.holds(story("1", at="1912-04-15"), story("2"))
    assert archive.ids("", now=NOW) == ["1", "2"]


INSTANTS = st.datetimes(timezones=st.just(UTC))


@given(INSTANTS, st.lists(st.one_of(st.none(), INSTANTS), max_size=5), INSTANTS)
def test_a_document_is_shown_without_exactly_its_later_parts(
    now: datetime, dates: list[datetime | None], own: datetime
):
    def text(moment: datetime | None) -> str | None:
        return moment and moment.isoformat().replace("+00:00", "Z")

    document = {"at": text(own), "of": {"list": [{"at": text(each)} for each in dates]}}
    seen = Embargo(microseconds(now), parts=["at", "of.list.at"]).shown(document)
    assert seen["at"] == (None if own > now else text(own))
    assert seen["of"]["list"] == [{"at": text(d)} for d in dates if d is None or d <= now]
    assert Embargo(None, parts=["at", "of.list.at"]).shown(document) == document


@pytest.mark.parametrize(
    "document",
    [{}, {"of": None}, {"of": {}}, {"of": "x"}, {"of": {"list": [None]}}, {"of": {"list": ["x"]}}],
)
def test_a_document_without_the_parts_is_shown_as_it_is(document: dict[str, Any]):
    assert Embargo(0, parts=["of.list.at", "at"]).shown(document) == document


# the newsroom


@pytest.fixture
def newsroom(
    engine_of: Callable[..., AbstractContextManager[Engine]], tmp_path: Path
) -> Iterator[NewsArchive]:
    """A newsroom in which an article about a zeppelin is under embargo until this evening."""
    with engine_of(tmp_path, DOMAIN.views) as engine:
        archive = NewsArchive(tmp_path, DOMAIN, engine=engine)
        common = {
            "section_id": "section/w",
            "byline_ids": ["byline/a"],
            "image_ids": ["image/i"],
            "tag_ids": ["tag/t"],
        }
        archive.append("section/w", "SectionOpened", {"name": "World"})
        archive.append("byline/a", "BylineRegistered", {"name": "Ana"})
        archive.append("image/i", "ImageAdded", {"url": "/i", "caption": "A field"})
        archive.append("tag/t", "TagDefined", {"name": "Air"})
        for key, headline, at in (
            ("article/open", "Balloon flies", "1912-04-16T08:00:00Z"),
            ("article/held", f"{SHIP} flies", "1912-04-16T18:00:00Z"),
            ("article/far", f"{SHIP} again", "2912-01-01T18:00:00Z"),
        ):
            data = {"headline": headline, "published_at": at, **common}
            archive.append(key, "ArticlePublished", data)
        archive.append("article/held", "ArticleRevised", {"abstract": f"The {SHIP} comes"})
        archive.rebuild()
        yield archive


def test_no_view_shows_the_headline_of_an_article_under_embargo(newsroom: NewsArchive):
    for view in DOMAIN.views:
        answer = newsroom.search("", view, now=NOW, size=100)
        assert answer.total == len(answer.hits) > 0
        assert SHIP not in repr(answer.hits).lower()
        desk = newsroom.search("", view, now=NOW, size=100, embargoed=True)
        assert SHIP in repr(desk.hits).lower()
        evening = newsroom.search("", view, now=NOW + timedelta(hours=8), size=100)
        assert "article/held" in repr(evening.hits)
        assert "article/far" not in repr(evening.hits)
    for view in ("articles", "history"):
        for text in (SHIP, f"{SHIP[:4]}*", f'"the {SHIP}"', f"{SHIP} OR nothing"):
            assert newsroom.search(text, view, now=NOW).total == 0
            assert newsroom.search(text, view, now=NOW, embargoed=True).total > 0
    query = Query("", "history", {"stream": "article/held"}, now=NOW)
    assert newsroom.search(query).total == 0
    assert newsroom.search(replace(query, embargoed=True)).total == 2


def test_a_person_is_shown_without_the_last_article_and_today_without_the_evening(
    newsroom: NewsArchive,
):
    (hit,) = newsroom.search("ana", "bylines", now=NOW).hits
    assert hit.document["article_count"] == 1
    assert [card["id"] for card in hit.document["latest"]] == ["article/open"]
    assert hit.document["last_published_at"] == hit.date == "1912-04-16T08:00:00Z"
    (hit,) = newsroom.search("", "timeline", now=NOW).hits
    assert hit.id == "1912-04-16"
    assert [each["id"] for each in hit.document["headlines"]] == ["article/open"]
    assert hit.document["article_count"] == 1
    assert hit.document["sections"] == [{"id": "section/w", "name": "World", "count": 1}]


@pytest.mark.parametrize("view", ["bylines", "sections", "topics"])
def test_a_count_is_without_what_is_under_embargo_until_its_instant(
    newsroom: NewsArchive, view: str
):
    def count(**asked: Any) -> int:
        (hit,) = newsroom.search("", view, **asked).hits
        return int(hit.document["article_count"])

    evening = NOW + timedelta(hours=8)
    assert (count(now=NOW), count(now=evening), count(now=NOW, embargoed=True)) == (1, 2, 3)


@pytest.mark.parametrize("view", ["articles", "history"])
def test_looking_back_hides_what_was_under_embargo_then_and_never_looks_ahead(
    newsroom: NewsArchive, monkeypatch: pytest.MonkeyPatch, view: str
):
    head = newsroom.log.head
    recorded = next(iter(newsroom.log.read(after=head - 1))).recorded_at
    for at in (head, str(head), recorded, recorded.isoformat(), "9998-01-01T00:00:00Z", None):
        assert "article/far" not in repr(newsroom.search("", view, at=at).hits)
    newsroom.append("tag/t", "TagRevised", {"name": "Sky"})  # so the live index is at another point
    assert "article/held" in repr(newsroom.search("", view, at=head, size=100).hits)
    assert "article/far" not in repr(newsroom.search("", view, at=head, size=100).hits)
    assert "article/far" in repr(newsroom.search("", view, at=head, size=100, embargoed=True).hits)
    monkeypatch.setattr("archive.look_back.clock", lambda: NOW)
    assert "article/held" not in repr(newsroom.search("", view, at=head, size=100).hits)
