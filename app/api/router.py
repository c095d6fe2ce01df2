"""The routes of the API; each module below has those of one subject."""

from __future__ import annotations

from fastapi import APIRouter

from app.api import status

router = APIRouter(prefix="/api/v1")
# The routes of a view take any first word of a path, so they come last.
for each in (status,):
    router.include_router(each.router)
