"""``/search``: the search page of any view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.pages.facets import Facet, asked_facets, facets
from app.pages.hits import Shown, shown
from app.pages.periods import Histogram, histogram, unit_of
from app.pages.search_state import State, filter_value
from app.pages.templates import base_of, render
from app.web import reading
from app.web.asked import pages_of
from app.web.conditional import caching, conditional
from app.web.identity import Identity, Reader
from app.web.problems import problem_of
from app.web.reading import readable_view
from app.web.site import Served, Site

if TYPE_CHECKING:
    from replay import View
    from search import Answer, Query

router = APIRouter(include_in_schema=False)
SORTS = ("relevance", "newest", "oldest")


@dataclass(frozen=True)
class Results:
    """What a page shows of an answer."""

    answer: Answer
    hits: Sequence[Shown]
    facets: Sequence[Facet]
    histogram: Histogram | None
    pages: int
    understood: str
    advice: Sequence[str]
    as_of: Mapping[str, Any] | None


@router.get("/search")
async def search_page(request: Request, site: Served, identity: Reader) -> Response:
    """Show what a search finds; all of its state is in the address."""
    state = State.of(request.query_params.multi_items(), site.archive.first_view)
    return await site.work.run(_searched, request, site, state, identity)


def _searched(request: Request, site: Site, state: State, identity: Identity) -> Response:
    """Find and show, both in one thread: to write a page takes as long as to search for it."""
    view = readable_view(site, state.view, identity)
    try:
        results = find(site, view, state, identity)
    except Exception as error:
        problem = problem_of(error)
        if problem is None or problem.status not in (404, 422):
            raise
        return _page(request, identity, state, view, None, problem.detail, problem.status)
    return _page(request, identity, state, view, results)


def _page(
    request: Request,
    identity: Identity,
    state: State,
    view: View,
    results: Results | None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    page = render(
        request,
        "search.html",
        identity,
        status,
        caching(identity),
        state=state,
        asked=state.asked,
        view=view.name,
        dated=view.date is not None,
        sorts=[sort for sort in SORTS if sort == "relevance" or view.date],
        results=results,
        problem=problem,
        kept=_kept(state, results),
        base=base_of(request),
        chips=[*state.chips()],
        feed=state.address("/search.atom", without=("page", "size", "facet", "histogram")),
        export=state.address(f"/api/v1/{view.name}/export", without=("page", "size", "view")),
    )
    return page if results is None else conditional(request, page, results.answer.sequence)


def _kept(state: State, results: Results | None) -> list[tuple[str, str]]:
    """The fields of the form that no field on the page shows: filters that are no facet."""
    facets = {facet.name for facet in results.facets} if results else set()
    hidden = [
        filter_value(name, value, sign)
        for chosen, sign in ((state.asked.filters, ""), (state.asked.excluded, "!"))
        for name, values in chosen.items()
        if name not in facets
        for value in values
    ]
    if results is None and state.asked.sort != SORTS[0]:
        hidden.append(("sort", state.asked.sort))
    return hidden


def find(site: Site, view: View, state: State, identity: Identity) -> Results:
    """Search, and lay out what was found."""
    from search import advice, understood

    asked = state.asked
    unit = asked.histogram or unit_of(asked.date_from, asked.date_to)
    query = replace(
        asked.query(view.name, identity.edits),
        facets=asked_facets(view, state),
        histogram=unit if view.date else None,
    )

    def search(query: Query) -> Answer:
        return reading.search(site, query, asked.at, identity)

    with site.figures.search(view.name):
        answer = search(query)
    nothing = not answer.total
    words = (query, view.text, view.filters, view.date)
    return Results(
        answer=answer,
        hits=[shown(view, hit) for hit in answer.hits],
        facets=facets(view, state, query, answer, search),
        histogram=histogram(state, unit, answer.histogram),
        pages=pages_of(answer.total, asked.size),
        understood=understood(*words) if nothing else "",
        advice=advice(*words) if nothing else (),
        as_of=_as_of(site, answer) if asked.at is not None else None,
    )


def _as_of(site: Site, answer: Answer) -> Mapping[str, Any]:
    """The sequence that was searched, and when its event was recorded."""
    from archive import recorded_at

    return {
        "sequence": answer.sequence,
        "recorded_at": recorded_at(site.archive, answer.sequence),
    }
