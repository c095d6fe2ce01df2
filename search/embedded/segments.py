"""The files of an index of the embedded engine, as its ``meta.json`` says them.

A segment's files never change, and their names never come again: ``<segment>.store`` and so on,
``<segment>.<n>.del`` for what is deleted of it. Segments that no commit and no merge names any
more are removed by whoever writes, also while others look.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

META = "meta.json"


@dataclass(frozen=True)
class Segments:
    """What an index consists of at one moment."""

    commit: int
    """The number of the last commit; merges change the files and leave it."""
    documents: int
    deletions: Mapping[str, str | None]
    """By segment, the name of the file that says what is deleted of it."""

    def has(self, name: str) -> bool:
        """Is this one of the files?"""
        segment = name.partition(".")[0]
        if segment not in self.deletions:
            return False
        return not name.endswith(".del") or name == self.deletions[segment]

    def files(self, directory: Path) -> dict[str, int]:
        """The files and how large they are."""
        sizes = {p.name: _size(p) for p in directory.iterdir() if self.has(p.name)}
        return {name: size for name, size in sizes.items() if size is not None}


def read(directory: Path) -> Segments:
    """What the index in a directory consists of; ``ValueError`` or ``OSError`` when damaged."""
    said = json.loads((directory / META).read_bytes())
    documents, deletions = 0, {}
    try:
        for segment in said["segments"]:
            name, deleted = segment["segment_id"].replace("-", ""), segment["deletes"]
            deletions[name] = f"{name}.{deleted['opstamp']}.del" if deleted else None
            documents += segment["max_doc"] - (deleted["num_deleted_docs"] if deleted else 0)
        return Segments(said["opstamp"], documents, deletions)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{META} has not what it should ({error})") from error


def damaged(directory: Path, noted: Mapping[str, int]) -> str | None:
    """The name of a file that is in use and not as it was noted; none if all are."""
    while True:
        found = read(directory)
        used = (name for name in noted if found.has(name))
        wrong = next((name for name in used if _size(directory / name) != noted[name]), None)
        # A merge may have ended since: then the file was no longer in use when it went.
        if wrong is None or read(directory) == found:
            return wrong


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
