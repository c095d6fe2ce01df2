"""``GET /suggest``: names and headlines that begin so, and what may have been meant."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.api.answers import answer, errors
from app.api.models import SuggestionsModel
from app.web.asked import MOST_OF_A_TEXT
from app.web.identity import Identity, Reader
from app.web.reading import readable_view
from app.web.site import Served

if TYPE_CHECKING:
    from app.web.site import Site

router = APIRouter(tags=["search"])


@router.get(
    "/suggest",
    response_model=SuggestionsModel,
    responses=errors(404),
    operation_id="suggest",
    summary="Names and headlines that begin so",
)
async def suggest(
    site: Served,
    identity: Reader,
    q: Annotated[
        str,
        Query(
            max_length=MOST_OF_A_TEXT,
            description="What was typed; its last word may be a beginning.",
            examples=["amund"],
        ),
    ],
    view: Annotated[
        str | None, Query(description="Only of this view; else of all.", examples=["bylines"])
    ] = None,
    size: Annotated[int, Query(ge=1, le=50)] = 10,
) -> Response:
    """Suggest documents by their title, those that begin with the text first."""
    told, sequence = await site.work.run(_suggest, site, identity, q, view, size)
    return answer(told, sequence)


def _suggest(
    site: Site, identity: Identity, text: str, view: str | None, size: int
) -> tuple[dict[str, Any], int]:
    from search import Query as SearchQuery

    name = None if view is None else readable_view(site, view, identity).name
    searched = name or site.archive.first_view
    found = site.archive.suggest(text, name, size)
    if found:  # similar words are looked for only where they help: that costs more than the rest
        sequence = site.archive.engine.serving()[found[0].view].sequence
        return {"suggestions": [asdict(each) for each in found], "did_you_mean": None}, sequence
    answered = site.archive.engine.search(SearchQuery(text, searched, size=0, highlight=False))
    return {"suggestions": [], "did_you_mean": answered.suggestion}, answered.sequence
