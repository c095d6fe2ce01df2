"""The routes below ``/desk``: all are for the role editor."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.pages.desk.edit_pages import edit_page, new_page, post_edit
from app.pages.desk.home import home_page, receipt_page
from app.pages.desk.looking_back import history_page, post_take_back, take_back_page
from app.pages.desk.merging import merge_page, post_merge
from app.pages.desk.places import Posting, stream_and_page
from app.web.addresses import desk_page
from app.web.identity import Asking, Editor
from app.web.problems import Problem
from app.web.site import Served

TAKING_BACK = ("restore", "undo")
PAGES = frozenset({"history", "merge", *TAKING_BACK})
"""The pages of an entity beside the one on which it is edited."""
router = APIRouter(prefix="/desk", include_in_schema=False)


@router.get("")
async def home(request: Request, site: Served, identity: Editor) -> Response:
    """The desk: find an entity, what changed today, and what has to be looked after."""
    return await home_page(site, request, identity)


@router.get("/receipts/{sequence:int}")
async def receipt(request: Request, site: Served, identity: Editor, sequence: int) -> Response:
    """The receipt of an event: when readers can see it."""
    return await receipt_page(site, request, identity, sequence)


@router.get("/{category}")
async def new_entity(request: Request, site: Served, identity: Editor, category: str) -> Response:
    """The form for a new entity of a category."""
    return await new_page(site, request, identity, category)


@router.post("/{category}")
async def post_new(request: Request, site: Served, identity: Asking, category: str) -> Response:
    """Answer the form of a new entity."""
    posting = await Posting.of(site, request, identity)
    if posting.refused is not None:
        return posting.refused
    stream = f"{category}/{posting.given.get('id', '').strip()}"
    return posting.with_session(await post_edit(posting, stream))


@router.get("/{category}/{rest:path}")
async def entity_pages(request: Request, site: Served, identity: Editor) -> Response:
    """The pages of an entity."""
    stream, page = stream_and_page(request, PAGES)
    if page == "history":
        return await history_page(site, request, identity, stream)
    if page == "merge":
        return await merge_page(site, request, identity, stream)
    if page in TAKING_BACK:
        return await take_back_page(site, request, identity, stream, page)
    return await edit_page(site, request, identity, stream)


@router.post("/{category}/{rest:path}")
async def post_to_entity(request: Request, site: Served, identity: Asking) -> Response:
    """Answer the forms of an entity."""
    posting = await Posting.of(site, request, identity)
    if posting.refused is not None:
        return posting.refused
    stream, page = stream_and_page(request, PAGES)
    if page in TAKING_BACK:
        return posting.with_session(await post_take_back(posting, stream, page))
    if page == "merge":
        return posting.with_session(await post_merge(posting, stream))
    if page:
        raise Problem(405, f"nothing is posted to {desk_page(stream, page)}")
    return posting.with_session(await post_edit(posting, stream))
