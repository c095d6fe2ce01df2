"""The routes of the pages; each module below has those of one subject."""

from __future__ import annotations

from fastapi import APIRouter

from app.pages import (
    brand,
    corrections,
    crawling,
    feeds,
    on_this_day,
    search_page,
    session,
    start,
    static,
)
from app.pages.desk import router as desk
from app.pages.document import routes as document
from app.pages.operations import routes as operations

router = APIRouter(include_in_schema=False)
# The pages of a view take any first word of a path, so they come last.
for each in (
    *(static, brand, crawling, session, start, search_page, feeds),
    *(corrections, on_this_day, operations, desk, document),
):
    router.include_router(each.router)
