"""The operator's page, and the two forms that change which generations are live."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from app.pages.operations.dagster import Runs, last_runs
from app.pages.operations.overview import MOST_LETTERS, generations, overview
from app.pages.templates import render
from app.web.identity import Operator
from app.web.problems import Problem
from app.web.site import Served, Site

router = APIRouter(include_in_schema=False)
log = logging.getLogger("stet.server")
Number = Annotated[int, Query(ge=1, le=10**9)]
Back = Annotated[int | None, Query(ge=1, le=10**9)]
DONE = ("promoted", "rolled_back")
CHANGED = "what is live has changed since that page was shown; look again before you confirm"


def as_text(live: Mapping[str, int]) -> str:
    """What is live as one text, so that a confirmation says what it was given for.

    >>> as_text({"topics": 2, "articles": 3})
    'articles=3,topics=2'
    """
    return ",".join(f"{view}={number}" for view, number in sorted(live.items()))


@router.get("/operations")
async def operations(request: Request, site: Served, who: Operator, done: str = "") -> Response:
    """How the archive does."""
    found, runs = await asyncio.gather(site.work.run(overview, site), _runs(site))
    return render(
        request,
        "operations.html",
        who,
        headers={"Cache-Control": "no-store"},
        overview=found,
        runs=runs,
        most_letters=MOST_LETTERS,
        done=done if done in DONE else "",
    )


async def _runs(site: Site) -> Runs | None:
    url = site.options.dagster_url
    return await site.work.run(last_runs, url) if url else None


@router.get("/operations/promote")
async def confirm_promotion(
    request: Request, site: Served, who: Operator, generation: Number
) -> Response:
    """Ask before a generation is made live."""
    found = await site.work.run(generations, site.archive)
    if generation not in found.promotable:
        raise Problem(
            404, f"generation {generation} is live already, or did not pass its check, or is gone"
        )
    then = {**found.live, **dict.fromkeys(found.promotable[generation], generation)}
    return _confirmation(request, who, "promote", generation, found.live, then)


@router.post("/operations/promote")
async def promote(
    site: Served,
    who: Operator,
    generation: Annotated[int, Form(ge=1, le=10**9)],
    live: Annotated[str, Form(max_length=10_000)],
) -> Response:
    """Make a generation live, in all its views at the same moment."""
    await site.work.run(_require_unchanged, site, live)
    views = await site.work.run(site.archive.promote, generation)
    log.info("%s promoted generation %d of %s", who.name, generation, ", ".join(views))
    return RedirectResponse("/operations?done=promoted#generations", 303)


@router.get("/operations/roll-back")
async def confirm_roll_back(
    request: Request, site: Served, who: Operator, to: Back = None
) -> Response:
    """Ask before an earlier state is made live again."""
    found = await site.work.run(generations, site.archive)
    chosen = next((each for each in found.back if to is None or each.to == to), None)
    if chosen is None:
        which = f"generation {to}" if to else "an earlier generation"
        raise Problem(404, f"{which} is not kept to go back to; the operator's page lists those")
    then = {**found.live, **chosen.live}
    return _confirmation(request, who, "roll_back", chosen.to, found.live, then)


@router.post("/operations/roll-back")
async def roll_back(
    site: Served,
    who: Operator,
    live: Annotated[str, Form(max_length=10_000)],
    generation: Annotated[int | None, Form(ge=1, le=10**9)] = None,
) -> Response:
    """Make an earlier state live again."""
    await site.work.run(_require_unchanged, site, live)
    now = await site.work.run(site.archive.roll_back, generation)
    numbers = {name: each.generation for name, each in now.items()}
    log.info("%s rolled back to %s", who.name, as_text(numbers))
    return RedirectResponse("/operations?done=rolled_back#generations", 303)


def _require_unchanged(site: Site, live: str) -> None:
    """Raise ``Problem`` 409 if something else is live than what the confirmation showed."""
    if as_text(site.archive.engine.pointer().live) != live:
        raise Problem(409, CHANGED)


def _confirmation(
    request: Request,
    who: Operator,
    action: str,
    generation: int | None,
    live: Mapping[str, int],
    then: Mapping[str, int],
) -> Response:
    changes = [(view, live.get(view), number) for view, number in then.items()]
    return render(
        request,
        "operations_confirm.html",
        who,
        headers={"Cache-Control": "no-store"},
        action=action,
        path="/operations/promote" if action == "promote" else "/operations/roll-back",
        generation=generation,
        changes=[each for each in changes if each[1] != each[2]],
        live=as_text(live),
    )
