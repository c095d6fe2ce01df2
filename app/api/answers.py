"""How the API answers: JSON with the sequence it is as of, unchanged documents without a body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import Path
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from app.web.conditional import is_unchanged, tag_of
from app.web.encoded import decoded
from app.web.problems import MEDIA_TYPE

SEQUENCE = "Stet-Sequence"
PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
MEANINGS = {
    304: "Unchanged: who asks has it already (`If-None-Match`).",
    400: "`Accept-Datetime` is no date of HTTP.",
    401: "Nobody is logged in, or the token is unknown or revoked.",
    403: "The role does not allow this.",
    404: "There is nothing of this name.",
    409: "The event contradicts the current state of its entity.",
    410: "It was removed; the note for the public says why, if there is one.",
    412: "The entity is at another version: `actual_version`, with the `changes` since.",
    413: "The body is too large.",
    422: "The request is not valid; `errors` has the fields that were wrong.",
    428: "A revision needs `If-Match` with the version that was read.",
    429: "Too many requests; `Retry-After` has the seconds to wait.",
    503: "It took too long, or nothing is live yet.",
}
ALWAYS = (401, 403, 422, 429, 503)
"""The errors that any call may answer with."""

Category = Annotated[
    str,
    Path(description="The category of the entity.", examples=["article"]),
    AfterValidator(decoded),
]
Id = Annotated[
    str,
    Path(
        description="The rest of the stream's name. `/` may stand as it is, or as `%2F`.",
        examples=["titanic-1912"],
    ),
    AfterValidator(decoded),
]
ViewName = Annotated[
    str, Path(description="The view.", examples=["articles"]), AfterValidator(decoded)
]
DocumentId = Annotated[
    str,
    Path(
        description=(
            "The id of the document: an entity's stream, a day (`1912-04-15`), or an event"
            " (`article/titanic-1912@3`). `/` may stand as it is, or as `%2F`."
        ),
        examples=["article/titanic-1912"],
    ),
    AfterValidator(decoded),
]


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented errors of a call, beside those of any call."""
    documented: dict[int | str, dict[str, Any]] = {}
    for status in sorted({*ALWAYS, *statuses}):
        documented[status] = {"description": MEANINGS[status]}
        if status != 304:
            documented[status]["content"] = PROBLEM
    return documented


def json_bytes(content: Any) -> bytes:
    """JSON in UTF-8: instants in ISO 8601, UTC."""
    return orjson.dumps(
        content, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC | orjson.OPT_NON_STR_KEYS
    )


def answer(
    content: Any,
    sequence: int,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    """An answer as JSON; ``sequence`` is the one of the log that it is as of."""
    return Response(
        json_bytes(content), status, {SEQUENCE: str(sequence), **(headers or {})}, media_type
    )


def conditional(
    request: Request,
    content: Any,
    sequence: int,
    headers: Mapping[str, str] | None = None,
    tag: str | None = None,
) -> Response:
    """An answer with its entity tag; without a body if who asks has it already."""
    body = json_bytes(content)
    tag = tag or tag_of(body)
    more = dict(headers or {})
    told = {
        SEQUENCE: str(sequence),
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Vary": ", ".join(filter(None, ("authorization, cookie", more.pop("Vary", "")))),
        **more,
    }
    if is_unchanged(request, tag):
        return Response(None, 304, told)
    return Response(body, 200, told, "application/json")
