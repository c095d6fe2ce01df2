"""``GET /{view}``: search, with the same parameters as the pages and the command line."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from app.api.answers import ViewName, answer, errors
from app.api.models import SearchModel
from app.api.parameters import SEARCHING
from app.web import reading
from app.web.asked import Asked, pages_of
from app.web.identity import Identity, Reader
from app.web.problems import Problem, WrongField
from app.web.reading import readable_view
from app.web.site import Served

if TYPE_CHECKING:
    from app.web.site import Site
    from search import Answer, Query

router = APIRouter(tags=["search"])


@router.get(
    "/{view}",
    response_model=SearchModel,
    responses=errors(404),
    operation_id="search",
    summary="Search a view",
    openapi_extra={"parameters": SEARCHING},
)
async def search(site: Served, identity: Reader, request: Request, view: ViewName) -> Response:
    """Find documents: one page of hits, and the facets of all.

    Pages are numbers, not cursors: an index that is followed changes between two requests, and no
    engine keeps the state of before for a client. `Link` has the next page; `export` gives the
    whole result.
    """
    found, asked = await site.work.run(_search, site, identity, view, request.query_params)
    return answer(found, found["sequence"], headers=_links(request, asked, found["pages"]))


def _search(
    site: Site, identity: Identity, view: str, parameters: QueryParams
) -> tuple[dict[str, Any], Asked]:
    named = readable_view(site, view, identity).name
    asked, query = query_of(parameters, named, identity.edits)
    found = answered(site, query, asked, identity)
    facets = {
        name: [{"value": value, "count": count} for value, count in values]
        for name, values in found.facets.items()
    }
    histogram = [{"value": label, "count": count} for label, count in found.histogram]
    told = {
        "view": named,
        "page": asked.page,
        "pages": pages_of(found.total, asked.size),
        "size": asked.size,
        **asdict(found),
        "facets": facets,
        "histogram": histogram,
    }
    return told, asked


def query_of(
    parameters: QueryParams, view: str, edits: bool, others: tuple[str, ...] = ()
) -> tuple[Asked, Query]:
    """The query that the parameters of an address are; ``others`` are not about the search."""
    asked = Asked.of(parameters.multi_items(), others)
    return asked, asked.query(view, edits)


def answered(site: Site, query: Query, asked: Asked, identity: Identity) -> Answer:
    """Search; a filter or a facet that the view lacks is a wrong parameter."""
    from search import UnknownName

    try:
        with site.figures.search(query.view):
            if asked.at is None:  # with how far the index is behind, which no page shows
                return site.archive.search(query)
            return reading.search(site, query, asked.at, identity)
    except UnknownName as error:
        raise Problem(422, str(error), [WrongField(error.name, str(error))]) from None


def _links(request: Request, asked: Asked, pages: int) -> dict[str, str]:
    """The links to the pages around this one, and to the first and the last (RFC 8288)."""
    before, after = min(asked.page - 1, pages), asked.page + 1
    around = {"first": 1, "prev": before, "next": after, "last": pages}
    others = [pair for pair in request.query_params.multi_items() if pair[0] != "page"]
    links = [
        f'<{request.url.path}?{urlencode([*others, ("page", number)])}>; rel="{name}"'
        for name, number in around.items()
        if 1 <= number <= pages and asked.size
    ]
    return {"Link": ", ".join(links)} if links else {}
