"""A connector over captured messages: a broker in memory, the tables of a small CMS, and a log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from captured import Broker, CapturedSource, Tables

from connectors.capture.capture import Capture, Figures
from connectors.capture.connector import Connector
from connectors.mapping.reading import read_mapping
from event_log import EventLog
from newsroom import DOMAIN
from replay import read_entity

CMS = """
source: cms
topics: [cms]
limits: {wait_ms: 0}
tables:
  article:
    stream: article/{id}
    fields: {abstract: summary}
    ignored: [created_at]
  author:
    stream: byline/{id}
  article_author:
    lists:
      byline_ids: {of: "article/{article_id}", value: "byline/{author_id}", order: ordinal}
"""


class Cms:
    """The tables of a CMS, the connector that follows them, and the log that it writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = Broker()
        self.broker.make("cms")
        self.tables = Tables(self.broker, "cms")
        self.log = EventLog(folder / "log", DOMAIN.categories)
        self.told: list[str] = []
        self.mapping_text = CMS

    def connector(self, **changed: str) -> Connector:
        """The connector, as a new process has it; ``changed`` replaces text of its mapping."""
        text = self.mapping_text
        for before, after in changed.items():
            text = text.replace(before, after)
        path = self.folder / "cms.yaml"
        path.write_text(text)
        mapping = read_mapping(str(path), DOMAIN)
        log = EventLog(self.folder / "log", DOMAIN.categories)
        return Connector(log, mapping, self.folder, CapturedSource(self.broker, mapping.topics))

    def connect(
        self, begin_again: bool = False, started: Callable[[Capture], None] = lambda _: None
    ) -> Figures:
        """Run the connector to the end of its topic."""
        return self.connector().run(self.told.append, True, begin_again, started)

    def fields(self, stream: str) -> dict[str, Any]:
        """The fields of an entity; empty when it does not live."""
        entity = read_entity(self.log, stream)
        return entity.fields if entity.live else {}

    def events(self) -> list[tuple[str, str, dict[str, Any]]]:
        return [(e.stream, e.type, dict(e.data)) for e in self.log.read()]

    def commits(self) -> list[list[str]]:
        """The streams of the events of each commit, in order: they are recorded at one moment."""
        found: dict[Any, list[str]] = {}
        for event in self.log.read():
            found.setdefault(event.recorded_at, []).append(event.stream)
        return list(found.values())


def article(number: int, headline: str = "Whales", **rest: Any) -> tuple[str, Any, Any]:
    """A line of the table ``article``."""
    line = {"id": number, "headline": headline, "published_at": "2023-11-14T22:13:20Z"}
    line |= {"summary": None, "created_at": 5} | rest
    return "article", {"id": number}, line


def author(number: int, name: str = "Ana") -> tuple[str, Any, Any]:
    return "author", {"id": number}, {"id": number, "name": name}


def wrote(article_id: int, author_id: int, ordinal: int = 1) -> tuple[str, Any, Any]:
    key = {"article_id": article_id, "author_id": author_id}
    return "article_author", key, {**key, "ordinal": ordinal}
