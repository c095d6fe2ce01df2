"""``Site``: what every route needs, made once in each process of the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from app.web.access import Access
from app.web.ending import Ending
from app.web.figures import Figures
from app.web.options import Options
from app.web.past import Past
from app.web.work import Work

if TYPE_CHECKING:
    from archive import Archive


@dataclass(frozen=True)
class Site:
    """The archive that is served, who may use it, its settings, and what its requests share."""

    archive: Archive
    access: Access
    options: Options
    work: Work
    figures: Figures
    ending: Ending
    past: Past


def site_of(request: Request) -> Site:
    """The site of a request's application."""
    site: Site = request.app.state.site
    return site


async def _served(request: Request) -> Site:
    """As a dependency: what is no coroutine would be called in a thread, at each request."""
    return site_of(request)


Served = Annotated[Site, Depends(_served)]
