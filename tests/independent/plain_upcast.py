"""The upcasters of the reports in ``tests/event_log/fixtures``, event by event in plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def upcast(kind: str, data: Mapping[str, Any], version: int, until: int) -> dict[str, Any]:
    """The data of one report's event, written with a schema version, as a later one has it."""
    now = dict(data)
    if version < 2 <= until:
        now = _renamed(now, "title", "headline")
    if version < 3 <= until:
        now = _renamed(now, "kilowords", "words")
        if "words" in now:
            now["words"] = round(now["words"] * 1000)
        cleared = now.get("cleared") or []
        if "language" in cleared or kind == "ReportFiled":
            now.setdefault("language", "en")
        if "cleared" in now:
            now["cleared"] = [name for name in cleared if name != "language"]
    return now


def _renamed(data: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    names = {old: new}
    now = {names.get(name, name): value for name, value in data.items()}
    if "cleared" in now:
        now["cleared"] = [names.get(name, name) for name in now["cleared"]]
    return now
