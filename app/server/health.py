"""Whether the server lives and can serve, for who watches it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

from app.web.site import Served

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> PlainTextResponse:
    """The process answers."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
async def readyz(site: Served) -> PlainTextResponse:
    """Ready when some view has a live generation; a lag does not make it unready."""
    live = await site.work.run(site.archive.engine.serving)
    if not live:
        return PlainTextResponse("nothing is live yet; run: stet rebuild\n", 503)
    return PlainTextResponse("ready\n")
