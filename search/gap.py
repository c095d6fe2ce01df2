"""The gap: what the log was told while a rebuild ran, brought into its generation before it serves.

The kept state that this takes is made anew from the rebuild's own build. When the rebuild has all
views it is left in the archive's place for it, and catching up goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from search.stepping import Step, Stepper, digest
from search.taking_up import as_followed
from views import digests, kept, seeding, shelf
from views.kept import Kept, StateHeld
from views.log import the_newsroom

if TYPE_CHECKING:
    from search.engine import Engine
    from views import View
    from views.build import Build


class Gap:
    """Brings the checked views of a build's generation to the log's head."""

    def __init__(self, build: Build, engine: Engine, known: Mapping[str, View]) -> None:
        self._build, self._engine, self._known = build, engine, known
        self._path = build.directory / kept.NAME
        self._state: Kept | None = None

    def close(self, generation: int, views: tuple[str, ...]) -> list[Step]:
        """Catch up to the head as it is now; returns the steps, none when nothing was told."""
        log = self._build.log
        head = log.head
        if head == self._build.sequence:
            return []
        references = the_newsroom(None)
        self._path.unlink(missing_ok=True)
        state = seeding.seeded(
            self._path,
            log.at(self._build.sequence),
            references,
            self._build.memory_limit,
            views=self._build.directory.parent,
        )
        self._state = state
        for view in views:
            path = self._build.path(view)
            digests.keep(state, view, path, digest(pq.read_schema(path)))
        stepper = Stepper(state, log, self._engine, self._known, references)
        steps = []
        while (target := stepper.next(head)) > state.sequence:
            steps.append(stepper.step(target, dict.fromkeys(views, generation)))
        return steps

    def leave(self, home: Path | str, views: tuple[str, ...]) -> None:
        """Leave the kept state to whoever catches up next, when the generation serves."""
        if self._state is None or set(views) != set(self._known):
            return
        try:
            self._leave(self._state, shelf.shelf(home) / kept.NAME)
        except StateHeld:
            return  # whoever holds one takes the generation up, and makes its own anew

    def discard(self) -> None:
        """Let go of the kept state, unless it was left."""
        if self._state is not None:
            self._state.close()
            self._path.unlink(missing_ok=True)
            self._state = None

    def _leave(self, state: Kept, place: Path) -> None:
        with kept.lock(place):
            for view, about in self._engine.serving().items():
                if view in self._known:
                    state.follow(view, as_followed(self._engine, about))
            state.close()
            for old in (place, place.with_name(f"{place.name}.wal")):
                old.unlink(missing_ok=True)
            self._path.rename(place)
