"""Why a document is here: what it was made from, for readers and for the desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from app.pages.document.fields import entity_page
from app.pages.document.linked import titles

if TYPE_CHECKING:
    from app.pages.document.page import Page
    from app.web.site import Site
    from archive import Cause, Explanation

MOST = 500
"""The latest events that are looked at."""


@dataclass(frozen=True)
class Source:
    """An entity that a document is made from, and when its last event was."""

    title: str
    category: str
    address: str | None
    itself: bool
    last: datetime


@dataclass(frozen=True)
class Why:
    """What a document was made from; the events are for the desk only."""

    explanation: Explanation
    sources: Sequence[Source]
    events: Sequence[Cause]


def why(site: Site, page: Page) -> Why:
    """Explain a document to somebody.

    Readers see the entities that they may see by themselves, without who appended what and why.
    """
    from search import clock

    asked = page.asked
    at = None if page.version is None else page.version.sequence
    public = None if asked.identity.edits else clock()
    explanation = site.archive.explain(asked.key, asked.view, at, MOST, public=public)
    last = {cause.stream: cause.occurred_at or cause.recorded_at for cause in explanation.latest}
    called = titles(site, [*last], asked.identity)
    if page.times is not None:
        shown = page.times.versions if page.version is None else [page.version]
        called[asked.key], last[asked.key] = page.title, shown[-1].dated
    sources = [
        Source(
            title,
            entity.partition("/")[0],
            entity_page(site, entity),
            entity == asked.key,
            last[entity],
        )
        for entity, title in called.items()
        if entity in last
    ]
    sources.sort(key=lambda each: (not each.itself, each.category, each.title.casefold()))
    return Why(explanation, sources, explanation.latest[::-1] if asked.identity.edits else ())
