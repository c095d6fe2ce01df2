"""Small files of a build, which appear under their names whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from event_log import durable_rename, durable_write

__all__ = ["durable_rename", "write_json"]  # search renames as builds do, and may not know the log


def write_json(path: Path, content: Any) -> None:
    """Write a small JSON file; it is on disk when this returns."""
    durable_write(path, json.dumps(content, indent=2) + "\n")
