"""The newsroom's schema grows: an archive of before is read, edited and searched as before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from archive import Archive
from event_log import EventLog, NewEvent
from newsroom import CATEGORIES, REFERENCES
from replay import Domain
from search import Query

NEW = ("news_desk", "type_of_material", "print_page", "print_section", "print_headline")


def of_before(location: Path) -> EventLog:
    """The log as programs opened it whose articles had schema version 2."""
    article, *others = CATEGORIES
    fields = pa.schema([field for field in article.fields if field.name not in NEW])
    return EventLog(location, [replace(article, fields=fields, schema_version=2), *others])


def test_an_article_of_before_is_read_and_says_more_from_now_on(tmp_path: Path) -> None:
    published = {"headline": "Whales", "published_at": "1851-10-18"}
    of_before(tmp_path / "log").append([NewEvent("article/1", "ArticlePublished", published)])
    log = EventLog(tmp_path / "log", CATEGORIES)
    log.append([NewEvent("article/1", "ArticleRevised", dict.fromkeys(NEW, "x"))])
    first, second = log.read()
    assert not first.data.keys() & {*NEW}
    assert second.data.keys() == {*NEW}
    assert log.verify().events == 2


@pytest.mark.slow
def test_an_archive_of_before_is_rebuilt_caught_up_and_searched(tmp_path: Path) -> None:
    views = {"articles": "views.articles:VIEW"}
    domain = Domain("newsroom", CATEGORIES, references=REFERENCES, views=views)
    archive = Archive(tmp_path / "home", domain)
    published = {"headline": "Whales", "published_at": "1851-10-18"}
    of_before(archive.log.path).append(
        [NewEvent(f"article/{n}", "ArticlePublished", published) for n in (1, 2)]
    )
    archive = Archive(tmp_path / "home", domain)
    archive.rebuild()
    assert archive.read("articles")[[*NEW]].isna().all(axis=None)
    said = {"print_headline": "LEVIATHAN", "news_desk": "Sea Desk", "print_page": "1"}
    archive.append("article/1", "ArticleRevised", said)
    archive.catch_up()
    assert [hit.id for hit in archive.search(Query("leviathan")).hits] == ["article/1"]
    by_desk = archive.search(Query("", filters={"news_desk": ["Sea Desk"]}, facets=["news_desk"]))
    assert [hit.id for hit in by_desk.hits] == ["article/1"]
    assert by_desk.facets == {"news_desk": [("Sea Desk", 1)]}
    assert [event.data.get("print_page") for event in archive.log.read()] == [None, None, "1"]
