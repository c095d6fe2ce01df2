"""How the OpenAPI file says who may call what."""

from __future__ import annotations

from typing import Any

SCHEMES: dict[str, Any] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "For machines: a token of `stet access add NAME --role editor`.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "stet_session",
        "description": "For people who logged in on the pages.",
    },
}
READERS: list[dict[str, list[str]]] = [{"token": []}, {"session": []}, {}]
"""Anybody where reading is open."""
EDITORS: dict[str, Any] = {"security": [{"token": []}, {"session": []}]}
"""``openapi_extra`` of a call for editors."""
