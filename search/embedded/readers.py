"""The open indexes of the embedded engine: opened once, and again after a step or a promotion.

Each query checks two files that any process may replace: the live generations and the checkpoints.
A search delays a step only while it opens an index.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace

from replay import advice, as_told, is_refusal
from search.embedded import read_only
from search.embedded.checkpoints import Advanced, Checkpoint, Key, Mark
from search.embedded.index import EmbeddedIndex
from search.engine import Generation
from search.errors import DamagedIndex, NothingServes, SearchError, UnknownName
from search.generations import Generations
from search.mapping import IndexMapping


@dataclass(frozen=True)
class OpenGeneration:
    """A generation and its open index, as of one moment."""

    metadata: Generation
    mapping: IndexMapping
    index: EmbeddedIndex
    commit: int | None
    """The commit of the last step in it; None if it is as it was built."""


class Readers:
    """The open generations of one process, for any number of threads."""

    def __init__(self, generations: Generations, views: Collection[str]) -> None:
        self._generations = generations
        self._views = views
        self._lock = threading.Lock()
        self._mark: tuple[Mark, Mark] | None = None
        self._live: dict[str, int] = {}
        self._checkpoints: dict[Key, Checkpoint] = {}
        self._opened: dict[Key, OpenGeneration] = {}

    def live(self, view: str) -> OpenGeneration:
        """The live generation of a view.

        Raises ``UnknownName`` for another view, ``NothingServes`` while none is live.
        """
        if view not in self._views:
            raise UnknownName("view", view, self._views)
        for attempt in (1, 2):
            with self._lock:
                mark = self._refresh()
                if view not in self._live:
                    raise NothingServes(f"nothing to search in {view} yet; run: stet rebuild")
                key = view, self._live[view]
                try:
                    return self._as_of(key)
                except DamagedIndex:
                    # Two rebuilds since the mark was read may have deleted this generation.
                    if attempt == 2 or mark == self._generations.mark():
                        raise
        raise AssertionError

    def open(self, view: str, generation: int) -> OpenGeneration:
        """Any finished generation as it is now; it is opened anew and not kept open."""
        return self._open((view, generation), None)

    def _refresh(self) -> tuple[Mark, Mark]:
        """Read the live generations and the checkpoints again, if they have changed."""
        mark = self._generations.mark()
        if mark != self._mark:
            self._live = self._generations.pointer().live
            self._checkpoints = self._generations.checkpoints.read()
            live = self._live.items()
            self._opened = {key: index for key, index in self._opened.items() if key in live}
            self._mark = mark
        return mark

    def _as_of(self, key: Key) -> OpenGeneration:
        """A live generation as of its checkpoint, or of a later one."""
        opened, checkpoint = self._opened.get(key), self._checkpoints.get(key)
        if opened is None or (checkpoint.commit if checkpoint else None) != opened.commit:
            opened = self._opened[key] = self._open(key, opened)
        elif checkpoint is not None and checkpoint.sequence > opened.metadata.sequence:
            opened = self._opened[key] = replace(
                opened, metadata=checkpoint.advanced(opened.metadata)
            )
        return opened

    def _open(self, key: Key, before: OpenGeneration | None) -> OpenGeneration:
        """Open a generation as it is now, while no step commits: else it could have half of one."""
        if not read_only.may_lock(self._generations.index(*key)):
            before = None  # what was linked is not there any more
        while True:
            with suppress(Advanced):
                return self._opened_now(key, before)

    def _opened_now(self, key: Key, before: OpenGeneration | None) -> OpenGeneration:
        with self._generations.checkpoints.reading():
            metadata, mapping = self._generations.metadata(*key)
            checkpoint = self._generations.checkpoints.read().get(key)
            try:
                if before is not None:
                    index = before.index.reloaded()
                else:
                    self._generations.check_files(*key)
                    index = EmbeddedIndex.open(self._generations.index(*key), mapping)
            except (OSError, ValueError) as error:
                raise damaged(metadata, error) from error
            return OpenGeneration(
                metadata, mapping, index, checkpoint.commit if checkpoint else None
            )


def damaged(metadata: Generation, error: Exception) -> SearchError:
    """The error for an index whose files cannot be read: damaged, unless the system refused."""
    cause = as_told(" ".join(str(error).split()))
    if is_refusal(error):
        return SearchError(
            f"cannot read the index of {metadata.view}, generation {metadata.generation}:"
            f" {cause}. {advice(error)}"
        )
    return DamagedIndex(
        f"the index of {metadata.view}, generation {metadata.generation}, is damaged ({cause});"
        " run: stet rebuild"
    )
