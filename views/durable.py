"""Files that survive a power loss, and appear under their names whole or not at all."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any


def write_json(path: Path, content: Any) -> None:
    """Write a small JSON file; it is on disk when this returns."""
    unfinished = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    unfinished.write_text(json.dumps(content, indent=2) + "\n")
    durably_rename(unfinished, path)


def durably_rename(unfinished: Path, path: Path) -> None:
    """Give a finished file its name, and return when file and name survive a power loss."""
    for place in (unfinished, None, path.parent):
        if place is None:
            unfinished.replace(path)
            continue
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
