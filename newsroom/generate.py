"""Generate a deterministic archive of any size in the import format, with realistic frequencies.

Articles come reel by reel, as an archive is digitized: each reel goes from 1851 to 2025. The later
events of an article (a revision, a retraction) are made when it is published and wait in a ring of
``WINDOW`` places, so memory does not grow with the size of the archive. The numbers of bylines,
tags and images depend on the articles before, never on those after: every event of a small archive
is also an event of a larger one with the same seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from hashlib import blake2b
from random import Random
from typing import Any

import orjson

from newsroom.cast import AGENCIES, ERAS, FIRST_YEAR, LAST_YEAR, byline, sections, tag
from newsroom.prose import Prose, Subject, count_words

WINDOW = 512
"""Articles within which the last event of an article comes."""
CHUNK = 1 << 18
FIRST_BYLINES = len(AGENCIES) + 2 * ERAS
FIRST_TAGS = 60
DAY = 24 * 60
FIRST_DAY = date(1851, 9, 18).toordinal()
SIZES = ((1600, 1067), (2048, 1365), (800, 1200), (1200, 800), (4000, 2667))


def generate_events(articles: int, seed: int = 0) -> Iterator[bytes]:
    """Generate an archive of so many articles as JSON Lines, in chunks of whole lines.

    The same number and seed give the same bytes. Raises ``ValueError`` for a negative number.

    >>> b"".join(generate_events(3)).splitlines()[0][:40]
    b'{"stream":"section/world","type":"Sectio'
    """
    if articles < 0:
        raise ValueError(f"cannot generate {articles} articles; give 0 or more")
    return _chunks(_Archive(seed).lines(articles))


def _chunks(lines: Iterator[bytes]) -> Iterator[bytes]:
    buffered: list[bytes] = []
    size = 0
    for line in lines:
        buffered.append(line)
        size += len(line)
        if size >= CHUNK:
            yield b"".join(buffered)
            buffered, size = [], 0
    if buffered:
        yield b"".join(buffered)


def _instant(minute: int) -> str:
    """A minute since day 0 of the calendar as an instant in ISO 8601, in UTC."""
    day, minute = divmod(minute, DAY)
    return f"{date.fromordinal(day).isoformat()}T{minute // 60:02}:{minute % 60:02}:00Z"


class _Archive:
    """The state of a generated archive: counters, the random source, and the ring of events."""

    def __init__(self, seed: int) -> None:
        chance = Random(seed)  # noqa: S311 - it must be repeatable, not secret
        self._seed = seed
        self._random = chance.random
        self._prose = Prose(chance)
        self._ring: list[list[bytes]] = [[] for _ in range(WINDOW)]
        self._now = self._events = self._bylines = self._tags = self._images = 0
        self._sections = [section for section, _ in sections()]

    def lines(self, articles: int) -> Iterator[bytes]:
        """All events of the archive, each as one line."""
        start = FIRST_DAY * DAY
        for section, fields in sections():
            self._add(section, "SectionOpened", fields, start, "managing-editor")
        self._grow(0)
        yield from self._due()
        for number in range(1, articles + 1):
            self._now = number
            published = self._published_minute(number)
            self._grow(number)
            self._publish(number, published)
            self._maintain(number, published)
            yield from self._due()
        for self._now in range(articles + 1, articles + WINDOW):
            yield from self._due()

    def _due(self) -> Iterator[bytes]:
        due = self._ring[self._now % WINDOW]
        yield from due
        due.clear()

    def _add(
        self, stream: str, kind: str, data: dict[str, Any], minute: int, actor: str,
        lag: int = 0, edition: str | None = None, cause: str | None = None,
    ) -> str:  # fmt: skip
        """Put an event into the ring, due ``lag`` articles from now; returns its id."""
        self._events += 1
        digest = blake2b(f"{self._seed}/{self._events}".encode(), digest_size=16).hexdigest()
        event_id = f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-b{digest[17:20]}-{digest[20:]}"
        event = {"stream": stream, "type": kind, "data": data, "event_id": event_id}
        event |= {"occurred_at": _instant(minute), "actor": actor}
        if edition:
            event["correlation_id"] = edition
        if cause:
            event["causation_id"] = cause
        line = orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
        self._ring[(self._now + lag) % WINDOW].append(line)
        return event_id

    def _grow(self, number: int) -> None:
        """Add new bylines and tags; the event of one in ten comes only after its first use."""
        start = FIRST_DAY * DAY
        while self._bylines < FIRST_BYLINES + number // 100:
            self._bylines += 1
            fields = byline(self._bylines, self._seed)
            since = date.fromisoformat(fields.get("active_from", "1851-09-18")).toordinal() * DAY
            stream = f"byline/{self._bylines}"
            self._add(stream, "BylineRegistered", fields, since, "personnel", self._late(0.1))
        while self._tags < FIRST_TAGS + number // 60:
            self._tags += 1
            fields = tag(self._tags, self._seed)
            stream = f"tag/{self._tags}"
            self._add(stream, "TagDefined", fields, start, "indexing-desk", self._late(0.1))

    def _late(self, share: float) -> int:
        return 1 + self._prose.rank(100) if self._random() < share else 0

    def _published_minute(self, number: int) -> int:
        year = FIRST_YEAR + (number - 1) % (LAST_YEAR - FIRST_YEAR + 1)
        first = max(FIRST_DAY, date(year, 1, 1).toordinal())
        day = first + int(self._random() * (date(year, 12, 31).toordinal() - first + 1))
        printed = year < 1996  # in print before, around the clock since
        return day * DAY + (5 * 60 if printed else int(self._random() * DAY))

    def _byline(self, minute: int) -> str:
        """A byline active at that time: often an agency, else a person of the decade."""
        if self._random() < 0.12:
            return f"byline/{1 + self._prose.rank(len(AGENCIES))}"
        decade = (minute // DAY - FIRST_DAY) // 3653 - int(self._random() * 3)
        first = len(AGENCIES) + 1 + max(0, min(ERAS - 1, decade))
        peers = (self._bylines - first) // ERAS + 1
        return f"byline/{first + ERAS * self._prose.rank(peers)}"

    def _some_bylines(self, minute: int) -> list[str]:
        wanted = 0 if (chance := self._random()) < 0.1 else 1 if chance < 0.85 else 2
        return list(dict.fromkeys([self._byline(minute) for _ in range(wanted)]))

    def _some_tags(self) -> list[str]:
        wanted = 2 + int(self._random() * 4)
        rank = self._prose.rank
        return list(dict.fromkeys([f"tag/{1 + rank(self._tags, 8.0)}" for _ in range(wanted)]))

    def _section(self) -> str:
        return self._sections[self._prose.rank(len(self._sections), 4.0)]

    def _some_images(self, subject: Subject, minute: int, edition: str) -> list[str]:
        wanted = self._prose.rank(4, 0.3)
        images = []
        for _ in range(wanted):
            if self._images and self._random() < 0.2:
                images.append(f"image/{1 + int(self._random() * self._images)}")
            else:
                images.append(self._add_image(subject, minute, edition))
        return list(dict.fromkeys(images))

    def _add_image(self, subject: Subject, minute: int, edition: str) -> str:
        """Add an image, whose event may come late, and sometimes its revision and withdrawal."""
        self._images += 1
        stream = f"image/{self._images}"
        width, height = SIZES[int(self._random() * len(SIZES))]
        fields = {
            "url": f"/images/{self._images}.jpg",
            "caption": self._prose.caption(subject),
            "credit": f"{subject.place} Picture Library",
            "taken_at": _instant(minute - int(self._random() * 3 * DAY)),
            "width": width,
            "height": height,
            "alt_text": f"{subject.noun} in {subject.place}",
        }
        if self._random() < 0.7:
            fields["photographer_id"] = self._byline(minute)
        lag = self._late(0.06)
        cause = self._add(stream, "ImageAdded", fields, minute, "photo-desk", lag, edition)
        chance = self._random()
        if chance < 0.08:
            lag += 1 + self._prose.rank(200)
            fields = {"caption": self._prose.caption(subject)}
            if chance < 0.02:
                fields = {"cleared": ["photographer_id"], "credit": "Photographer unknown"}
            later = minute + lag * 60
            self._add(stream, "ImageRevised", fields, later, "photo-desk", lag, cause=cause)
        if chance > 0.99:
            lag += 1 + self._prose.rank(200)
            self._add(stream, "ImageWithdrawn", {}, minute + lag * DAY, "rights-desk", lag)
        return stream

    def _publish(self, number: int, minute: int) -> None:
        """Add one article with all its later events."""
        prose, subject = self._prose, self._prose.subject()
        published = _instant(minute)
        edition = f"edition/{published[:10]}"
        body = prose.body(subject, 300 + int(520 * self._random() ** 1.5))
        data: dict[str, Any] = {
            "headline": prose.headline(subject),
            "abstract": prose.abstract(subject),
            "body": body,
            "url": f"/{published[:10].replace('-', '/')}/{number}.html",
            "published_at": published,
            "section_id": self._section(),
            "byline_ids": self._some_bylines(minute),
            "image_ids": self._some_images(subject, minute, edition),
            "tag_ids": self._some_tags(),
            "language": "en",
            "source": "Stet Generator",
        }
        if self._random() < 0.35:
            data["kicker"] = prose.kicker(subject)
        if self._random() < 0.5:
            data["word_count"] = count_words(body)
        stream = f"article/{number}"
        cause = self._add(stream, "ArticlePublished", data, minute, "news-desk", 0, edition)
        self._add_later_events(stream, data, subject, minute, cause)

    def _add_later_events(
        self, stream: str, data: dict[str, Any], subject: Subject, minute: int, cause: str
    ) -> None:
        """Add an article's later events: some revisions, and for a few a retraction."""
        lag = 0
        for _ in range(self._prose.rank(6, 0.2)):
            lag += 1 + self._prose.rank(40)
            desk = "corrections-desk" if self._random() < 0.2 else "copy-desk"
            fields = self._revision(data, subject, minute)
            self._add(stream, "ArticleRevised", fields, minute + lag * 25, desk, lag, None, cause)
        if self._random() >= 0.03:
            return
        lag += 1 + self._prose.rank(40)
        later = minute + lag * DAY
        cause = self._add(stream, "ArticleRetracted", {}, later, "standards-desk", lag, None, cause)
        chance, lag = self._random(), lag + 1 + self._prose.rank(60)
        kind = "ArticleReinstated" if chance < 0.45 else "ArticlePublished" if chance < 0.5 else ""
        if kind:
            fields = {} if chance < 0.45 else data | {"headline": self._prose.headline(subject)}
            later = minute + lag * DAY
            self._add(stream, kind, fields, later, "standards-desk", lag, None, cause)

    def _revision(self, data: dict[str, Any], subject: Subject, minute: int) -> dict[str, Any]:
        """The fields that one revision changes, most often the headline or the body."""
        chance = self._random()
        if chance < 0.22:
            body = data["body"] + "\n\n" + self._prose.own_paragraph(subject, 1)
            return {"body": body, "word_count": count_words(body)}
        if chance < 0.38:
            return {"abstract": self._prose.abstract(subject)}
        if chance < 0.52:
            return {"tag_ids": self._some_tags()}
        if chance < 0.62:
            return {"cleared": ["kicker"]} if "kicker" in data else {"kicker": "Update"}
        if chance < 0.67:
            return {"section_id": self._section()}
        if chance < 0.72:
            return {"byline_ids": self._some_bylines(minute)}
        if chance < 0.75:
            return {"cleared": ["image_ids"]}
        return {"headline": self._prose.headline(subject)}

    def _maintain(self, number: int, minute: int) -> None:
        """Revise or remove a byline, tag or section; last in the ring, so after its late event."""
        lag, chance = WINDOW - 1, self._random()
        if chance < 0.004:
            stream = self._byline(minute)
            name = byline(int(stream.removeprefix("byline/")), self._seed)["name"]
            change = {"name": f"{name}-{self._prose.person().split()[1]}"}
            fields = change if chance < 0.002 else {"title": f"Senior {self._prose.place()} Writer"}
            self._add(stream, "BylineRevised", fields, minute, "personnel", lag)
        elif chance < 0.008:
            stream = f"tag/{1 + self._prose.rank(self._tags, 8.0)}"
            fields = {"name": f"{self._prose.place()} ({number})"}
            self._add(stream, "TagRevised", fields, minute, "indexing-desk", lag)
        elif chance < 0.0082:
            stream = f"tag/{1 + int(self._random() * self._tags)}"
            self._add(stream, "TagRemoved", {}, minute, "indexing-desk", lag)
        elif chance < 0.0084:
            fields = {"description": f"Formerly {self._prose.place()} and beyond."}
            self._add(self._section(), "SectionRevised", fields, minute, "managing-editor")
        elif chance < 0.0085:
            self._add(self._byline(minute), "BylineRemoved", {}, minute, "personnel", lag)
