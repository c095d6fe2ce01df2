"""The style sheets, scripts and pictures of the pages; browsers keep them until they change.

The address of a file has the digest of its content: see ``static_address``.
"""

from __future__ import annotations

import hashlib
from functools import cache
from mimetypes import guess_type
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.web.problems import Problem

FOLDER = Path(__file__).with_name("static")
router = APIRouter(include_in_schema=False)


@cache
def _content(name: str) -> tuple[bytes, str]:
    content = (FOLDER / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]


@cache
def _names() -> frozenset[str]:
    return frozenset(p.relative_to(FOLDER).as_posix() for p in FOLDER.rglob("*") if p.is_file())


def static_address(name: str) -> str:
    """The address of a file in ``static/``.

    >>> static_address("site.css").startswith("/static/site.css?v=")
    True
    """
    return f"/static/{name}?v={_content(name)[1]}"


@router.get("/static/{name:path}")
async def static(request: Request, name: str) -> Response:
    """A file of the pages."""
    if name not in _names():  # so that no path leads out of the folder
        raise Problem(404, f"there is no file {name}")
    content, digest = _content(name)
    current = request.query_params.get("v") == digest
    headers = {
        "ETag": f'"{digest}"',
        "Cache-Control": "public, max-age=31536000, immutable" if current else "no-cache",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=guess_type(name)[0] or "text/plain")
