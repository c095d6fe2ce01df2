"""Explaining: which events made a document, and how their entities are part of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive import Archive
from archive.explain import Explanation, explain
from event_log import NewEvent
from replay import begin_build
from replay.errors import NoDocument
from views.topics import VIEW as TOPICS

DAY = "1912-04-15T05:00:00Z"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path)
    made.log.append(
        [
            NewEvent("section/news", "SectionOpened", {"name": "News"}),
            NewEvent(
                "section/world", "SectionOpened", {"name": "World", "parent_id": "section/news"}
            ),
            NewEvent("byline/ana", "BylineRegistered", {"name": "Ana"}),
            NewEvent("byline/bo", "BylineRegistered", {"name": "Bo"}),
            NewEvent("image/ship", "ImageAdded", {"url": "a", "photographer_id": "byline/bo"}),
            NewEvent(
                "article/titanic",
                "ArticlePublished",
                {
                    "headline": "All saved",
                    "published_at": DAY,
                    "section_id": "section/world",
                    "byline_ids": ["byline/ana"],
                    "image_ids": ["image/ship"],
                },
            ),
            NewEvent("tag/sea", "TagDefined", {"name": "Sea"}),
            NewEvent("article/titanic", "ArticleRevised", {"headline": "Titanic sinks"}),
            NewEvent("byline/ana", "BylineRevised", {"name": "Ana Ruiz"}),
        ]
    )
    return made


def how(found: Explanation) -> dict[int, str]:
    return {cause.sequence: cause.how for cause in found.latest}


def test_an_article_is_made_from_its_own_events_and_of_all_that_is_inlined_in_it(archive):
    found = explain(archive, "article/titanic", "articles")
    assert how(found) == {
        1: "section/world names it in parent",
        2: "article/titanic names it in section",
        3: "article/titanic names it in bylines",
        4: "image/ship names it in photographer",
        5: "article/titanic names it in images",
        6: "itself",
        8: "itself",
        9: "article/titanic names it in bylines",
    }
    assert (found.entities, found.events, found.sequence) == (6, 8, 9)


def test_a_bylines_articles_name_it_and_what_they_name_is_part_of_it(archive):
    told = how(explain(archive, "byline/ana", "bylines"))
    assert told[3] == "itself"
    assert told[6] == "names byline/ana in bylines"
    assert told[2] == "article/titanic names it in section"


def test_a_days_document_begins_from_its_articles(archive):
    told = how(explain(archive, "1912-04-15", "timeline"))
    assert told == {
        2: "article/titanic names it in section",
        6: "the document begins from it",
        8: "the document begins from it",
    }


def test_an_events_document_is_made_from_the_events_of_its_stream_up_to_it(archive):
    assert how(explain(archive, "article/titanic@1", "history")) == {6: "itself"}
    assert how(explain(archive, "article/titanic@2", "history")) == {6: "itself", 8: "itself"}
    with pytest.raises(NoDocument, match="there is no article/titanic@3 in history"):
        explain(archive, "article/titanic@3", "history")


def test_it_is_explained_as_of_a_point(archive):
    found = explain(archive, "article/titanic", "articles", at=6)
    assert [cause.sequence for cause in found.latest] == [1, 2, 3, 4, 5, 6]
    with pytest.raises(NoDocument, match="as of sequence 5"):
        explain(archive, "article/titanic", "articles", at=5)


def test_only_the_latest_events_are_told_and_all_are_counted(archive):
    found = explain(archive, "article/titanic", "articles", most=2)
    assert [cause.sequence for cause in found.latest] == [8, 9]
    assert found.events == 8
    assert len(explain(archive, "article/titanic", "articles", most=None).latest) == 8


def test_many_that_name_one_are_counted(archive):
    log = archive.log
    for number in range(3):
        data = {"headline": "x", "published_at": DAY, "section_id": "section/world"}
        data |= {"byline_ids": ["byline/ana"]}
        log.append([NewEvent(f"article/{number}", "ArticlePublished", data)])
    told = how(explain(archive, "byline/ana", "bylines"))
    assert told[2] == "article/0 names it in section, and 3 more"


def test_a_hidden_entity_is_still_explained(archive):
    archive.log.append([NewEvent("article/titanic", "ArticleRetracted", {})])
    found = explain(archive, "article/titanic", "articles")
    assert found.latest[-1].type == "ArticleRetracted"


def test_where_a_build_of_that_sequence_is_kept_nothing_is_folded(archive):
    said: list[str] = []
    without = explain(archive, "1912-04-15", "timeline", tell=said.append)
    assert said == ["no build of sequence 9 is kept: folding the log up to there"]
    with begin_build(archive.log, archive.builds) as begun:
        begun.write(TOPICS)
    assert explain(archive, "1912-04-15", "timeline", tell=said.append) == without
    assert len(said) == 1
    assert not list(archive.builds.glob(".reading-*"))


def test_an_entitys_document_is_explained_from_its_neighbourhood_as_from_a_build(archive):
    said: list[str] = []
    without = explain(archive, "tag/sea", "topics", tell=said.append)
    with begin_build(archive.log, archive.builds) as begun:
        begun.write(TOPICS)
    assert explain(archive, "tag/sea", "topics", tell=said.append) == without
    assert said == []
    assert not list(archive.builds.glob(".reading-*"))
