"""The newsroom's categories with their fields and event types, and the references between them."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from event_log import INSTANT, TEXT, Category, Effect, EventType

IDS = pa.list_(pa.string())
NAMES = pa.list_(pa.string())
ANNOTATIONS = pa.schema([("reason", pa.string()), ("note", pa.string())])
"""What an event of any category can say of itself: why, for the desk, and a note for the public."""

ARTICLE = Category(
    "article",
    pa.schema(
        [
            ("headline", pa.string()),
            ("kicker", pa.string()),
            ("abstract", pa.string()),
            ("body", TEXT),
            ("url", pa.string()),
            ("published_at", INSTANT),
            ("section_id", pa.string()),
            ("byline_ids", IDS),
            ("image_ids", IDS),
            ("tag_ids", IDS),
            ("language", pa.string()),
            ("source", pa.string()),
            ("word_count", pa.int64()),
            ("news_desk", pa.string()),
            ("type_of_material", pa.string()),
            ("print_page", pa.string()),
            ("print_section", pa.string()),
            ("print_headline", pa.string()),
        ]
    ),
    (
        EventType("ArticlePublished", Effect.CREATES, ("headline", "published_at")),
        EventType("ArticleRevised", Effect.REVISES),
        EventType("ArticleRetracted", Effect.REMOVES),
        EventType("ArticleReinstated", Effect.REINSTATES),
    ),
    schema_version=3,
    annotations=ANNOTATIONS,
)

BYLINE = Category(
    "byline",
    pa.schema(
        [
            ("name", pa.string()),
            ("title", pa.string()),
            ("bio", pa.string()),
            ("url", pa.string()),
            ("active_from", INSTANT),
            ("active_to", INSTANT),
            ("aliases", NAMES),
        ]
    ),
    (
        EventType("BylineRegistered", Effect.CREATES, ("name",)),
        EventType("BylineRevised", Effect.REVISES),
        EventType("BylineRemoved", Effect.REMOVES),
    ),
    schema_version=3,
    annotations=ANNOTATIONS,
)

IMAGE = Category(
    "image",
    pa.schema(
        [
            ("url", pa.string()),
            ("caption", pa.string()),
            ("credit", pa.string()),
            ("photographer_id", pa.string()),
            ("taken_at", INSTANT),
            ("width", pa.int64()),
            ("height", pa.int64()),
            ("alt_text", pa.string()),
        ]
    ),
    (
        EventType("ImageAdded", Effect.CREATES, ("url",)),
        EventType("ImageRevised", Effect.REVISES),
        EventType("ImageWithdrawn", Effect.REMOVES),
    ),
    schema_version=2,
    annotations=ANNOTATIONS,
)

SECTION = Category(
    "section",
    pa.schema(
        [
            ("name", pa.string()),
            ("parent_id", pa.string()),
            ("description", pa.string()),
        ]
    ),
    (
        EventType("SectionOpened", Effect.CREATES, ("name",)),
        EventType("SectionRevised", Effect.REVISES),
        EventType("SectionClosed", Effect.REMOVES),
    ),
    schema_version=2,
    annotations=ANNOTATIONS,
)

TAG_KINDS = ("person", "place", "organization", "subject", "work")

TAG = Category(
    "tag",
    pa.schema([("name", pa.string()), ("kind", pa.string()), ("aliases", NAMES)]),
    (
        EventType("TagDefined", Effect.CREATES, ("name",)),
        EventType("TagRevised", Effect.REVISES),
        EventType("TagRemoved", Effect.REMOVES),
    ),
    schema_version=3,
    annotations=ANNOTATIONS,
)

CATEGORIES = (ARTICLE, BYLINE, IMAGE, SECTION, TAG)

REFERENCES: Mapping[str, Mapping[str, str]] = {
    "article": {
        "section_id": "section",
        "byline_ids": "byline",
        "image_ids": "image",
        "tag_ids": "tag",
    },
    "image": {"photographer_id": "byline"},
    "section": {"parent_id": "section"},
}
"""The fields that refer to other entities: by category and field, the category referred to."""
