"""``/status``: the log's head, the lag and the live generation of each view."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter
from starlette.responses import Response

from app.api.answers import answer, errors
from app.api.models import StatusModel
from app.web.identity import Reader
from app.web.site import Served

router = APIRouter(tags=["status"])


@router.get(
    "/status",
    response_model=StatusModel,
    responses=errors(),
    operation_id="read_status",
    summary="How fresh the views are",
)
async def status(site: Served, _: Reader) -> Response:
    """Read the log's head, and each view's lag and live generation."""
    found = await site.work.run(site.archive.status)
    return answer(asdict(found), found.head)
