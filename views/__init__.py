"""The views: what the log means. Documents denormalized from events, as Ibis expressions.

Here live the folding of events into state, one module per view, and the building of documents as
Parquet. How documents are found lives in ``search``; no search engine is known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from views.view import View

if TYPE_CHECKING:
    import pandas as pd

    from event_log import Point

__all__ = ["VIEWS", "VIEW_NAMES", "View", "read"]

VIEW_NAMES = ("articles", "bylines", "images", "sections", "topics", "timeline", "history")


class _Views(Mapping[str, View]):
    """The newsroom's views by name; each is imported, and Ibis with it, when it is asked for."""

    def __getitem__(self, name: str) -> View:
        if name not in VIEW_NAMES:
            raise KeyError(name)
        view: View = import_module(f"views.{name}").VIEW
        return view

    def __iter__(self) -> Iterator[str]:
        return iter(VIEW_NAMES)

    def __len__(self) -> int:
        return len(VIEW_NAMES)

    def __contains__(self, name: object) -> bool:
        return name in VIEW_NAMES


VIEWS: Mapping[str, View] = _Views()


def read(view: str, home: Path | str, at: Point = None) -> pd.DataFrame:
    """The documents of a view as of a sequence, an instant, or now; see ``views.documents``.

    >>> import tempfile
    >>> len(read("articles", tempfile.mkdtemp()))
    0
    """
    from views import documents

    return documents.read(view, home, at)


def __getattr__(name: str) -> Any:
    """Import ``views.build`` and its like when they are first used: they are slow to load."""
    if name in {"build", "checks", "documents", "state"}:
        return import_module(f"views.{name}")
    raise AttributeError(f"module 'views' has no attribute {name!r}")
