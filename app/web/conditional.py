"""Conditional requests (RFC 9110, section 13): what is unchanged costs no body, and the versions
that somebody has read before they write."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from app.web.identity import Identity

ENTITY_TAG = re.compile(r'(?:W/)?"([^"]*)"')
ANY_TAG = re.compile(r'(?:W/)?"[^"\s]*"')
TAGS = re.compile(rf"{ANY_TAG.pattern}(?:[ \t]*,[ \t]*{ANY_TAG.pattern})*")
VERSION = re.compile(r"[0-9]{1,18}")
ANY = "*"


def tag_of(body: bytes) -> str:
    """The entity tag of a representation: who sees another one has another tag.

    >>> tag_of(b"{}")
    '"44136fa355b3678a1146ad16"'
    """
    return f'"{hashlib.sha256(body).hexdigest()[:24]}"'


def is_unchanged(request: Request, tag: str) -> bool:
    """Whether who asks has the representation with this entity tag already."""
    asked = ", ".join(request.headers.getlist("if-none-match"))
    return asked.strip() == ANY or tag.strip('"') in ENTITY_TAG.findall(asked)


def caching(identity: Identity) -> dict[str, str]:
    """A cache asks each time; what somebody sees who is logged in is theirs."""
    shared = "no-cache" if identity.name is None else "private, no-cache"
    return {"Cache-Control": shared, "Vary": "Cookie"}


def conditional(request: Request, response: Response, sequence: int | None = None) -> Response:
    """Give a page its entity tag, and answer 304 to who has it.

    The tag has the sequence that the page is as of, and the digest of its bytes: a page also shows
    other documents, of which an embargo may end without an event, dates counted from today, and the
    words and the name of who asks. So the tag is sound whatever a page shows, and a body is saved,
    not the work of making it.
    """
    digest = tag_of(bytes(response.body)).strip('"')
    tag = f'"{digest}"' if sequence is None else f'"{sequence}-{digest}"'
    response.headers["ETag"] = tag
    if not is_unchanged(request, tag):
        return response
    kept = {k: v for k, v in response.headers.items() if not k.startswith("content-")}
    return Response(status_code=304, headers=kept)


def versions_of(if_match: str) -> list[int] | None:
    """The versions that an ``If-Match`` names; ``None`` where it is no list of entity tags.

    A weak tag, and one that is no version, is one that no entity has (RFC 9110, section 13.1.1). A
    number without its quotation marks is taken for a version.

    >>> versions_of('"3"'), versions_of('W/"3", "4"'), versions_of("5"), versions_of("five")
    ([3], [4], [5], None)
    """
    said = if_match.strip()
    if VERSION.fullmatch(said):
        return [int(said)]
    if not TAGS.fullmatch(said):
        return None
    strong = (tag[1:-1] for tag in ANY_TAG.findall(said) if not tag.startswith("W/"))
    return [int(tag) for tag in strong if VERSION.fullmatch(tag)]
