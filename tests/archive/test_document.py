"""One document by its id, as readers see it: of any view, under embargo or not, now or then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive import Archive, UnknownView
from newsroom import DOMAIN
from replay import Domain, View
from search import Engine, NothingServes

EngineOf = Callable[[Path, Mapping[str, View]], AbstractContextManager[Engine]]
NOW = datetime(1912, 4, 16, 12, tzinfo=UTC)
EVENING = NOW + timedelta(hours=8)

WITHOUT_ID = Domain(
    "without_id",
    DOMAIN.categories,
    {
        name: replace(view, filters={n: path for n, path in view.filters.items() if path != "id"})
        for name, view in DOMAIN.views.items()
    },
    DOMAIN.references,
)


@pytest.fixture
def newsroom(engine_of: EngineOf, tmp_path: Path) -> Iterator[Archive]:
    """Two articles of one byline, one of them until this evening under embargo; no filter by id."""
    with engine_of(tmp_path, WITHOUT_ID.views) as engine:
        archive = Archive(tmp_path, WITHOUT_ID, engine=engine)
        archive.append("byline/a", "BylineRegistered", {"name": "Ana & co"})
        for key, headline, at in (
            ("article/open", "Balloon <i>flies</i>", "1912-04-16T08:00:00Z"),
            ("article/held", "Balloon burns", "1912-04-16T18:00:00Z"),
        ):
            data = {"headline": headline, "published_at": at, "byline_ids": ["byline/a"]}
            archive.append(key, "ArticlePublished", data)
        archive.rebuild(["articles", "bylines", "history"])
        yield archive


def test_a_document_is_found_by_its_id_in_any_view(newsroom: Archive) -> None:
    hit = newsroom.document("article/open")
    assert hit is not None
    assert (hit.id, hit.score, hit.fragments) == ("article/open", None, {})
    assert hit.title == "Balloon flies"
    assert hit.document["bylines"][0]["name"] == "Ana & co"
    for key, view in (("byline/a", None), ("byline/a@1", None), ("byline/a", "bylines")):
        found = newsroom.document(key, view)
        assert found is not None
        assert found.id == key


def test_a_document_that_is_in_no_index_is_none(newsroom: Archive) -> None:
    assert newsroom.document("article/nope") is None
    assert newsroom.document("article/open", "bylines") is None
    assert newsroom.document("article/*") is None


def test_a_document_of_no_view_or_of_one_that_was_never_built_is_told(newsroom: Archive) -> None:
    with pytest.raises(UnknownView, match="does not tell the view; name one of: articles"):
        newsroom.document("nothing")
    with pytest.raises(NothingServes, match="run: stet rebuild"):
        newsroom.document("tag/sea")


def test_a_document_and_its_parts_are_hidden_while_they_are_under_embargo(
    newsroom: Archive,
) -> None:
    def latest(now: datetime, embargoed: bool = False) -> set[str]:
        person = newsroom.document("byline/a", now=now, embargoed=embargoed)
        assert person is not None
        return {card["id"] for card in person.document["latest"]}

    assert newsroom.document("article/held", now=NOW) is None
    assert newsroom.document("article/held@1", now=NOW) is None
    assert latest(NOW) == {"article/open"}
    assert newsroom.document("article/held", now=NOW, embargoed=True) is not None
    assert latest(NOW, embargoed=True) == {"article/open", "article/held"}
    assert newsroom.document("article/held", now=EVENING) is not None
    assert latest(EVENING) == {"article/open", "article/held"}


def test_a_document_is_shown_as_of_a_point(newsroom: Archive) -> None:
    newsroom.append("article/open", "ArticleRevised", {"headline": "Balloon lands"})
    newsroom.catch_up()
    then, now = newsroom.document("article/open", at=3), newsroom.document("article/open")
    assert then is not None
    assert now is not None
    assert (then.title, now.title) == ("Balloon flies", "Balloon lands")
    assert newsroom.document("article/held", at=2) is None


def test_similar_documents_are_found_where_a_view_has_no_filter_by_id(newsroom: Archive) -> None:
    assert [hit.id for hit in newsroom.similar("article/open").hits] == ["article/held"]
