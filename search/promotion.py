"""Promotion: a generation becomes live if every view passed its check and lacks few documents.

index/000042/articles.check     the result of comparing the index with its view
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
    """The file with the result of a view's check, in the folder of its generation."""
    return directory / f"{view}.check"


def note_check(directory: Path, view: str, differences: Differences, documents: int) -> None:
    """Write the result of checking a view, which has so many ``documents``."""
    result = {"differ": differences.count, "told": str(differences), "of": documents}
    write_json(check_path(directory, view), result)


def _read_check(directory: Path, view: str) -> dict[str, Any] | None:
    """The result of a view's check; None when there is none, or its file is damaged."""
    try:
        result = json.loads(check_path(directory, view).read_text())
        return {"differ": result["differ"], "told": result["told"], "of": result["of"]}
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def passed_check(directory: Path, view: str) -> bool:
    """Whether the view was checked and its index is equal to it."""
    result = _read_check(directory, view)
    return result is not None and not result["differ"]


def require_check(engine: Engine, view: str, generation: int, tolerated: float) -> None:
    """Raise ``NotPromoted`` unless a view's index passed its check.

    ``tolerated`` is the share of its documents that may be dead letters.
    """
    result = _read_check(Generations(engine.folder).directory(generation), view)
    if result is None:
        raise NotPromoted(f"{view}, generation {generation}: index and check it first")
    if result["differ"]:
        raise NotPromoted(f"{view}, generation {generation}: {result['told']}; run: stet rebuild")
    rejected = len(engine.rejected(view, generation))
    if rejected > tolerated * result["of"]:
        raise NotPromoted(
            f"{view}, generation {generation}: {rejected:,} of {result['of']:,} documents"
            f" were rejected, more than {100 * tolerated:g} %; see: stet dead-letters list"
        )


def promotable(engine: Engine) -> dict[int, list[str]]:
    """The generations that passed their check and are not live in all their views, with these."""
    built: dict[int, list[str]] = {}
    for each in engine.generations():
        built.setdefault(each.generation, []).append(each.view)
    live = engine.pointer().live
    folder = Generations(engine.folder)
    return {
        number: views
        for number, views in built.items()
        if all(passed_check(folder.directory(number), view) for view in views)
        and any(live.get(view) != number for view in views)
    }


def promote(engine: Engine, generation: int, tolerated: float = TOLERATED) -> Sequence[str]:
    """Make a finished generation live in all its views at the same moment; returns the views.

    Raises ``NotPromoted`` when there is no such generation, it was not checked, or it differs.
    """
    views = [built.view for built in engine.generations() if built.generation == generation]
    if not views:
        numbers = ", ".join(map(str, promotable(engine))) or "none"
        raise NotPromoted(
            f"there is no generation {generation}; see: stet generations (those that may be"
            f" promoted: {numbers})"
        )
    for view in views:
        require_check(engine, view, generation, tolerated)
    engine.promote(dict.fromkeys(views, generation))
    return views
