"""What may serve: a generation whose every view was checked, and holds nearly all documents.

index/000042/articles.check     what the comparison of index and view came to
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replay import write_json
from search.errors import NotPromoted
from search.generations import Generations

if TYPE_CHECKING:
    from search.comparison import Differences
    from search.engine import Engine

TOLERATED = 0.001
"""The share of a view's documents that may be dead letters."""


def check_path(directory: Path, view: str) -> Path:
    """Where it is noted what checking a view came to."""
    return directory / f"{view}.check"


def note_check(directory: Path, view: str, found: Differences, documents: int) -> None:
    """Note what checking a view of so many documents came to."""
    said = {"differ": found.count, "told": str(found), "of": documents}
    write_json(check_path(directory, view), said)


def _noted(directory: Path, view: str) -> dict[str, Any] | None:
    try:
        said: dict[str, Any] = json.loads(check_path(directory, view).read_text())
    except FileNotFoundError:
        return None
    return said


def passed_check(directory: Path, view: str) -> bool:
    """Was the view checked, and is its index equal to it?"""
    said = _noted(directory, view)
    return said is not None and not said["differ"]


def require_check(engine: Engine, view: str, generation: int, tolerated: float) -> None:
    """Raise ``NotPromoted`` unless a view's index may serve."""
    said = _noted(Generations(engine.folder).directory(generation), view)
    if said is None:
        raise NotPromoted(f"{view}, generation {generation}: index and check it first")
    if said["differ"]:
        raise NotPromoted(f"{view}, generation {generation}: {said['told']}; run: stet rebuild")
    rejected = len(engine.rejected(view, generation))
    if rejected > tolerated * said["of"]:
        raise NotPromoted(
            f"{view}, generation {generation}: {rejected:,} of {said['of']:,} documents"
            f" were rejected, more than {100 * tolerated:g} %; see: stet dead-letters list"
        )


def promote(engine: Engine, generation: int, tolerated: float = TOLERATED) -> Sequence[str]:
    """Let a finished generation serve in all its views, at the same moment; returns the views.

    Raises ``NotPromoted`` when there is none of that number, or it was not checked, or differs.
    """
    views = [found.view for found in engine.generations() if found.generation == generation]
    if not views:
        raise NotPromoted(f"there is no generation {generation}; see: stet generations")
    for view in views:
        require_check(engine, view, generation, tolerated)
    engine.promote(dict.fromkeys(views, generation))
    return views
