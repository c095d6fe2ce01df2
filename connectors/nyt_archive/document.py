"""A document of the Archive API becomes events: what it names, and the article."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from connectors.derived import uuid5
from connectors.nyt_archive.names import article_stream, stream_of
from connectors.nyt_archive.people import writers
from connectors.nyt_archive.pictures import pictures
from connectors.nyt_archive.values import count, group, groups, instant, label, named, text
from event_log import InvalidEvent, NewEvent

ACTOR = "nyt-archive"
ONCE = frozenset({"byline", "section", "tag"})
"""The categories whose entities are created by the first document that names them, and left so."""
OWNED: Mapping[str, tuple[str, ...]] = {
    "article": (
        *("kicker", "abstract", "body", "url", "section_id", "byline_ids", "image_ids", "tag_ids"),
        *("source", "word_count", "news_desk", "type_of_material"),
        *("print_page", "print_section", "print_headline"),
    )
}
"""The fields that are cleared when a document does not say them any more."""
KINDS = {
    **dict.fromkeys(("subject", "subjects"), "subject"),
    **dict.fromkeys(("persons", "person"), "person"),
    **dict.fromkeys(("organizations", "organization"), "organization"),
    **dict.fromkeys(("glocations", "glocation", "locations", "location"), "place"),
    **dict.fromkeys(("creative_works", "creative_work", "title"), "work"),
}
"""The kind of a tag for each name of a keyword; a keyword of another name is a tag of no kind."""


def identity(document: Any) -> str | None:
    """What a document is known by, for people and for its stream; None if it says nothing."""
    if not isinstance(document, Mapping):
        return None
    for name in ("uri", "_id"):
        if isinstance(found := document.get(name), str) and found.strip():
            return found.strip()
    return None


def events_of(document: Any) -> list[NewEvent]:
    """The events that create what a document names, and then the article; ids are set.

    Raises ``InvalidEvent`` with the field of the document that cannot be read.

    >>> found = events_of({"uri": "nyt://article/5a1c0c1e-98ab-5d25-8a3e-2f1ab0f7f0aa",
    ...     "headline": {"main": "Whales Return"}, "pub_date": "1851-10-18T00:00:00+0000",
    ...     "keywords": [{"name": "glocations", "value": "Nantucket"}]})
    >>> [(event.stream, event.type) for event in found]
    [('tag/place-nantucket-...', 'TagDefined'), ('article/nyt-5a1c0c1e-...', 'ArticlePublished')]
    """
    if not isinstance(document, Mapping):
        raise InvalidEvent("", "is not an object")
    known_by = identity(document)
    if known_by is None:
        raise InvalidEvent("uri", "is missing, and so is _id")
    naming = _Naming()
    published_at = instant(document, "pub_date")
    article = {
        **_texts(document),
        "published_at": published_at,
        "section_id": naming.section(document),
        "byline_ids": naming.bylines(document),
        "image_ids": naming.images(document),
        "tag_ids": naming.tags(document),
    }
    said = {name: value for name, value in article.items() if value not in (None, [])}
    content = orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()
    return [
        *naming.events,
        NewEvent(
            article_stream(known_by),
            "ArticlePublished",
            said,
            uuid5(f"nyt-archive\n{known_by}\n{content}"),
            published_at,
            ACTOR,
        ),
    ]


def _texts(document: Mapping[str, Any]) -> dict[str, Any]:
    headline = document.get("headline")
    titles = {"main": headline} if isinstance(headline, str) else group(document, "headline")
    names = ("main", "print_headline", "seo", "name")
    title = next(filter(None, (text(titles, name) for name in names)), None)
    if title is None:
        raise InvalidEvent("headline", "is missing: it has neither main nor print_headline")
    return {
        "headline": title,
        "kicker": text(titles, "kicker"),
        "abstract": text(document, "abstract") or text(document, "snippet"),
        "body": text(document, "lead_paragraph"),
        "url": text(document, "web_url"),
        "source": text(document, "source"),
        "word_count": count(document, "word_count"),
        "news_desk": named(document, "news_desk"),
        "type_of_material": named(document, "type_of_material"),
        "print_page": label(document, "print_page"),
        "print_section": label(document, "print_section"),
        "print_headline": text(titles, "print_headline"),
    }


class _Naming:
    """What a document names: the streams, and the events that create their entities."""

    def __init__(self) -> None:
        self.events: list[NewEvent] = []

    def section(self, document: Mapping[str, Any]) -> str | None:
        above, below = named(document, "section_name"), named(document, "subsection_name")
        if above is None:
            above, below = below, None
        if above is None:
            return None
        parent = self._named(stream_of("section", above), "SectionOpened", {"name": above})
        if below is None:
            return parent
        fields = {"name": below, "parent_id": parent}
        return self._named(stream_of("section", above, below), "SectionOpened", fields)

    def bylines(self, document: Mapping[str, Any]) -> list[str]:
        return _distinct(
            self._named(stream_of("byline", name), "BylineRegistered", {"name": name})
            for name in writers(document)
        )

    def images(self, document: Mapping[str, Any]) -> list[str]:
        return [
            self._named(found.stream, "ImageAdded", found.fields) for found in pictures(document)
        ]

    def tags(self, document: Mapping[str, Any]) -> list[str]:
        return _distinct(self._tags(document))

    def _tags(self, document: Mapping[str, Any]) -> Iterator[str]:
        for keyword in groups(document, "keywords"):
            name, value = text(keyword, "name") or "", text(keyword, "value")
            if value is None:
                continue
            kind = KINDS.get(name.casefold())
            fields = {"name": value, "kind": kind} if kind else {"name": value}
            yield self._named(stream_of("tag", kind or name, value), "TagDefined", fields)

    def _named(self, stream: str, creating: str, fields: Mapping[str, Any]) -> str:
        content = orjson.dumps(dict(fields), option=orjson.OPT_SORT_KEYS).decode()
        event_id = uuid5(f"nyt-archive\n{stream}\n{content}")
        self.events.append(NewEvent(stream, creating, dict(fields), event_id, None, ACTOR))
        return stream


def _distinct(streams: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(streams))
