"""Is what serves still what the log says? Each view is computed anew, at what serves' sequence."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from search import open_engine
from search.comparison import Differences, compared
from search.errors import NothingServes, SearchError, UnknownName
from views import VIEW_NAMES, VIEWS, build, shelf
from views.log import open_log

if TYPE_CHECKING:
    from search.engine import Engine, Generation
    from views.build import Build

TRIES = 3
"""How often a comparison begins again because what serves has moved on meanwhile."""


@dataclass(frozen=True)
class Compared:
    """What comparing a view's serving generation with the view itself came to."""

    view: str
    generation: int
    sequence: int
    documents: int
    seconds: float
    differences: Differences

    def __str__(self) -> str:
        where = f"{self.view}, generation {self.generation} as of {self.sequence:,}"
        told = self.differences or f"{self.documents:,} documents equal the view"
        return f"{where}: {told}{'; run: stet rebuild' if self.differences else ''}"


def compare(
    home: Path | str, views: Sequence[str] | None = None, engine: Engine | None = None
) -> Iterator[Compared]:
    """Compare what serves with its view, document by document, each view when it is asked for.

    The view is computed from the log at the sequence of what serves, unless a build of exactly
    that is kept. Of views that are not named those are compared that serve. Raises ``UnknownName``
    for a view that does not exist, ``NothingServes`` for one that serves nothing.
    """
    for name in views or ():
        if name not in VIEW_NAMES:
            raise UnknownName("view", name, VIEW_NAMES)
    used = engine or open_engine(home)
    serving = used.serving()
    wanted = [name for name in VIEW_NAMES if name in (views or serving)]
    for name in wanted:
        if name not in serving:
            raise NothingServes(f"nothing serves {name} yet; run: stet rebuild")
    built: dict[int, Build] = {}
    try:
        for name in wanted:
            yield _compare(home, used, name, built)
    finally:
        for begun in built.values():
            begun.close()


def _compare(home: Path | str, engine: Engine, view: str, built: dict[int, Build]) -> Compared:
    started = time.perf_counter()
    for _ in range(TRIES):
        about = engine.serving()[view]
        documents = _documents(home, about, built)
        rejected = engine.rejected(view, about.generation)
        found = compared(documents, engine.digests(view, about.generation), rejected)
        if not found or engine.serving()[view] == about:
            seconds = time.perf_counter() - started
            return Compared(view, about.generation, about.sequence, about.documents, seconds, found)
    raise SearchError(f"{view}: what serves moved on during {TRIES} comparisons; try again later")


def _documents(home: Path | str, about: Generation, built: dict[int, Build]) -> Path:
    """The view's documents at the generation's sequence; views of one sequence share a build."""
    view = VIEWS[about.view]
    kept = shelf.kept(shelf.shelf(home), view, open_log(home).at(about.sequence))
    if kept:
        return kept
    if about.sequence not in built:
        built[about.sequence] = build.begin(home, at=about.sequence)
    begun = built[about.sequence]
    begun.write(view)
    return begun.path(about.view)
