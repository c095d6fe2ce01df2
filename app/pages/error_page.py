"""The page of an error: the same words as the API's, and a way on."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from app.pages.templates import render
from app.web.identity import Identity
from app.web.problems import Problem


def error_page(request: Request, problem: Problem) -> Response:
    """Answer with an error's page; who is not logged in, and has to be, is led to the form."""
    if problem.status == 401 and request.method == "GET":
        from urllib.parse import quote

        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(path, safe='')}", 303)
    return render(
        request,
        "error.html",
        Identity(None, None),
        problem.status,
        dict(problem.headers),
        problem=problem,
    )
