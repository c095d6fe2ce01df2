"""Conditional requests (RFC 9110, section 13): what is unchanged costs no body, and the versions
that somebody has read before they write."""

from __future__ import annotations

import hashlib
import re

from starlette.requests import Request

ENTITY_TAG = re.compile(r'(?:W/)?"([^"]*)"')
VERSION = re.compile(r'"?([0-9]{1,18})"?')
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


def version_of(if_match: str) -> int | str | None:
    """The version that an ``If-Match`` names, ``ANY``, or ``None`` where it names none.

    >>> version_of('"3"'), version_of("*"), version_of('"abc"')
    (3, '*', None)
    """
    said = if_match.strip()
    if said == ANY:
        return ANY
    named = VERSION.fullmatch(said)
    return int(named[1]) if named else None
