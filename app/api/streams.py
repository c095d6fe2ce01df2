"""``GET /streams``: the current state of an entity, its life, and its events."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.answers import Category, Id, conditional, errors
from app.api.models import EntityModel, LifeModel, StoredEventsModel
from app.api.security import EDITORS
from app.web.identity import Editor, Identity, Reader
from app.web.problems import Problem
from app.web.reading import documents, gone_or_missing
from app.web.site import Served

if TYPE_CHECKING:
    from app.web.site import Site
    from replay import Entity, View

router = APIRouter(tags=["entities"])


@router.get(
    "/streams/{category}/{id:path}/history",
    response_model=LifeModel,
    responses=errors(304, 404),
    operation_id="read_history",
    summary="What each event of an entity changed",
)
async def history(
    site: Served, identity: Reader, request: Request, category: Category, id: Id
) -> Response:
    """List the changes of an entity, oldest first.

    Readers see the public form: no actor, and only the annotations that are for the public. Of a
    removed entity they see when it was removed and the note, not what it said.
    """
    told = await site.work.run(_history, site, identity, category, id)
    return conditional(request, told, told["events"][-1]["sequence"])


@router.get(
    "/streams/{category}/{id:path}/events",
    response_model=StoredEventsModel,
    responses=errors(304, 404),
    operation_id="read_events",
    summary="The events of an entity as they are stored",
    openapi_extra=EDITORS,
)
async def events(site: Served, _: Editor, request: Request, category: Category, id: Id) -> Response:
    """List the events of an entity with all that was written, oldest first."""
    told = await site.work.run(_events, site, category, id)
    return conditional(request, told, told["events"][-1]["sequence"])


@router.get(
    "/streams/{category}/{id:path}",
    response_model=EntityModel,
    responses=errors(304, 404, 410),
    operation_id="read_entity",
    summary="The current state of an entity",
)
async def entity(
    site: Served, identity: Reader, request: Request, category: Category, id: Id
) -> Response:
    """Read the fields of an entity; the `ETag` is its version, which a revision sends back.

    Readers see it while its document is visible: neither under embargo (404) nor removed (410).
    """
    found = await site.work.run(readable_entity, site, identity, category, id)
    told = {
        "stream": found.stream,
        "version": found.version,
        "sequence": found.sequence,
        "live": found.live,
        "fields": found.fields,
    }
    return conditional(request, told, found.sequence, tag=f'"{found.version}"')


def stream_name(site: Site, category: str, id: str) -> str:
    """The name of a stream; raises ``Problem`` 404 where the category does not exist."""
    if category not in site.archive.log.registry:
        names = ", ".join(site.archive.log.registry)
        raise Problem(404, f"there is no category {category!r}; there is {names}")
    return f"{category}/{id}"


def no_entity(stream: str) -> Problem:
    """The answer to an entity that does not exist, or that somebody may not see."""
    return Problem(404, f"there is no {stream}")


def readable_entity(site: Site, identity: Identity, category: str, id: str) -> Entity:
    """An entity, if somebody may see it; raises ``Problem`` 404 or 410."""
    from replay import Refused

    stream = stream_name(site, category, id)
    try:
        entity = site.archive.entity(stream)
    except Refused:
        raise no_entity(stream) from None
    if identity.edits:
        return entity
    for view in _views(site, category):
        if not entity.live or stream not in documents(site, view, [stream], identity):
            raise gone_or_missing(site, view, stream, identity)
    _check_public(site, category, stream)
    return entity


def _check_public(site: Site, category: str, stream: str) -> list[dict[str, Any]]:
    """What readers may know of an entity's life; raises ``Problem`` 404 if it is nothing.

    What no view shows is not for readers.
    """
    told = site.archive.public_history(stream) if _views(site, category) else []
    if not told:
        raise no_entity(stream)
    return [asdict(event) for event in told]


def _views(site: Site, category: str) -> list[View]:
    return [view for view in site.archive.views.values() if view.per == category]


def _history(site: Site, identity: Identity, category: str, id: str) -> dict[str, Any]:
    from replay import NoDocument

    stream = stream_name(site, category, id)
    if not identity.edits:
        events = _check_public(site, category, stream)
    else:
        try:
            events = site.archive.history(stream)
        except NoDocument:
            raise no_entity(stream) from None
    return {"stream": stream, "version": events[-1]["version"], "events": events}


def _events(site: Site, category: str, id: str) -> dict[str, Any]:
    from app.show import event_object

    stream = stream_name(site, category, id)
    events = [event_object(event) for event in site.archive.log.stream(stream)]
    if not events:
        raise no_entity(stream)
    return {"stream": stream, "version": events[-1]["version"], "events": events}
