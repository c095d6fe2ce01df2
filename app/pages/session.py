"""Logging in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from app.pages.templates import render
from app.web.access import Role
from app.web.identity import Asking, end_session, start_session
from app.web.site import Served

router = APIRouter(include_in_schema=False)


def local_path(path: str) -> str:
    """The path to go on to, if it is one of this site; else the start page.

    >>> local_path("/search?q=a"), local_path("//evil.example"), local_path("https://evil.example")
    ('/search?q=a', '/', '/')
    """
    plain = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if plain and path.isprintable() else "/"


@router.get("/login")
async def login_page(request: Request, identity: Asking, next: str | None = None) -> Response:
    """Show the form to log in."""
    to = None if next is None else local_path(next)
    return render(request, "login.html", identity, next=to, failed=False)


@router.post("/login")
async def log_in(
    request: Request,
    site: Served,
    token: Annotated[str, Form(max_length=200)],
    next: Annotated[str | None, Form(max_length=2000)] = None,
) -> Response:
    """Begin a session with a token; who edits and asked for no page goes on to the desk."""
    from app.web.identity import Identity

    holder = await site.work.run(site.access.holder, token.strip())
    if holder is None:
        nobody = Identity(None, None)
        to = None if next is None else local_path(next)
        return render(request, "login.html", nobody, 403, next=to, failed=True)
    first = "/desk" if holder.role.includes(Role.editor) else "/"
    response = RedirectResponse(first if next is None else local_path(next), 303)
    start_session(site, response, holder)
    return response


@router.post("/logout")
async def log_out() -> Response:
    """End the session."""
    response = RedirectResponse("/", 303)
    end_session(response)
    response.headers["Clear-Site-Data"] = '"cache"'  # so that no page of the desk is a step back
    return response
