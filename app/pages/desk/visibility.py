"""When readers see an entity: what is dated in the future is hidden until then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archive import Archive
    from event_log import Event
    from search import Hit

MOST_SCHEDULED = 20


def hidden_until(
    archive: Archive, category: str, fields: Mapping[str, Any], now: datetime | None = None
) -> datetime | None:
    """The instant in the future from which readers see an entity; ``None`` if it is not hidden.

    It is the date of the view that has a document for each entity of the category.
    """
    for view in archive.views.values():
        value = fields.get(view.date) if view.date and view.embargo else None
        if view.per != category or not isinstance(value, date):
            continue
        day = value if isinstance(value, datetime) else datetime.combine(value, time(), UTC)
        if day > (now or datetime.now(UTC)):
            return day
    return None


def scheduled(archive: Archive) -> list[tuple[str, Hit]]:
    """The documents that readers do not see yet, with their views, the next one first."""
    from search import NothingServes, Query

    found: list[tuple[str, Hit]] = []
    categories = {category.name for category in archive.domain.categories}
    now = datetime.now(UTC)
    for view in archive.views.values():
        if view.per not in categories or not (view.embargo and view.date):
            continue
        query = Query(
            "", view.name, date_from=now, sort="oldest", size=MOST_SCHEDULED, embargoed=True
        )
        try:
            found += [(view.name, hit) for hit in archive.engine.search(query).hits]
        except NothingServes:
            continue
    return found


@dataclass(frozen=True)
class Seen:
    """Whether the live index of a view has an event."""

    view: str
    searchable: bool
    why_not: str | None = None
    """Why it will not have it without somebody's help."""


def seen_in(archive: Archive, event: Event) -> list[Seen]:
    """View by view, whether an event is searchable."""
    return [
        Seen(
            view.view,
            view.generation is not None and view.checkpoint >= event.sequence,
            view.needs_rebuild,
        )
        for view in archive.status().views
    ]
