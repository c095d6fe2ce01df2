"""``POST /preview``: how many documents an event would change, before it is appended."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter
from starlette.responses import Response

from app.api.answers import answer, errors
from app.api.models import PreviewedEvent, PreviewModel
from app.api.security import EDITORS
from app.web.identity import Editor
from app.web.site import Served

PREVIEW_SECONDS = 30.0
"""A preview makes the documents that an event would change, which may be many."""
router = APIRouter(tags=["entities"])


@router.post(
    "/preview",
    response_model=PreviewModel,
    responses=errors(409, 413),
    operation_id="preview_event",
    summary="How many documents an event would change",
    openapi_extra=EDITORS,
)
async def preview(site: Served, identity: Editor, body: PreviewedEvent) -> Response:
    """Validate an event as an append does, and count the documents by view; nothing is appended."""
    found = await site.work.within(
        PREVIEW_SECONDS,
        site.archive.preview,
        body.stream,
        body.type,
        body.data,
        occurred_at=body.occurred_at,
        actor=identity.name,
    )
    return answer(asdict(found), found.sequence)
