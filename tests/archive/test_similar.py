"""Documents that lead to documents: similar ones, and titles that begin as a reader types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from archive import Archive, NoSuchDocument
from newsroom import DOMAIN
from replay import View
from search import Engine

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
        archive.append("byline/whalen", "BylineRegistered", {"name": "Grover Whalen"})
        archive.append("tag/soup", "TagDefined", {"name": "Soups & stews"})
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
