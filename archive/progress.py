"""Progress: the callable that long work gives its lines to."""

from __future__ import annotations

from collections.abc import Callable

Tell = Callable[[str], None]
"""Is called with a line that says how far the work is, or what will take long."""


def silent(line: str) -> None:
    """Ignore a line: the ``Tell`` of a caller who gave none."""
