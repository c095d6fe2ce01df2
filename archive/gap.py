"""The gap: what the log was told while a rebuild ran, brought into its generation before it serves.

The kept state that this takes is made anew from the rebuild's own build. When the rebuild has all
views it is left in the archive's place for it, and catching up goes on from there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from archive.step import Step, Stepper, digest
from archive.take_up import as_followed
from replay import STATE_FILE, Kept, StateHeld, keep_digests, lock_kept_state, make_kept_state

if TYPE_CHECKING:
    from archive.archive import Archive
    from replay import Build


class Gap:
    """Brings the checked views of a build's generation to the log's head."""

    def __init__(self, build: Build, archive: Archive) -> None:
        self._build, self._archive = build, archive
        self._path = build.directory / STATE_FILE
        self._state: Kept | None = None

    def close(self, generation: int, views: tuple[str, ...]) -> list[Step]:
        """Catch up to the head as it is now; returns the steps, none when nothing was told."""
        log = self._build.log
        head = log.head
        if head == self._build.sequence:
            return []
        self._path.unlink(missing_ok=True)
        state = make_kept_state(
            self._path,
            log.at(self._build.sequence),
            self._archive.domain.references,
            self._build.memory_limit,
            views=self._build.directory.parent,
        )
        self._state = state
        for view in views:
            path = self._build.path(view)
            keep_digests(state, view, path, digest(pq.read_schema(path)))
        stepper = Stepper(state, self._archive, self._archive.views)
        steps = []
        while (target := stepper.next(head)) > state.sequence:
            steps.append(stepper.step(target, dict.fromkeys(views, generation)))
        return steps

    def leave(self, views: tuple[str, ...]) -> None:
        """Leave the kept state to whoever catches up next, when the generation serves."""
        if self._state is None or set(views) != set(self._archive.views):
            return
        try:
            self._leave(self._state, self._archive.state_path)
        except StateHeld:
            return  # whoever holds one takes the generation up, and makes its own anew

    def discard(self) -> None:
        """Let go of the kept state, unless it was left."""
        if self._state is not None:
            self._state.close()
            self._path.unlink(missing_ok=True)
            self._state = None

    def _leave(self, state: Kept, place: Path) -> None:
        engine = self._archive.engine
        with lock_kept_state(place):
            for view, about in engine.serving().items():
                if view in self._archive.views:
                    state.follow(view, as_followed(engine, about))
            state.close()
            for old in (place, place.with_name(f"{place.name}.wal")):
                old.unlink(missing_ok=True)
            self._path.rename(place)
