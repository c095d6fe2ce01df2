"""``GET /{view}/{id}``: one document, as it is or as it was (RFC 7089), and its time map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from app.api.answers import DocumentId, ViewName, answer, conditional, errors
from app.api.models import TimeMapModel
from app.web import memento
from app.web.addresses import api_of, origin
from app.web.identity import Identity, Reader
from app.web.problems import Problem
from app.web.reading import as_of, readable_view
from app.web.reading import document as live_document
from app.web.site import Served

if TYPE_CHECKING:
    from app.web.memento import TimeMap, Version
    from app.web.site import Site
    from replay import View

router = APIRouter(tags=["documents"])

At = Annotated[
    str | None,
    Query(
        description="The version of a sequence of the log, or of a date.", examples=["1912-04-16"]
    ),
]


@router.get(
    "/{view}/{id:path}/timemap",
    response_model=TimeMapModel,
    responses={
        200: {
            "description": "The versions, oldest first.",
            "content": {
                "application/link-format": {"schema": {"type": "string"}},
                "application/json": {"schema": {"$ref": "#/components/schemas/TimeMapModel"}},
            },
        },
        **errors(404, 410),
    },
    operation_id="read_timemap",
    summary="The versions of a document by date",
)
async def timemap(
    site: Served, identity: Reader, request: Request, view: ViewName, id: DocumentId
) -> Response:
    """List the versions of an entity's document, as links (RFC 7089) or as JSON (`Accept`)."""
    times, sequence = await site.work.run(_timemap, site, identity, request, view, id)
    if "json" not in request.headers.get("accept", ""):
        return Response(
            times.link_format(),
            headers={"Stet-Sequence": str(sequence)},
            media_type=memento.LINK_FORMAT,
        )
    return answer(_as_json(times), sequence)


@router.get(
    "/{view}/{id:path}",
    response_model=dict[str, Any],
    responses={
        200: {
            "description": "The document, as the view makes it.",
            "content": {
                "application/json": {
                    "example": {
                        "id": "article/titanic-1912",
                        "headline": "Titanic Sinks",
                        "published_at": "1912-04-15T20:00:00Z",
                        "version": 5,
                        "sequence": 286,
                    }
                }
            },
        },
        **errors(304, 400, 404, 410),
    },
    operation_id="read_document",
    summary="One document",
)
async def document(
    site: Served,
    identity: Reader,
    request: Request,
    view: ViewName,
    id: DocumentId,
    at: At = None,
    accept_datetime: Annotated[
        str | None,
        Header(
            description="The document as it was at a date (RFC 7089).",
            examples=["Tue, 16 Apr 1912 12:00:00 GMT"],
        ),
    ] = None,
) -> Response:
    """Read a document from the live index, or with `at` or `Accept-Datetime` as it was.

    What is under embargo is not found (404) by readers; what was removed is gone (410).
    """
    found, sequence, headers = await site.work.run(
        _read, site, identity, request, view, id, at, accept_datetime
    )
    return conditional(request, found, sequence, headers)


def _read(
    site: Site,
    identity: Identity,
    request: Request,
    view: str,
    key: str,
    at: str | None,
    accept_datetime: str | None,
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """A document with the sequence it is as of, and what its answer says of time."""
    of_view = readable_view(site, view, identity)
    moment = memento.accepted(accept_datetime)
    found = live_document(site, of_view, key, identity)
    sequence = site.archive.engine.serving()[of_view.name].sequence
    if not memento.has_versions(site, of_view):
        if at is not None:
            raise Problem(422, f"the documents of {of_view.name} have no versions by date")
        return found.document, sequence, {}
    times = _times(site, request, of_view, key, identity)
    version: Version | None = None
    told: dict[str, str] = {}
    if at is not None:
        version = times.chosen(at)
    elif moment is not None:
        version, told = times.nearest(moment), {"Vary": memento.VARY}
    if version is None:
        return found.document, sequence, times.headers()
    was = as_of(site, of_view, key, version, identity).document
    told |= {**times.headers(version), "Content-Location": times.address(version)}
    return was, version.sequence, told


def _times(site: Site, request: Request, view: View, key: str, identity: Identity) -> TimeMap:
    address = origin(request, site.options) + api_of(view, key)
    return memento.time_map(site, view, key, address, identity)


def _timemap(
    site: Site, identity: Identity, request: Request, view: str, key: str
) -> tuple[TimeMap, int]:
    of_view = readable_view(site, view, identity)
    live_document(site, of_view, key, identity)
    times = _times(site, request, of_view, key, identity)
    return times, times.versions[-1].sequence


def _as_json(times: TimeMap) -> dict[str, Any]:
    return {
        "original": times.original,
        "timegate": times.original,
        "timemap": times.itself,
        "mementos": [
            {
                "datetime": each.dated,
                "uri": times.address(each),
                "version": each.version,
                "sequence": each.sequence,
            }
            for each in times.versions
        ],
    }
