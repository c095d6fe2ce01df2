"""The law of the embargo: readers see what they would see if nothing under embargo were there."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from archive import Archive
from event_log import NewEvent
from search import Query

NOW = datetime.now(UTC)
PEOPLE = [f"byline/{n}" for n in range(14)]
TAGS = [f"tag/{n}" for n in range(14)]
SECTIONS = [f"section/{n}" for n in range(8)]
IMAGES = ["image/0", "image/1"]
VIEWS = ("bylines", "topics", "sections", "timeline", "images")
REMOVALS = {
    "byline": "BylineRemoved",
    "tag": "TagRemoved",
    "section": "SectionClosed",
    "image": "ImageWithdrawn",
}


def published(chance: Random) -> datetime:
    """An instant of today, of the days before, or later: some days have both."""
    hours = chance.choice([-1, 1, 1, 6]) * chance.uniform(0, 24) * chance.choice([1, 1, 9])
    return NOW + timedelta(hours=hours)


def history(seed: int) -> tuple[list[NewEvent], set[str]]:
    """A small newsroom, and the articles in it that are under embargo; some lists are cut."""
    chance = Random(seed)
    kinds = ((PEOPLE, "BylineRegistered"), (TAGS, "TagDefined"), (SECTIONS, "SectionOpened"))
    made = [NewEvent(key, kind, {"name": f"Name {key}"}) for keys, kind in kinds for key in keys]
    made += [NewEvent(key, "ImageAdded", {"url": "/i", "caption": key}) for key in IMAGES]
    for key in SECTIONS:
        if chance.random() < 0.8:
            parent = {"parent_id": chance.choice(SECTIONS)}
            made.append(NewEvent(key, "SectionRevised", parent))
    hidden = set()
    for number in range(chance.choice([3, 30, 120])):
        key, at = f"article/{number}", published(chance)
        hidden |= {key} if at > NOW else set()
        data = {
            "headline": f"Word{number % 9} again",
            "published_at": at.isoformat(),
            "section_id": chance.choice([*SECTIONS, "section/unknown"]),
            "byline_ids": chance.choices([*PEOPLE, "byline/unknown"], k=chance.randint(0, 4)),
            "tag_ids": chance.choices(TAGS, k=chance.randint(0, 5)),
            "image_ids": chance.choices(IMAGES, k=chance.randint(0, 2)),
        }
        made.append(NewEvent(key, "ArticlePublished", data))
    for key in chance.sample([*PEOPLE, *TAGS, *SECTIONS, *IMAGES], k=3):
        made.append(NewEvent(key, REMOVALS[key.partition("/")[0]], {}))
    return made, hidden


def asked(view: str) -> list[Query]:
    """Searches that tell of all that a view has: documents, counts, filters, words and order."""
    facets = {
        "bylines": ["section", "section_id", "coauthor_id", "year"],
        "topics": ["related", "related_id"],
        "sections": ["byline_id", "byline"],
        "timeline": ["section_id", "year"],
        "images": ["article_id"],
    }[view]
    dated = view not in ("topics", "sections")
    whole = Query("", view, size=100, facets=facets, histogram="month" if dated else None, now=NOW)
    found = [whole, Query("", view, page=2, size=3, now=NOW)]
    filters = {
        "bylines": {"coauthor_id": PEOPLE[:3]},
        "topics": {"related_id": TAGS[:3]},
        "sections": {"byline_id": PEOPLE[:3]},
        "timeline": {"section_id": SECTIONS[:3]},
        "images": {"article_id": ["article/1", "article/2", "article/3"]},
    }[view]
    found += [
        Query("", view, filters, size=100, now=NOW),
        Query("", view, excluded=filters, now=NOW),
    ]
    if dated:
        found += [
            Query("", view, sort=sort, size=4, page=page, now=NOW)
            for sort in ("newest", "oldest")
            for page in (1, 2, 3)
        ]
        found.append(Query("", view, date_from=NOW - timedelta(days=2), size=100, now=NOW))
    texts = {
        "topics": ["related:1", "name -related:2"],
        "timeline": ["word1 word2", "word3 OR word4"],
    }
    found += [Query(text, view, size=100, now=NOW) for text in texts.get(view, ())]
    return found


def told(archive: Archive, query: Query) -> Any:
    """What an answer tells readers, without scores; hits of a text are in no order."""
    answer = archive.engine.search(query)
    hits = [
        (hit.id, hit.title, hit.date, hit.fragments, [*hit.document.items()]) for hit in answer.hits
    ]
    ordered = sorted(hits, key=lambda hit: hit[0]) if query.text else hits
    return answer.total, ordered, answer.facets, answer.histogram, answer.note


def of(made: Sequence[NewEvent]) -> Archive:
    archive = Archive(tempfile.mkdtemp())
    archive.log.append(made)
    archive.rebuild()
    return archive


@given(st.integers(0, 2**32))
@settings(max_examples=4, deadline=None)
@example(0)
@example(1)
def test_readers_see_what_they_would_see_without_what_is_under_embargo(seed: int) -> None:
    made, hidden = history(seed)
    archive, without = of(made), of([each for each in made if each.stream not in hidden])
    for view in VIEWS:
        for query in asked(view):
            assert told(archive, query) == told(without, query), query
