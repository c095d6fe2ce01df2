"""The values of a document's page, for any view; the newsroom's pages add their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.pages.document import newsroom
from app.pages.document.corrections import Correction, corrections
from app.pages.document.fields import shown_fields, title_of
from app.pages.document.linked import linked
from app.web.addresses import page_of
from app.web.identity import Identity
from app.web.memento import TimeMap, Version, has_versions, time_map
from app.web.reading import as_of, document
from event_log import dates
from replay import DAY, EVENT

if TYPE_CHECKING:
    from app.web.site import Site
    from replay import View

NEWSROOM = "newsroom"


@dataclass(frozen=True)
class Asked:
    """A page of a document that somebody asks for."""

    view: View
    key: str
    identity: Identity
    origin: str
    at: str | None = None
    page: int = 1

    @property
    def path(self) -> str:
        """The path of the document's page."""
        return page_of(self.view, self.key)

    @property
    def address(self) -> str:
        """The absolute address of the document's page."""
        return self.origin + self.path


@dataclass(frozen=True)
class Page:
    """A document as somebody sees it, with what its page says of it."""

    asked: Asked
    title: str
    document: Mapping[str, Any]
    times: TimeMap | None
    version: Version | None
    """The earlier version that is shown; ``None`` for the document as it is now."""
    withheld: Sequence[str]
    corrections: Sequence[Correction]

    @property
    def until(self) -> Version | None:
        """The version after the one that is shown."""
        if self.version is None or self.times is None:
            return None
        later = [v for v in self.times.versions if v.version > self.version.version]
        return later[0] if later else None

    @property
    def entity(self) -> str | None:
        """The entity that the document is of, for who edits it; a day and an event are none."""
        return None if self.asked.view.per in (None, DAY, EVENT) else self.asked.key

    @property
    def hidden_until(self) -> datetime | None:
        """The instant in the future from which readers see what only editors see until then."""
        view = self.asked.view
        date = self.document.get(view.date) if view.date and view.embargo else None
        if self.version is not None or not date:
            return None
        seen = dates.EPOCH + timedelta(microseconds=dates.date_span(date).first)
        return seen if seen > datetime.now(UTC) else None


def times_of(site: Site, asked: Asked) -> TimeMap | None:
    """The time map of a document, if it has versions."""
    if not has_versions(site, asked.view):
        return None
    return time_map(site, asked.view, asked.key, asked.address, asked.identity)


def page_for(site: Site, asked: Asked, times: TimeMap | None, version: Version | None) -> Page:
    """Read what a page of a document shows; raises ``Problem`` 404 or 410."""
    current = document(site, asked.view, asked.key, asked.identity).document
    shown: Mapping[str, Any] = current
    withheld: Sequence[str] = ()
    if version is not None:
        past = as_of(site, asked.view, asked.key, version, asked.identity)
        shown, withheld = past.document, past.withheld
    corrected = (
        corrections(site, asked.key, asked.identity)
        if times is not None and version is None
        else []
    )
    title = title_of(asked.view, shown)
    return Page(asked, title, shown, times, version, withheld, corrected)


Values = Callable[["Site", Page], dict[str, Any]]
OWN: Mapping[str, Values] = {
    "articles": newsroom.article,
    "bylines": newsroom.byline,
    "sections": newsroom.section,
    "topics": newsroom.topic,
    "images": lambda _site, _page: {},
    "timeline": newsroom.day,
}
"""The values that the newsroom's own templates need, by view."""


def values_for(site: Site, page: Page) -> dict[str, Any]:
    """The values that the template of a page needs beside the page."""
    own = OWN.get(page.asked.view.name) if site.archive.domain.name == NEWSROOM else None
    if own is not None:
        return own(site, page)
    named_by = []
    if page.times is not None and page.version is None:
        named_by = [*linked(site, page.asked.key, page.asked.identity)]
    fields = shown_fields(site, page.asked.view, page.document)
    return {"fields": fields, "named_by": named_by}
