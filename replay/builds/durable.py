"""Durable small files: each appears under its name whole, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from event_log import durable_rename, durable_write

__all__ = ["durable_rename", "write_json"]  # for search, which may not import the log


def write_json(path: Path, content: Any) -> None:
    """Write a small JSON file, which is on disk when this returns."""
    durable_write(path, json.dumps(content, indent=2) + "\n")
