"""The log of an archive: the one place that knows where it lies below ``home``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from event_log import Category, EventLog


def open_log(home: Path | str, categories: Sequence[Category] | None = None) -> EventLog:
    """The log of an archive, with the newsroom's categories unless others are given."""
    from event_log import EventLog  # here, because the command line starts without Arrow

    if categories is None:
        from newsroom.categories import CATEGORIES

        categories = CATEGORIES
    return EventLog(Path(home) / "log", categories)
