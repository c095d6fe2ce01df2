"""All corrections: what was corrected, withdrawn or restored with a note for the public.

They are found in the view of events, which the index keeps: the log is not read for each request,
only the streams of one page. What of them readers may see is decided as on an entity's own page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.pages.document.corrections import public_corrections
from app.pages.document.fields import entity_page
from app.pages.document.linked import titles
from app.pages.document.routes import page_number
from app.pages.templates import render
from app.web.addresses import origin
from app.web.conditional import caching, conditional
from app.web.identity import Identity, Reader
from app.web.problems import Problem
from app.web.site import Served, Site

if TYPE_CHECKING:
    from archive import PublicEvent
    from replay import View
    from search import Hit

router = APIRouter(include_in_schema=False)
A_PAGE = 30
FILTER = "annotation"
"""The filter of the history by the names of the annotations of an event."""
ENDED = ("removed",)


@dataclass(frozen=True)
class Line:
    """A correction in the list: of what, unless that is withdrawn, and what was said."""

    event: PublicEvent
    category: str
    title: str | None
    address: str | None
    notes: Sequence[str]


@router.get("/corrections")
async def corrections(request: Request, site: Served, identity: Reader) -> Response:
    """The list of all corrections, those first that were recorded last."""
    return await site.work.run(_page, request, site, identity)


def events_view(site: Site) -> View:
    """The view of events that is searched for annotations; raises ``Problem`` 404 without one."""
    from replay import EVENT

    for view in site.archive.views.values():
        if view.per == EVENT and FILTER in view.filters and site.archive.domain.public:
            return view
    raise Problem(404, "this archive tells no corrections: its domain has no public annotations")


def _page(request: Request, site: Site, identity: Identity) -> Response:
    from search import Query

    view, page = events_view(site), page_number(request)
    public = [*site.archive.domain.public]
    query = Query(
        "", view.name, {FILTER: public}, sort="newest", page=page, size=A_PAGE,
        highlight=False, embargoed=identity.edits,
    )  # fmt: skip
    answer = site.archive.engine.search(query)
    lines = [*_lines(site, answer.hits, identity)]
    lines.sort(key=lambda line: line.event.date, reverse=True)
    response = render(
        request,
        "corrections.html",
        identity,
        headers=caching(identity),
        lines=lines,
        number=page,
        pages=-(-answer.total // A_PAGE),
        canonical=origin(request, site.options) + "/corrections",
        page_numbered=lambda number: f"/corrections?page={number}",
    )
    return conditional(request, response, answer.sequence)


def _lines(site: Site, hits: Sequence[Hit], identity: Identity) -> Iterator[Line]:
    """The lines of a page; of a removed entity only its removal, without its title."""
    streams = [*dict.fromkeys(str(hit.document["stream"]) for hit in hits)]
    called = titles(site, streams, identity)
    wanted = {(str(hit.document["stream"]), int(hit.document["version"])) for hit in hits}
    for stream in streams:
        for event in _events(site, stream, identity):
            if (stream, event.version) not in wanted:
                continue
            title = called.get(stream)
            if title is None and event.effect not in ENDED:
                continue
            address = entity_page(site, stream)
            if title is not None and address is not None:
                address += f"#correction-{event.version}"
            notes = [str(note) for note in event.annotations.values()]
            yield Line(event, stream.partition("/")[0], title, address, notes)


def _events(site: Site, stream: str, identity: Identity) -> list[PublicEvent]:
    """The corrections of an entity; none of one that no view shows."""
    category = stream.partition("/")[0]
    if all(view.per != category for view in site.archive.views.values()):
        return []
    return public_corrections(site, stream, identity)
