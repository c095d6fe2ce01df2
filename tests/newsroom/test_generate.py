"""The generated archive: the same every time, valid line by line, and skewed like a real one."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from datetime import datetime
from itertools import islice
from re import findall
from typing import Any

import orjson
import pyarrow as pa
import pytest

from event_log import INSTANT, TEXT, Effect, Registry
from newsroom.categories import CATEGORIES, REFERENCES
from newsroom.generate import WINDOW, generate_events

ARTICLES = 3000
REGISTRY = Registry(CATEGORIES)
JSON_TYPES = {
    pa.string(): str,
    TEXT: str,
    INSTANT: str,
    pa.int64(): int,
    pa.list_(pa.string()): list,
}


def lines(articles: int, seed: int = 1) -> list[bytes]:
    return b"".join(generate_events(articles, seed)).splitlines()


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in lines(ARTICLES)]


def bodies(events: list[dict[str, Any]]) -> list[str]:
    return [event["data"]["body"] for event in events if "body" in event["data"]]


def test_the_same_number_and_seed_give_the_same_bytes() -> None:
    assert list(generate_events(200, 7)) == list(generate_events(200, 7))


def test_another_seed_gives_another_archive() -> None:
    assert not set(lines(200, 7)) & set(lines(200, 8))


def test_every_event_of_a_small_archive_is_in_a_larger_one_too() -> None:
    assert set(lines(300)) < set(lines(1000))


def test_a_larger_archive_begins_like_a_smaller_one() -> None:
    small, large = lines(300), lines(1000)
    whole = next(i for i, line in enumerate(large) if b'"stream":"article/301"' in line)
    first_new = whole - 20  # its images and late announcements stand just before it
    assert small[:first_new] == large[:first_new]


def test_chunks_are_whole_lines() -> None:
    assert all(chunk.endswith(b"\n") for chunk in generate_events(300))


def test_no_article_gives_the_cast_alone() -> None:
    kinds = {orjson.loads(line)["type"] for line in lines(0)}
    assert kinds == {"SectionOpened", "BylineRegistered", "TagDefined"}


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        generate_events(-1)


def test_every_stream_begins_with_a_creating_event_and_every_type_is_of_its_category(
    events: list[dict[str, Any]],
) -> None:
    began = set()
    for event in events:
        stream, kind = event["stream"], event["type"]
        assert REGISTRY.owner[kind].name == stream.split("/")[0]
        if stream not in began:
            assert REGISTRY.event_types[kind].effect is Effect.CREATES, event
        began.add(stream)


def test_every_field_is_known_and_has_its_type_and_required_ones_are_there(
    events: list[dict[str, Any]],
) -> None:
    for event in events:
        category, data = REGISTRY.owner[event["type"]], dict(event["data"])
        cleared = data.pop("cleared", [])
        assert set(REGISTRY.event_types[event["type"]].required) <= set(data)
        assert set(cleared) <= set(category.fields.names) - category.required - set(data)
        for name, value in data.items():
            field = category.fields.field(name)
            assert type(value) is JSON_TYPES[field.type], event
            if field.type == INSTANT:
                datetime.fromisoformat(str(value))
        datetime.fromisoformat(event["occurred_at"])


def test_event_ids_are_unique(events: list[dict[str, Any]]) -> None:
    assert len({event["event_id"] for event in events}) == len(events)


def test_every_reference_names_something_that_exists_by_the_end_and_some_come_before_it(
    events: list[dict[str, Any]],
) -> None:
    exists = {event["stream"] for event in events}
    began: set[str] = set()
    early = 0
    for event in events:
        category = event["stream"].split("/")[0]
        for field, target in REFERENCES.get(category, {}).items():
            value = event["data"].get(field) or []
            for reference in [value] if isinstance(value, str) else value:
                assert reference.startswith(f"{target}/")
                assert reference in exists
                early += reference not in began
        began.add(event["stream"])
    assert 0 < early < len(events) / 5


def test_there_are_about_three_events_an_article(events: list[dict[str, Any]]) -> None:
    assert 2.7 < len(events) / ARTICLES < 3.3


def test_every_type_of_event_that_a_newsroom_knows_by_daily_work_occurs(
    events: list[dict[str, Any]],
) -> None:
    kinds = Counter(event["type"] for event in events)
    daily = {"ArticleRevised", "ArticleRetracted", "ArticleReinstated", "BylineRevised"}
    assert daily | {"ImageRevised", "ImageWithdrawn", "TagRevised"} <= set(kinds)
    assert ARTICLES < kinds["ArticlePublished"] < ARTICLES * 1.01  # a few are published anew


def test_bodies_have_300_to_900_words_and_counts_that_are_given_are_right(
    events: list[dict[str, Any]],
) -> None:
    counts = [len(body.split()) for body in bodies(events)]
    assert min(counts) >= 300
    assert max(counts) <= 900
    for event in events:
        if "word_count" in event["data"]:
            assert event["data"]["word_count"] == len(event["data"]["body"].split())


def test_words_are_many_and_skewed_and_no_two_articles_have_the_same_body(
    events: list[dict[str, Any]],
) -> None:
    texts = bodies(events)
    pairs = {(event["stream"], event["data"].get("body", event["stream"])) for event in events}
    assert len({body for _, body in pairs}) == len(pairs)
    frequency = Counter(word for text in texts for word in findall(r"\w+", text.lower()))
    assert frequency.most_common(1)[0][0] == "the"
    assert len(frequency) > 15_000
    assert sum(count for _, count in frequency.most_common(100)) > 0.4 * frequency.total()


def test_a_few_bylines_and_tags_have_very_many_articles(events: list[dict[str, Any]]) -> None:
    published = [event["data"] for event in events if event["type"] == "ArticlePublished"]
    bylines = Counter(byline for data in published for byline in data["byline_ids"])
    tags = Counter(tag for data in published for tag in data["tag_ids"])
    assert 0.02 < bylines.most_common(1)[0][1] / len(published) < 0.05
    assert tags.most_common(1)[0][1] > 5 * tags.total() / len(tags)


def test_articles_spread_from_1851_to_2025(events: list[dict[str, Any]]) -> None:
    days = [e["data"]["published_at"] for e in events if e["type"] == "ArticlePublished"]
    assert min(days) >= "1851-09-18"
    assert max(days) < "2026"
    assert {day[:4] for day in days} == {str(year) for year in range(1851, 2026)}


def test_a_first_line_comes_without_writing_the_archive_before() -> None:
    assert len(b"".join(islice(generate_events(10**9), 2))) > 0


@pytest.mark.slow
def test_memory_does_not_grow_with_the_archive() -> None:
    def peak(articles: int) -> int:
        tracemalloc.start()
        try:
            for _ in generate_events(articles):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)  # fills the caches
    assert peak(10 * WINDOW) < 1.1 * peak(2 * WINDOW)
