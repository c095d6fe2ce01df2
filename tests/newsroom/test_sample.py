"""The bundled sample: what it promises, checked on the files themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa
import pytest

import newsroom
from event_log import INSTANT, TEXT, Effect, Registry
from newsroom.categories import CATEGORIES, REFERENCES, TAG_KINDS

SAMPLE = Path(newsroom.__file__).parent / "sample"
FILES = ("archive.events.jsonl", "life.events.jsonl")
REGISTRY = Registry(CATEGORIES)
JSON_TYPES = {
    pa.string(): str,
    TEXT: str,
    INSTANT: str,
    pa.int64(): int,
    pa.list_(pa.string()): list,
}
ENVELOPE = {"stream", "type", "data", "event_id", "occurred_at", "actor"}
ENVELOPE |= {"correlation_id", "causation_id"}

Event = dict[str, Any]


def read(name: str) -> list[Event]:
    return [orjson.loads(line) for line in (SAMPLE / name).read_bytes().splitlines()]


ARCHIVE, LIFE = (read(name) for name in FILES)
EVENTS = ARCHIVE + LIFE


def published() -> list[Event]:
    return [event for event in EVENTS if event["type"] == "ArticlePublished"]


def life_of(stream: str) -> list[Event]:
    return [event for event in EVENTS if event["stream"] == stream]


def references(event: Event) -> Iterator[str]:
    for field in REFERENCES.get(event["stream"].split("/")[0], {}):
        value = event["data"].get(field) or []
        yield from [value] if isinstance(value, str) else value


def late_references() -> Iterator[tuple[str, str]]:
    """Pairs of stream and reference that names what has not begun at that moment."""
    began: set[str] = set()
    for event in EVENTS:
        yield from ((event["stream"], name) for name in references(event) if name not in began)
        began.add(event["stream"])


def test_there_is_as_much_as_promised_of_everything() -> None:
    streams = Counter(stream.split("/")[0] for stream in {event["stream"] for event in EVENTS})
    assert streams["article"] >= 60
    assert streams["byline"] >= 15
    assert streams["image"] >= 25
    assert streams["tag"] >= 40


def test_the_readme_says_how_many_events_each_file_has() -> None:
    text = (SAMPLE / "README.md").read_text()
    for name, events in zip(FILES, (ARCHIVE, LIFE), strict=True):
        assert f"| `{name}` | {len(events)} |" in text


def test_every_stream_begins_with_a_creating_event() -> None:
    first = {event["stream"]: event["type"] for event in reversed(EVENTS)}
    effects = {REGISTRY.event_types[kind].effect for kind in first.values()}
    assert effects == {Effect.CREATES}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["event_id"])
def test_the_event_fits_its_category(event: Event) -> None:
    assert set(event) <= ENVELOPE
    category, data = REGISTRY.owner[event["type"]], dict(event["data"])
    assert event["stream"].split("/")[0] == category.name
    assert set(REGISTRY.event_types[event["type"]].required) <= set(data)
    cleared = data.pop("cleared", [])
    assert set(cleared) <= set(category.fields.names) - category.required - set(data)
    for name, value in data.items():
        field = category.carried.field(name)
        assert type(value) is JSON_TYPES[field.type]
        if field.type == INSTANT:
            assert datetime.fromisoformat(str(value)).tzinfo is not None
    assert datetime.fromisoformat(event["occurred_at"]).tzinfo is not None


def test_the_four_corrections_of_the_titanic_and_each_retraction_have_a_reason_and_a_note() -> None:
    corrections = [
        event for event in LIFE
        if event["stream"] == "article/titanic-1912" or event["type"].endswith("Retracted")
    ]  # fmt: skip
    assert len(corrections) == 4 + 2
    assert all({"reason", "note"} <= event["data"].keys() for event in corrections)


def test_event_ids_are_unique_uuids_and_causes_come_before_what_they_caused() -> None:
    known: set[str] = set()
    for event in EVENTS:
        assert str(UUID(event["event_id"])) == event["event_id"]
        assert event["event_id"] not in known
        assert event.get("causation_id") is None or event["causation_id"] in known
        known.add(event["event_id"])


def test_every_article_is_whole() -> None:
    for event in published():
        data = event["data"]
        assert data["headline"]
        assert data["abstract"]
        assert data["url"].startswith(f"/{data['published_at'][:10].replace('-', '/')}/")
        assert data["section_id"]
        assert 1 <= len(data["byline_ids"]) <= 2
        assert len(data.get("image_ids", [])) <= 3
        assert 2 <= len(data["tag_ids"]) <= 5
        assert data["language"] == "en"
        assert data["source"] == "Stet Sample"


def test_bodies_have_80_to_180_words() -> None:
    counts = [len(event["data"]["body"].split()) for event in EVENTS if "body" in event["data"]]
    assert min(counts) >= 80
    assert max(counts) <= 180


def test_no_two_articles_share_a_headline_or_an_address() -> None:
    for field in ("headline", "url"):
        assert len({event["data"][field] for event in published()}) == len(published())


def test_articles_reach_from_1851_to_2025_with_some_in_nearly_every_decade() -> None:
    years = sorted(int(event["data"]["published_at"][:4]) for event in published())
    assert years[0] == 1851
    assert years[-1] == 2025
    assert len({year // 10 for year in years}) == 18


def test_an_article_of_late_evening_in_new_york_belongs_to_the_next_day_in_utc() -> None:
    def differs(event: Event) -> bool:
        instant = datetime.fromisoformat(event["data"]["published_at"])
        here = instant.astimezone(ZoneInfo("America/New_York")).date()
        return instant.date() == here + timedelta(days=1)

    late = {event["stream"] for event in published() if differs(event)}
    assert "article/subway-1904" in late
    subway = life_of("article/subway-1904")[0]["data"]["published_at"]
    assert datetime.fromisoformat(subway).date() == date(1904, 10, 28)


def test_images_are_described() -> None:
    added = [event["data"] for event in EVENTS if event["type"] == "ImageAdded"]
    for data in added:
        needed = {"url", "caption", "credit", "alt_text", "width", "height", "taken_at"}
        assert needed <= set(data)
    assert 10 < sum("photographer_id" in data for data in added) < len(added)


def test_bylines_have_a_title_a_bio_and_a_career() -> None:
    for event in EVENTS:
        if event["type"] == "BylineRegistered":
            assert {"name", "title", "bio", "active_from"} <= set(event["data"])
            assert event["data"]["active_from"] < event["data"].get("active_to", "2026")


def test_sections_have_one_level_of_sub_sections() -> None:
    opened = {
        e["stream"]: e["data"].get("parent_id") for e in EVENTS if e["type"] == "SectionOpened"
    }
    parents = {parent for parent in opened.values() if parent}
    assert len(parents) >= 4
    assert all(opened[parent] is None for parent in parents)


def test_tags_are_of_all_kinds() -> None:
    kinds = {event["data"]["kind"] for event in EVENTS if event["type"] == "TagDefined"}
    assert kinds == set(TAG_KINDS)


def test_the_living_history_has_everything_that_can_happen() -> None:
    kinds = {event["type"] for event in LIFE}
    assert kinds == set(REGISTRY.event_types) - {"SectionOpened"}
    assert any("cleared" in event["data"] for event in LIFE)
    assert any("name" in e["data"] for e in LIFE if e["type"] == "BylineRevised")
    assert any("name" in e["data"] for e in LIFE if e["type"] == "SectionRevised")
    assert any(e["type"] == "ArticleRevised" and e["actor"] == "corrections-desk" for e in LIFE)


def test_the_titanic_is_first_saved_then_lost_then_corrected() -> None:
    life = life_of("article/titanic-1912")
    assert len(life) >= 4
    assert "All Saved" in life[0]["data"]["headline"]
    corrected = next(event for event in life if event["actor"] == "corrections-desk")
    assert "705" in corrected["data"]["headline"]
    assert "Correction:" in corrected["data"]["body"]


def test_one_article_stays_retracted_and_one_comes_back() -> None:
    assert life_of("article/piltdown-1912")[-1]["type"] == "ArticleRetracted"
    kinds = [event["type"] for event in life_of("article/wright-brothers-1903")]
    assert kinds.index("ArticleRetracted") < kinds.index("ArticleReinstated")


def test_bylines_images_and_tags_are_named_before_they_come_and_one_never_comes() -> None:
    exists = {event["stream"] for event in EVENTS}
    late = set(late_references())
    resolved = {name.split("/")[0] for _, name in late if name in exists}
    assert resolved == {"byline", "image", "tag"}
    never = {pair for pair in late if pair[1] not in exists}
    assert never == {("article/congestion-pricing-2025", "tag/lost-index-card")}


def test_the_archive_alone_has_a_late_byline_too() -> None:
    assert ("article/tsunami-2004", "byline/nadia-rahimi") in set(late_references())
    assert "byline/nadia-rahimi" in {event["stream"] for event in ARCHIVE}
