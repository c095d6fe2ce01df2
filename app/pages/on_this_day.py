"""On this day: what the archive has of one month and day, in any year."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.pages.document.linked import A_PAGE, card
from app.pages.document.routes import page_number
from app.pages.templates import render
from app.web.addresses import origin
from app.web.conditional import caching, conditional
from app.web.identity import Identity, Reader
from app.web.problems import Problem
from app.web.site import Served, Site

if TYPE_CHECKING:
    from replay import View

router = APIRouter(include_in_schema=False)
LEAP_YEAR = 1912
"""A year that has all days."""


@router.get("/on-this-day")
async def today(request: Request, site: Served, identity: Reader) -> Response:
    """Today's page, or that of the month and the day that the form sends."""
    from search import clock

    month, day = request.query_params.get("month"), request.query_params.get("day")
    if month or day:
        found = day_of(f"{month or ''}-{day or ''}")
        return RedirectResponse(f"/on-this-day/{found:%m-%d}", 303)
    return await site.work.run(_page, request, site, identity, clock().date())


@router.get("/on-this-day/{month_day}")
async def on_this_day(request: Request, site: Served, identity: Reader, month_day: str) -> Response:
    """The page of a month and a day: ``/on-this-day/04-15``."""
    return await site.work.run(_page, request, site, identity, day_of(month_day))


def day_of(text: str) -> date:
    """The day of a leap year that a month and a day name; raises ``Problem`` 404.

    >>> day_of("2-29").isoformat()
    '1912-02-29'
    """
    month, _, day = text.partition("-")
    try:
        if not (text.isascii() and len(text) <= 5 and month.isdecimal() and day.isdecimal()):
            raise ValueError(text)
        return date(LEAP_YEAR, int(month), int(day))
    except ValueError:
        raise Problem(404, f"{text[:50]!r} is no month and day; write 04-15") from None


def dated_view(site: Site) -> View:
    """The first view whose documents have a date; raises ``Problem`` 404 if there is none."""
    from replay import DAY, EVENT

    for view in site.archive.views.values():
        if view.date and view.per not in (DAY, EVENT):
            return view
    raise Problem(404, "no documents of this archive have a date")


def _page(request: Request, site: Site, identity: Identity, chosen: date) -> Response:
    from search import Query

    view, page = dated_view(site), page_number(request)
    month_day = f"{chosen:%m-%d}"
    query = Query(
        "", view.name, month_day=month_day, sort="newest", page=page, size=A_PAGE,
        highlight=False, embargoed=identity.edits,
    )  # fmt: skip
    answer = site.archive.engine.search(query)
    leap = date(LEAP_YEAR, chosen.month, chosen.day)
    path = f"/on-this-day/{month_day}"
    response = render(
        request,
        "on_this_day.html",
        identity,
        headers=caching(identity),
        called=f"{chosen.day} {chosen:%B}",
        chosen=chosen,
        canonical=origin(request, site.options) + path,
        cards=[card(view, hit) for hit in answer.hits],
        page_numbered=lambda number: f"{path}?page={number}",
        number=page,
        pages=-(-answer.total // A_PAGE),
        months=[f"{date(LEAP_YEAR, month, 1):%B}" for month in range(1, 13)],
        before=_beside(leap, -1),
        after=_beside(leap, 1),
    )
    return conditional(request, response, answer.sequence)


def _beside(day: date, step: int) -> tuple[str, str]:
    """The path and the name of the day before or after, around the year's end as well."""
    other = (day + timedelta(days=step)).replace(year=LEAP_YEAR)
    return f"/on-this-day/{other:%m-%d}", f"{other.day} {other:%B}"
