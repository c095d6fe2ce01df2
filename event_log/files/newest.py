"""The log's last sequence, read without opening the log.

A search asks how far the log is ahead of its index. Opening the log would double the time that the
command takes; a commit's footer says the same as text, as ``FORMAT.md`` describes.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

TAIL = 1 << 16
"""Bytes at the end of a commit in which its footer's metadata lies, mostly."""
LAST = re.compile(rb"stet\.last_sequence\x18.([0-9]+)", re.DOTALL)
"""The key, and after it the value as Parquet's footer writes a text: a type, a length, bytes."""


def last_sequence(log: Path) -> int | None:
    """The last sequence in a log in a folder; None where only opening the log tells it.

    >>> last_sequence(Path("nowhere"))
    0
    """
    with suppress(OSError, ValueError):
        commit = max((log / "commits").glob("*.parquet"), default=None)
        manifest = max((log / "sealed").glob("_manifest-*.json"), default=None)
        last = _last_of(commit) if commit else 0
        through = int(json.loads(manifest.read_bytes())["through"]) if manifest else 0
        return None if last is None else max(last, through)
    return None


def _last_of(commit: Path) -> int | None:
    """The last sequence in a commit's footer; None where it is not there."""
    with commit.open("rb") as file:
        file.seek(max(0, commit.stat().st_size - TAIL))
        found = LAST.findall(file.read())
    return int(found[-1]) if found else None
