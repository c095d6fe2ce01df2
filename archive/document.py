"""One document as readers see it: what the index has for an id, without what is under embargo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.look_back import answer
from search import Query

if TYPE_CHECKING:
    from datetime import datetime

    from archive import Archive
    from archive.progress import Tell
    from event_log import Point
    from replay import View
    from search import Hit


def document(
    archive: Archive,
    document: str,
    view: View,
    embargoed: bool = False,
    now: datetime | None = None,
    at: Point = None,
    tell: Tell | None = None,
) -> Hit | None:
    """The document of an id in the live index, or as of a point; None if readers see none."""
    query = Query(
        "", view.name, ids=document, size=1, highlight=False, embargoed=embargoed, now=now
    )
    return next(iter(answer(archive, query, at, tell).hits), None)
