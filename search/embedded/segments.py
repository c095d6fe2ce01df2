"""The files of an embedded index, as its ``meta.json`` lists them.

A segment's files never change and their names are never reused: ``<segment>.store`` and so on, and
``<segment>.<n>.del`` for its deleted documents. A writer removes segments that no commit and no
merge uses any more, even while others read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

META = "meta.json"


@dataclass(frozen=True)
class Segments:
    """The segments of an index at one moment."""

    commit: int
    """The number of the last commit; merges change the files and leave it."""
    documents: int
    deletions: Mapping[str, str | None]
    """By segment, the name of the file of its deleted documents; None without any."""

    def has(self, name: str) -> bool:
        """Whether a file of this name belongs to one of the segments."""
        segment = name.partition(".")[0]
        if segment not in self.deletions:
            return False
        return not name.endswith(".del") or name == self.deletions[segment]

    def files(self, directory: Path) -> dict[str, int]:
        """The names of the files and their sizes in bytes."""
        sizes = {p.name: _size(p) for p in directory.iterdir() if self.has(p.name)}
        return {name: size for name, size in sizes.items() if size is not None}


def read(directory: Path) -> Segments:
    """The segments of the index in a directory; ``ValueError`` or ``OSError`` when damaged."""
    content = json.loads((directory / META).read_bytes())
    documents, deletions = 0, {}
    try:
        for segment in content["segments"]:
            name, deleted = segment["segment_id"].replace("-", ""), segment["deletes"]
            deletions[name] = f"{name}.{deleted['opstamp']}.del" if deleted else None
            documents += segment["max_doc"] - (deleted["num_deleted_docs"] if deleted else 0)
        return Segments(content["opstamp"], documents, deletions)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{META} lacks what tantivy writes there ({error})") from error


def damaged_file(directory: Path, sizes: Mapping[str, int]) -> str | None:
    """The name of a file in use that has not its size of ``sizes``; None if all have theirs."""
    while True:
        segments = read(directory)
        used = (name for name in sizes if segments.has(name))
        damaged = next((name for name in used if _size(directory / name) != sizes[name]), None)
        # A merge may have ended since: then the file was no longer in use when it was removed.
        if damaged is None or read(directory) == segments:
            return damaged


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
