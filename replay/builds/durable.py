"""Durable small files: each appears under its name whole, or not at all.

``search`` may not import the log: it takes from here what it needs of the log's file handling.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from event_log import (
    Lock,
    LockHeld,
    StoreError,
    advice,
    as_told,
    durable_rename,
    durable_write,
    is_refusal,
    may_write,
    plain_path,
)

__all__ = [
    "Lock",
    "LockHeld",
    "StoreError",
    "advice",
    "as_told",
    "durable_rename",
    "is_refusal",
    "may_write",
    "plain_path",
    "write_json",
]


def write_json(path: Path, content: Any) -> None:
    """Write a small JSON file, which is on disk when this returns."""
    durable_write(path, json.dumps(content, indent=2) + "\n")
