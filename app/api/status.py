"""``/status``: the log's head, the lag and the live generation of each view."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from app.web.identity import Reader
from app.web.site import Served

router = APIRouter(tags=["status"])


@router.get("/status")
async def status(site: Served, _: Reader) -> dict[str, Any]:
    """Read the log's head, and each view's lag and live generation."""
    return asdict(await site.work.run(site.archive.status))
