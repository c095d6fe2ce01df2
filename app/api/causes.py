"""``/explain`` and ``/diff``: which events made a document, and how it changed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.answers import DocumentId, ViewName, answer, conditional, errors
from app.api.models import DifferenceModel, ExplanationModel
from app.web import memento
from app.web.identity import Identity, Reader
from app.web.problems import Problem, WrongField
from app.web.reading import as_of, readable_view
from app.web.reading import document as live_document
from app.web.site import Served

if TYPE_CHECKING:
    from app.web.site import Site
    from replay import View

MOST_CAUSES = 1_000
router = APIRouter(tags=["documents"])


@router.get(
    "/{view}/{id:path}/explain",
    response_model=ExplanationModel,
    responses=errors(304, 404, 410),
    operation_id="explain_document",
    summary="Which events made a document",
)
async def explain(
    site: Served,
    identity: Reader,
    request: Request,
    view: ViewName,
    id: DocumentId,
    most: Annotated[
        int, Query(ge=1, le=MOST_CAUSES, description="How many events, the latest.")
    ] = 20,
) -> Response:
    """List the events that a document of the live index was made from, and why.

    Readers do not see who appended an event, nor events of what is under embargo.
    """
    told = await site.work.run(_explain, site, identity, view, id, most)
    return conditional(request, told, told["sequence"])


@router.get(
    "/{view}/{id:path}/diff",
    response_model=DifferenceModel,
    responses=errors(404, 410),
    operation_id="diff_document",
    summary="How a document changed between two points",
)
async def diff(
    site: Served,
    identity: Reader,
    view: ViewName,
    id: DocumentId,
    from_: Annotated[
        str | None,
        Query(
            alias="from",
            description="The earlier point: a sequence or a date. By default the version before"
            " the last.",
            examples=["272"],
        ),
    ] = None,
    to: Annotated[
        str | None, Query(description="The later point; by default the last version.")
    ] = None,
) -> Response:
    """Compare a document as of two points of the log.

    Readers compare versions that were public.
    """
    told = await site.work.run(_diff, site, identity, view, id, from_, to)
    return answer(told, told["new_sequence"])


def _explain(site: Site, identity: Identity, view: str, key: str, most: int) -> dict[str, Any]:
    from search import clock

    of_view = readable_view(site, view, identity)
    live_document(site, of_view, key, identity)
    live = site.archive.engine.serving()[of_view.name]
    if identity.edits:
        return asdict(site.archive.explain(key, of_view, live.sequence, most))
    told = asdict(site.archive.explain(key, of_view, live.sequence, most, public=clock()))
    for cause in told["latest"]:
        cause["actor"] = None
    return told


def _diff(
    site: Site, identity: Identity, view: str, key: str, old: str | None, new: str | None
) -> dict[str, Any]:
    of_view = readable_view(site, view, identity)
    if identity.edits:
        earlier = old if old is not None else _before_the_last(site, key, new)
        told = asdict(site.archive.diff(key, of_view, old=earlier, new=new))
    else:
        told = _public_diff(site, identity, of_view, key, old, new)
    return told


def _before_the_last(site: Site, key: str, to: str | None) -> int:
    """The point before the last event of a document's entity, up to a point."""
    last = site.archive.log.at(to).sequence
    sequences = [e.sequence for e in site.archive.log.stream(key) if e.sequence <= last]
    if not sequences:
        said = f"{key} has no event of its own; name an earlier point"
        raise Problem(422, f"from: {said}", [WrongField("from", said)])
    return sequences[-1] - 1


def _public_diff(
    site: Site, identity: Identity, view: View, key: str, old: str | None, new: str | None
) -> dict[str, Any]:
    """What changed between two versions that readers may see, in what they see of them."""
    from archive import changed

    live_document(site, view, key, identity)
    times = memento.time_map(site, view, key, "", identity)
    after = times.chosen(new) if new is not None else times.versions[-1]
    place = times.versions.index(after)
    before = times.chosen(old) if old is not None else times.versions[max(0, place - 1)]
    if before.sequence > after.sequence:
        said = f"{old} is after {new}; exchange them"
        raise Problem(422, f"from: {said}", [WrongField("from", said)])
    was, became = (
        _comparable(as_of(site, view, key, each, identity).document) for each in (before, after)
    )
    return {
        "document": key,
        "view": view.name,
        "old_sequence": before.sequence,
        "new_sequence": after.sequence,
        "existed": True,
        "exists": True,
        "changes": [asdict(change) for change in changed(was, became)],
    }


def _comparable(document: dict[str, Any]) -> dict[str, Any]:
    """A document without the field that says when it last changed."""
    return {name: value for name, value in document.items() if name != "sequence"}
