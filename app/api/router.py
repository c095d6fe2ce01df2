"""The routes of the API; each module below has those of one subject."""

from __future__ import annotations

from fastapi import APIRouter

from app.api import (
    appending,
    causes,
    documents,
    exporting,
    following,
    previewing,
    searching,
    status,
    streams,
    suggesting,
)

PREFIX = "/api/v1"
router = APIRouter(prefix=PREFIX)
# The routes of a view take any first word of a path, and a document's id all that follows, so they
# come last, and the calls of a document before the document.
for each in (
    status,
    suggesting,
    previewing,
    following,
    appending,
    streams,
    exporting,
    causes,
    searching,
    documents,
):
    router.include_router(each.router)
