"""What the embedded engine searches: opened once, and anew when a step or a promotion was made.

With each query two files are looked at, by name: what serves, and how far it was advanced. Other
processes move both. Who searches never holds up a step for longer than opening an index takes.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, replace

from search.embedded.checkpoints import Checkpoint, Key, Mark
from search.embedded.index import EmbeddedIndex
from search.engine import Generation
from search.errors import DamagedIndex, NothingServes, UnknownName
from search.generations import Generations
from search.mapping import IndexMapping


@dataclass(frozen=True)
class Opened:
    """A generation as of one moment."""

    about: Generation
    mapping: IndexMapping
    index: EmbeddedIndex
    commit: int | None
    """The last commit of a step that it has; none if it is as it was built."""


class Readers:
    """The generations that one process has opened, for any number of threads."""

    def __init__(self, generations: Generations, views: Collection[str]) -> None:
        self._generations = generations
        self._views = views
        self._lock = threading.Lock()
        self._mark: tuple[Mark, Mark] | None = None
        self._served: dict[str, int] = {}
        self._points: dict[Key, Checkpoint] = {}
        self._opened: dict[Key, Opened] = {}

    def serving(self, view: str) -> Opened:
        """What serves a view now."""
        if view not in self._views:
            raise UnknownName("view", view, self._views)
        for attempt in (1, 2):
            with self._lock:
                mark = self._look()
                if view not in self._served:
                    raise NothingServes(f"nothing to search in {view} yet; run: stet rebuild")
                key = view, self._served[view]
                try:
                    return self._as_of(key)
                except DamagedIndex:
                    # Readers that were slow may find that two rebuilds have passed them by.
                    if attempt == 2 or mark == self._generations.mark():
                        raise
        raise AssertionError

    def opened(self, view: str, generation: int) -> Opened:
        """Any finished generation as it is now, opened for the occasion."""
        return self._open((view, generation), None)

    def _look(self) -> tuple[Mark, Mark]:
        """Learn what serves now, and how far it is, if that has changed."""
        mark = self._generations.mark()
        if mark != self._mark:
            self._served = self._generations.pointer().serving
            self._points = self._generations.checkpoints.read()
            served = self._served.items()
            self._opened = {key: found for key, found in self._opened.items() if key in served}
            self._mark = mark
        return mark

    def _as_of(self, key: Key) -> Opened:
        """A generation as of its checkpoint, or of a later one."""
        opened, point = self._opened.get(key), self._points.get(key)
        if opened is None or (point.commit if point else None) != opened.commit:
            opened = self._opened[key] = self._open(key, opened)
        elif point is not None and point.sequence > opened.about.sequence:
            opened = self._opened[key] = replace(opened, about=point.of(opened.about))
        return opened

    def _open(self, key: Key, before: Opened | None) -> Opened:
        """Open what a generation is now: while nobody makes a step, or it would be half of one."""
        with self._generations.checkpoints.standing():
            about, mapping = self._generations.about(*key)
            point = self._generations.checkpoints.read().get(key)
            try:
                if before is not None:
                    index = before.index.reloaded()
                else:
                    self._generations.look_over(*key)
                    index = EmbeddedIndex.open(self._generations.index(*key), mapping)
            except (OSError, ValueError) as error:
                raise damaged(about, error) from error
        return Opened(about, mapping, index, point.commit if point else None)


def damaged(about: Generation, error: Exception) -> DamagedIndex:
    """What to say when an engine's files cannot be read."""
    said = " ".join(str(error).split())
    return DamagedIndex(
        f"the index of {about.view}, generation {about.generation}, is damaged ({said});"
        " run: stet rebuild"
    )
