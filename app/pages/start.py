"""``/``: the front page of the archive, made from what the domain's views declare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.pages.hits import Shown, facet_names, shown
from app.pages.linking import views_for
from app.pages.periods import Histogram, histogram
from app.pages.search_state import State, filter_label
from app.pages.templates import base_of, render
from app.web.addresses import page_of
from app.web.asked import Asked
from app.web.conditional import caching, conditional
from app.web.identity import Identity, Reader
from app.web.site import Served, Site

if TYPE_CHECKING:
    from replay import View
    from search import Answer

router = APIRouter(include_in_schema=False)
NEWEST, ON_THIS_DAY, BROWSED, LISTS = 7, 6, 24, 3


@dataclass(frozen=True)
class Listed:
    """A value to browse by: how many documents have it, and where they are."""

    label: str
    count: int
    address: str


@dataclass(frozen=True)
class Start:
    """What the start page shows."""

    total: int
    newest: Sequence[Shown]
    on_this_day: Sequence[Shown]
    today: str
    browse: Sequence[tuple[str, Sequence[Listed]]]
    histogram: Histogram | None


@router.get("/")
async def start_page(request: Request, site: Served, identity: Reader) -> Response:
    """Show the front page."""
    from search import NothingServes

    state = State(site.archive.first_view, site.archive.first_view, Asked())
    try:
        start = await site.work.run(_start, site, state, identity)
    except NothingServes:
        start = None
    page = render(
        request,
        "start.html",
        identity,
        headers=caching(identity),
        state=state,
        start=start,
        first=state.first,
        base=base_of(request),
    )
    return conditional(request, page)


def _start(site: Site, state: State, identity: Identity) -> Start:
    from search import Query

    view, engine = site.archive.view(state.first), site.archive.engine
    now = datetime.now(UTC)
    lists = [*_browsed(view)][:LISTS]
    newest = engine.search(
        Query(
            "",
            view.name,
            sort="newest" if view.date else "relevance",
            size=NEWEST,
            facets=[name for _, name in lists],
            histogram="decade" if view.date else None,
        )
    )
    same_day: list[Shown] = []
    if view.date:
        found = engine.search(
            Query("", view.name, sort="oldest", size=ON_THIS_DAY, month_day=f"{now:%m-%d}")
        )
        same_day = [shown(view, hit) for hit in found.hits]
    return Start(
        total=newest.total,
        newest=[shown(view, hit) for hit in newest.hits],
        on_this_day=same_day,
        today=f"{now.day} {now:%B}",
        browse=[
            (filter_label(name), [*_listed(site, identity, state, field, newest)])
            for name, field in lists
            if newest.facets.get(field)
        ],
        histogram=histogram(state, "decade", newest.histogram),
    )


def _browsed(view: View) -> Iterator[tuple[str, str]]:
    """The filters to browse by, each with the one that has its ids, if there is one."""
    for name in facet_names(view):
        by_id = f"{name}_id"
        yield name, by_id if by_id in view.filters else name


def _listed(
    site: Site, identity: Identity, state: State, field: str, answer: Answer
) -> Iterator[Listed]:
    """The values of a facet, the most frequent first; those that have a page are linked to it.

    An id whose entity has no document, as when it was removed, says nothing to a reader.
    """
    counts = answer.facets[field][:BROWSED]
    titles = _titles(site, identity, [value for value, _ in counts])
    for value, count in counts:
        if value in titles:
            label, address = titles[value]
            yield Listed(label, count, address)
        elif site.archive.domain.view_of(value) is None:
            yield Listed(value, count, state.with_filter(field, value))


def _titles(site: Site, identity: Identity, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """By the id of an entity that has a page: its title, and the page's address."""
    from search import NothingServes, Query

    by_view: dict[str, list[str]] = {}
    for each in ids:
        name = site.archive.domain.view_of(each)
        if name in views_for(site, identity):
            by_view.setdefault(str(name), []).append(each)
    titles = {}
    for name, some in by_view.items():
        view = site.archive.view(name)
        try:
            found = site.archive.engine.search(
                Query("", name, ids=some, size=len(some), highlight=False)
            )
        except NothingServes:
            continue  # a view that is not built yet has no pages
        for hit in found.hits:
            titles[hit.id] = (unescape(hit.title), page_of(view, hit.id))
    return titles
