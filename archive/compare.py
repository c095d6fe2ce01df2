"""Is what serves still what the log says? Each view is computed anew, at what serves' sequence."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from replay import begin_build, kept_documents
from search import Differences, NothingServes, SearchError, compare_index

if TYPE_CHECKING:
    from archive.archive import Archive
    from replay import Build
    from search import Generation

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


def compare(archive: Archive, views: Sequence[str] | None = None) -> Iterator[Compared]:
    """Compare what serves with its view, document by document, each view when it is asked for.

    The view is computed from the log at the sequence of what serves, unless a build of exactly
    that is kept. Of views that are not named those are compared that serve. Raises ``UnknownName``
    for a view that does not exist, ``NothingServes`` for one that serves nothing.
    """
    chosen = archive.chosen_views(views)
    serving = archive.engine.serving()
    wanted = [name for name in chosen if views or name in serving]
    for name in wanted:
        if name not in serving:
            raise NothingServes(f"nothing serves {name} yet; run: stet rebuild")
    built: dict[int, Build] = {}
    try:
        for name in wanted:
            yield _compare(archive, name, built)
    finally:
        for begun in built.values():
            begun.close()


def _compare(archive: Archive, view: str, built: dict[int, Build]) -> Compared:
    started, engine = time.perf_counter(), archive.engine
    for _ in range(TRIES):
        about = engine.serving()[view]
        documents = _documents(archive, about, built)
        rejected = engine.rejected(view, about.generation)
        found = compare_index(documents, engine.digests(view, about.generation), rejected)
        if not found or engine.serving()[view] == about:
            seconds = time.perf_counter() - started
            return Compared(view, about.generation, about.sequence, about.documents, seconds, found)
    raise SearchError(f"{view}: what serves moved on during {TRIES} comparisons; try again later")


def _documents(archive: Archive, about: Generation, built: dict[int, Build]) -> Path:
    """The view's documents at the generation's sequence; views of one sequence share a build."""
    view = archive.views[about.view]
    kept = kept_documents(archive.builds, view, archive.log.at(about.sequence))
    if kept:
        return kept
    if about.sequence not in built:
        built[about.sequence] = begin_build(archive.log, archive.builds, at=about.sequence)
    begun = built[about.sequence]
    begun.write(view)
    return begun.path(about.view)
