"""Comparison: each live index with its view, computed anew from the log at its sequence."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from event_log import counted
from replay import begin_build, kept_documents
from search import Differences, NothingServes, SearchError, compare_index

if TYPE_CHECKING:
    from archive.archive import Archive
    from replay import Build
    from search import Generation

IF_AGAIN = (
    "if it differs again after events were caught up, the view's lineage is incomplete: it lacks an"
    " entity that a document shows"
)
"""What to look at when a rebuild has not helped."""
TRIES = 3
"""How often a comparison begins again because the live generation has changed meanwhile."""


@dataclass(frozen=True)
class Compared:
    """The result of comparing a view's live generation with the view itself."""

    view: str
    generation: int
    sequence: int
    documents: int
    seconds: float
    differences: Differences

    def __str__(self) -> str:
        where = f"{self.view}, generation {self.generation} as of {self.sequence:,}"
        if not self.differences:
            verb = "equals" if self.documents == 1 else "equal"
            return f"{where}: {counted(self.documents, 'document')} {verb} the view"
        return f"{where}: {self.differences}; run: stet rebuild"


def compare(archive: Archive, views: Sequence[str] | None = None) -> Iterator[Compared]:
    """Compare live indexes with their views, document by document; a generator, view by view.

    The view is computed from the log at the live generation's sequence, unless a build of exactly
    that sequence is kept. Without ``views`` all views with a live generation are compared. Raises
    ``UnknownName`` for a view that does not exist, ``NothingServes`` for one without a live
    generation.
    """
    chosen = archive.chosen_views(views)
    live = archive.engine.serving()
    names = [name for name in chosen if views or name in live]
    for name in names:
        if name not in live:
            raise NothingServes(f"{name} has no live generation yet; run: stet rebuild")
    builds: dict[int, Build] = {}
    try:
        for name in names:
            yield _compare(archive, name, builds)
    finally:
        for build in builds.values():
            build.close()


def _compare(archive: Archive, view: str, builds: dict[int, Build]) -> Compared:
    started, engine = time.perf_counter(), archive.engine
    for _ in range(TRIES):
        live = engine.serving()[view]
        number = live.generation
        documents = _documents(archive, live, builds)
        rejected = engine.rejected(view, number)
        differences = compare_index(documents, engine.digests(view, number), rejected)
        if not differences or engine.serving()[view] == live:
            seconds = time.perf_counter() - started
            return Compared(view, number, live.sequence, live.documents, seconds, differences)
    raise SearchError(f"{view}: the live index changed during {TRIES} comparisons; repeat it later")


def _documents(archive: Archive, live: Generation, builds: dict[int, Build]) -> Path:
    """The view's documents at the generation's sequence; views of one sequence share a build."""
    view = archive.views[live.view]
    kept = kept_documents(archive.builds, view, archive.log.at(live.sequence))
    if kept:
        return kept
    if live.sequence not in builds:
        builds[live.sequence] = begin_build(archive.log, archive.scratch_builds, at=live.sequence)
    build = builds[live.sequence]
    build.write(view)
    return build.path(live.view)
