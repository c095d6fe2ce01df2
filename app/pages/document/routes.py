"""The addresses of a document: its page, its versions, their time map, and why it is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from app.pages.document.page import Asked, Page, page_for, times_of, values_for
from app.pages.document.versions import versions_shown
from app.pages.document.why import why
from app.pages.templates import render
from app.web.addresses import document_of, origin
from app.web.conditional import caching, conditional
from app.web.identity import Identity, Reader
from app.web.memento import LINK_FORMAT, VARY, TimeMap, accepted
from app.web.problems import Problem
from app.web.reading import document, readable_view, removal
from app.web.site import Served, Site

router = APIRouter(include_in_schema=False)
MOST_PAGES = 10_000
GENERIC = "document.html"
"""The template of a view that has none of its own."""


@router.get("/{view}/{rest:path}")
async def document_page(request: Request, site: Served, identity: Reader) -> Response:
    """A page of a document: ``/articles/titanic-1912``, and below it ``/versions`` and others."""
    return await site.work.run(_answer, request, site, identity)


def _answer(request: Request, site: Site, identity: Identity) -> Response:
    view_name, path, part = place_of(request)
    answer = PARTS.get(part)
    if answer is None:
        raise Problem(404, "there is no such page")
    view = readable_view(site, view_name, identity)
    key = document_of(view, path)
    asked = Asked(view, key, identity, origin(request, site.options), **_parameters(request))
    try:
        return answer(request, site, asked)
    except Problem as problem:
        if problem.status != 410:
            raise
        return _gone(request, site, asked)


def place_of(request: Request) -> tuple[str, str, str]:
    """The view, the rest of the document's id, and the part below it that a path names.

    The path as it was sent is read: an encoded slash is one of the id.
    """
    raw = request.scope.get("raw_path") or request.url.path.encode()
    pieces = raw.decode("latin-1").partition("?")[0].strip("/").split("/")
    view, *rest = (unquote(piece) for piece in pieces)
    part = rest.pop() if len(rest) > 1 and rest[-1] in PARTS else ""
    return view, "/".join(rest), part


def _parameters(request: Request) -> dict[str, Any]:
    at = request.query_params.get("at") or ""
    return {"at": at.strip() or None, "page": page_number(request)}


def page_number(request: Request) -> int:
    """The number of the page that an address asks for; raises ``Problem`` 422."""
    page = request.query_params.get("page") or "1"
    if not (page.isascii() and page.isdecimal() and len(page) < 7 and 1 <= int(page) <= MOST_PAGES):
        raise Problem(422, f"page: {page[:50]!r} is no whole number from 1 to {MOST_PAGES:,}")
    return int(page)


def _document(request: Request, site: Site, asked: Asked) -> Response:
    document(site, asked.view, asked.key, asked.identity)
    times = times_of(site, asked)
    if times is None:
        if asked.at is not None:
            raise Problem(404, f"{asked.key} has no versions by date")
        return _shown(request, site, page_for(site, asked, None, None), {})
    if asked.at is not None:
        version = times.chosen(asked.at)
        if asked.at != str(version.sequence):
            return RedirectResponse(f"{asked.path}?at={version.sequence}", 302)
        page = page_for(site, asked, times, version)
        return _shown(request, site, page, times.headers(version))
    moment = accepted(request.headers.get("accept-datetime"))
    if moment is not None:
        headers = times.to_version(times.nearest(moment))
        return Response(status_code=302, headers={**headers, **_caching(asked.identity, VARY)})
    return _shown(request, site, page_for(site, asked, times, None), times.headers())


def _shown(request: Request, site: Site, page: Page, headers: Mapping[str, str]) -> Response:
    named = [f"{site.archive.domain.name}/{page.asked.view.name}.html", GENERIC]
    template = request.app.state.templates.environment.select_template(named).name
    return _rendered(request, page, template, headers, values_for(site, page))


def _rendered(
    request: Request,
    page: Page,
    template: str,
    headers: Mapping[str, str],
    values: Mapping[str, Any],
) -> Response:
    """The page; without its body if who asks has it already."""
    vary = headers.get("Vary", "")
    headers = {**headers, **_caching(page.asked.identity, vary)}
    response = render(
        request,
        template,
        page.asked.identity,
        headers=headers,
        page=page,
        view=page.asked.view.name,
        document=page.document,
        page_numbered=lambda number: f"{page.asked.path}?page={number}",
        **values,
    )
    return conditional(request, response, page.document.get("sequence"))


def _caching(identity: Identity, vary: str) -> dict[str, str]:
    return {**caching(identity), "Vary": ", ".join(filter(None, (vary, "Cookie")))}


def _gone(request: Request, site: Site, asked: Asked) -> Response:
    event = removal(site, asked.view, asked.key, asked.identity)
    headers = {"X-Robots-Tag": "noindex", **_caching(asked.identity, "")}
    values = {"view": asked.view.name, "asked": asked, "event": event}
    return render(request, "gone.html", asked.identity, 410, headers, **values)


def _with_times(site: Site, asked: Asked) -> TimeMap:
    document(site, asked.view, asked.key, asked.identity)
    times = times_of(site, asked)
    if times is None:
        raise Problem(404, f"{asked.key} has no versions by date")
    return times


def _time_map(_: Request, site: Site, asked: Asked) -> Response:
    times = _with_times(site, asked)
    headers = _caching(asked.identity, "")
    return PlainTextResponse(times.link_format(), headers=headers, media_type=LINK_FORMAT)


def _versions(request: Request, site: Site, asked: Asked) -> Response:
    times = _with_times(site, asked)
    page = page_for(site, replace(asked, at=None), times, None)
    return _rendered(request, page, "versions.html", {}, {"versions": versions_shown(site, page)})


def _why(request: Request, site: Site, asked: Asked) -> Response:
    document(site, asked.view, asked.key, asked.identity)
    times = times_of(site, asked)
    version = times.chosen(asked.at) if times is not None and asked.at is not None else None
    page = page_for(site, asked, times, version)
    return _rendered(request, page, "explain.html", {}, {"why": why(site, page)})


Answers = Callable[[Request, Site, Asked], Response]
PARTS: Mapping[str, Answers] = {
    "": _document,
    "versions": _versions,
    "timemap": _time_map,
    "explain": _why,
}
"""What answers below a document's address."""
