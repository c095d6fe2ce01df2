"""What the articles and bylines views must hold, computed in the most obvious way.

Independent of Stet on purpose: lines of JSON, dictionaries and loops, nothing imported from it.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Container
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CREATING = {
    "ArticlePublished", "BylineRegistered", "ImageAdded", "SectionOpened", "TagDefined",
}  # fmt: skip
REMOVING = {
    "ArticleRetracted", "BylineRemoved", "ImageWithdrawn", "SectionClosed", "TagRemoved",
}  # fmt: skip
REQUIRED = {
    "article": ("headline", "published_at"),
    "byline": ("name",),
    "image": ("url",),
    "section": ("name",),
    "tag": ("name",),
}
TOGETHER = 100
"""Of one list, so many references are counted as being together."""
DATES = ("published_at", "taken_at", "active_from", "active_to")
PRINTED = ("news_desk", "type_of_material", "print_page", "print_section", "print_headline")
Doc = dict[str, Any]


def moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def is_bad(event: Doc, begun: Container[str]) -> bool:
    category, _, name = event["stream"].partition("/")
    data, creating = event["data"], event["type"] in CREATING
    if not name or (not creating and event["stream"] not in begun):
        return True
    for field in REQUIRED[category]:
        if (creating or field in data) and data.get(field) is None:
            return True
    for field in DATES:
        try:
            moment(data.get(field) or "2000-01-01")
        except ValueError:
            return True
    return False


class Archive:
    """Every entity of a file of events: its fields, whether it shows, its version, its sequence."""

    def __init__(self, path: Path) -> None:
        self.entities: dict[str, Doc] = {}
        self.bad = 0
        self.head = 0
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                event = json.loads(line)
                if is_bad(event, self.entities):
                    self.bad += 1
                else:
                    self.apply(event)

    def apply(self, event: Doc) -> None:
        self.head += 1
        entity = self.entities.setdefault(event["stream"], {"version": 0, "live": False})
        if event["type"] in CREATING:
            entity["fields"] = {}
        if event["type"] in REMOVING:
            entity["live"] = False
        elif event["type"] in CREATING or event["type"].endswith("Reinstated"):
            entity["live"] = True
        data = dict(event["data"])
        cleared = data.pop("cleared", None) or []
        entity["fields"].update({k: v for k, v in data.items() if v is not None})
        for field in cleared:
            entity["fields"].pop(field, None)
        entity["version"] += 1
        entity["sequence"] = self.head
        entity["updated_at"] = moment(event["occurred_at"])

    def live(self, category: str) -> dict[str, Doc]:
        prefix = category + "/"
        return {
            k: e for k, e in sorted(self.entities.items()) if k.startswith(prefix) and e["live"]
        }

    def field(self, entity_id: str, name: str) -> Any:
        return self.entities.get(entity_id, {"fields": {}})["fields"].get(name)

    def hidden(self, entity_id: str) -> bool:
        return entity_id in self.entities and not self.entities[entity_id]["live"]

    def reference(self, entity_id: str | None) -> Doc | None:
        return entity_id and {"id": entity_id, "name": self.field(entity_id, "name")}

    def aliases(self, entity_id: str) -> list[str]:
        return self.field(entity_id, "aliases") or []

    def sequence(self, ids: list[str | None]) -> int:
        return max(self.entities[i]["sequence"] for i in ids if i in self.entities)

    # the articles view

    def articles(self) -> dict[str, Doc]:
        return {
            article_id: self.article(article_id, e)
            for article_id, e in self.live("article").items()
        }

    def article(self, article_id: str, entity: Doc) -> Doc:
        fields = entity["fields"]
        section, images = fields.get("section_id"), fields.get("image_ids", [])
        bylines, tags = fields.get("byline_ids", []), fields.get("tag_ids", [])
        parent = self.field(section, "parent_id") if section else None
        words = len(fields["body"].split()) if "body" in fields else None
        photographers = [self.field(image, "photographer_id") for image in images]
        plain = ("headline", "kicker", "abstract", "body", "url", "language", "source")
        return {
            "id": article_id,
            **{name: fields.get(name) for name in plain},
            "published_at": moment(fields["published_at"]),
            "updated_at": entity["updated_at"],
            "section": section and {**self.reference(section), "parent": self.reference(parent)},
            "bylines": [
                {**self.reference(b), "title": self.field(b, "title"), "aliases": self.aliases(b)}
                for b in bylines
            ],
            "images": [self.image(image) for image in images if not self.hidden(image)],
            "tags": [
                {**self.reference(t), "kind": self.field(t, "kind"), "aliases": self.aliases(t)}
                for t in tags
                if not self.hidden(t)
            ],
            "word_count": fields.get("word_count", words),
            **{name: fields.get(name) for name in PRINTED},
            "version": entity["version"],
            "sequence": self.sequence(
                [article_id, section, parent, *bylines, *images, *tags, *photographers]
            ),
        }

    def image(self, image_id: str) -> Doc:
        names = ("url", "caption", "credit", "alt_text", "width", "height")
        return {
            "id": image_id,
            **{name: self.field(image_id, name) for name in names},
            "photographer": self.reference(self.field(image_id, "photographer_id")),
        }

    # the bylines view

    def bylines(self) -> dict[str, Doc]:
        written: dict[str, list[str]] = {}
        for article_id, entity in self.live("article").items():
            for byline in set(entity["fields"].get("byline_ids", [])):
                written.setdefault(byline, []).append(article_id)
        return {b: self.byline(b, written.get(b, [])) for b in self.live("byline")}

    def byline(self, byline_id: str, written: list[str]) -> Doc:
        names = ("name", "title", "bio", "url")
        dates = [moment(self.field(a, "published_at")) for a in written]
        newest = sorted(
            written, key=lambda a: (-moment(self.field(a, "published_at")).timestamp(), a)
        )
        sections = Counter(s for a in written if (s := self.field(a, "section_id")))
        first = [set(self.field(a, "byline_ids")[:TOGETHER]) for a in written]
        beside = Counter(b for s in first if byline_id in s for b in s if b != byline_id)
        return {
            "id": byline_id,
            **{name: self.field(byline_id, name) for name in names},
            "aliases": self.aliases(byline_id),
            "article_count": len(written),
            "first_published_at": min(dates, default=None),
            "last_published_at": max(dates, default=None),
            "latest": [
                {
                    "id": a,
                    "headline": self.field(a, "headline"),
                    "url": self.field(a, "url"),
                    "published_at": moment(self.field(a, "published_at")),
                }
                for a in newest[:10]
            ],
            "sections": self.counted(sections),
            "coauthors": self.counted(beside),
        }

    def counted(self, counts: Counter[str]) -> list[Doc]:
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [{**self.reference(i), "count": n} for i, n in ordered]
