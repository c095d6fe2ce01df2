"""Documents that lead to documents: similar ones, and titles that begin as a reader types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from archive import Archive, NoSuchDocument
from newsroom import DOMAIN
from replay import Domain, View
from search import Engine
from views import topics

EngineOf = Callable[[Path, Mapping[str, View]], AbstractContextManager[Engine]]


@pytest.fixture
def sea(engine_of: EngineOf, tmp_path: Path) -> Iterator[Archive]:
    """Articles about the sea and about cooking, a byline and a tag; all of it is searched."""
    with engine_of(tmp_path, DOMAIN.views) as engine:
        archive = Archive(tmp_path, DOMAIN, engine=engine)
        for number, (headline, body) in enumerate(
            [
                ("Whales off the cape", "Whalers saw whales in the whaling grounds of the cape."),
                ("The last whaler", "A whaler from the cape that hunted whales is broken up."),
                ("A soup", "Peel the onions and boil them with a bone."),
                ("An onion soup", "Onions, and a bone of beef."),
                ("\u5317\u4eac\u5965\u8fd0\u4f1a", "\u5317\u4eac"),
            ]
        ):
            data = {"headline": headline, "body": body, "published_at": "1912-04-15"}
            archive.append(f"article/{number}", "ArticlePublished", data)
        whalen = {"name": "Grover Whalen", "aliases": ["G. Aloysius", "Mister New York"]}
        archive.append("byline/whalen", "BylineRegistered", whalen)
        archive.append("tag/soup", "TagDefined", {"name": "Soups & stews", "aliases": ["Potages"]})
        revised = {"byline_ids": ["byline/whalen"], "tag_ids": ["tag/soup"]}
        archive.append("article/3", "ArticleRevised", revised)
        archive.rebuild(["articles", "bylines", "topics"])
        yield archive


def test_the_most_similar_documents_come_first_and_never_the_document_itself(sea: Archive) -> None:
    assert sea.similar("article/0").hits[0].id == "article/1"
    assert sea.similar("article/2").hits[0].id == "article/3"
    for number in range(5):
        assert f"article/{number}" not in {
            hit.id for hit in sea.similar(f"article/{number}", size=100).hits
        }


def test_a_document_that_nothing_resembles_has_no_similar_ones(sea: Archive) -> None:
    assert sea.similar("article/4").total == 0


def test_a_document_that_is_not_indexed_has_none_and_it_is_said(sea: Archive) -> None:
    with pytest.raises(NoSuchDocument, match="articles has no document 'article/9'"):
        sea.similar("article/9")


SUGGESTED = [
    ("whal", ["article/0", "article/1", "byline/whalen"]),
    ("grover wh", ["byline/whalen"]),
    ("the last w", ["article/1"]),
    ("sou", ["article/2", "article/3", "tag/soup"]),
    ("soup", ["tag/soup", "article/2", "article/3"]),
    ("\u5317\u4eac", ["article/4"]),
    ("zzz", []),
    ("", []),
    ("(", []),
]


def test_names_and_headlines_are_suggested_by_their_words_the_last_of_which_may_be_begun(
    sea: Archive,
) -> None:
    suggested = [(text, sorted(each.id for each in sea.suggest(text))) for text, _ in SUGGESTED]
    assert suggested == [(text, sorted(ids)) for text, ids in SUGGESTED]


def test_titles_that_begin_with_the_text_come_first_and_are_plain_text(sea: Archive) -> None:
    first, *_ = sea.suggest("soup")
    assert (first.view, first.title) == ("topics", "Soups & stews")
    assert sea.suggest("soup", view="bylines") == []
    assert len(sea.suggest("s", size=1)) == 1


ALIASES = [
    ("potag", "topics", "Potages"),
    ("mister new y", "bylines", "Mister New York"),
    ("new mister", "bylines", "Mister New York"),
    ("grover", "bylines", None),
]


def test_a_suggestion_by_another_name_has_that_name(sea: Archive) -> None:
    found = {text: sea.suggest(text) for text, _, _ in ALIASES}
    told = [(text, each.view, each.alias) for text in found for each in found[text]]
    assert told == ALIASES


def test_the_words_of_two_names_together_are_no_name(sea: Archive) -> None:
    assert sea.suggest("aloysius mis") == []


def test_what_is_searched_by_an_alias_is_the_entity_and_its_articles(sea: Archive) -> None:
    found = {
        text: {view: [hit.id for hit in sea.search(text, view).hits] for view in ("articles", name)}
        for text, name in (("alias:potages", "topics"), ("aloysius", "bylines"))
    }
    assert found["aloysius"] == {"articles": ["article/3"], "bylines": ["byline/whalen"]}
    assert found["alias:potages"]["topics"] == ["tag/soup"]
    assert [hit.id for hit in sea.search("tag:potages").hits] == ["article/3"]
    assert [hit.id for hit in sea.search("byline:aloysius").hits] == ["article/3"]


def test_an_index_that_was_built_before_there_were_aliases_is_asked_for_titles(
    tmp_path: Path,
) -> None:
    before = replace(
        DOMAIN.views["topics"],
        text={"name": ("name",)},
        other_names=(),
        documents=lambda state, keys: topics.documents(state, keys).drop("aliases"),
    )
    views = [before, DOMAIN.views["articles"]]
    domain = Domain("newsroom", DOMAIN.categories, views, references=DOMAIN.references)
    archive = Archive(tmp_path, domain)
    archive.append("tag/1", "TagDefined", {"name": "Soups", "aliases": ["Potages"]})
    archive.append("tag/2", "TagDefined", {"name": "Alias potages"})
    archive.rebuild()
    archive = Archive(tmp_path, DOMAIN)
    found = archive.suggest("pota", view="topics"), archive.suggest("soup", view="topics")
    assert [[each.id for each in some] for some in found] == [["tag/2"], ["tag/1"]]
