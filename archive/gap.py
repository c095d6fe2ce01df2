"""The gap: events that were appended while a rebuild ran reach its generation before promotion.

They are caught up with a kept state that is made from the rebuild's own build. After a rebuild of
all views that state becomes the archive's, and catching up goes on from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from archive.step import Step, Stepper, digest
from archive.take_up import as_followed
from event_log import plain_path
from replay import (
    STATE_FILE,
    Kept,
    StateHeld,
    keep_digests,
    lock_kept_state,
    make_kept_state,
    place_of_state,
)

if TYPE_CHECKING:
    from archive.archive import Archive
    from replay import Build


class Gap:
    """Brings the generation of a build to the log's head, when its views were checked."""

    def __init__(self, build: Build, archive: Archive) -> None:
        self._build, self._archive = build, archive
        self._path = place_of_state(build.directory) / STATE_FILE
        self._state: Kept | None = None

    def close(self, generation: int, views: tuple[str, ...]) -> list[Step]:
        """Catch up to the current head; returns the steps, none when nothing was appended."""
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
            builds=self._build.directory.parent,
        )
        self._state = state
        for view in views:
            path = self._build.path(view)
            keep_digests(state, view, path, digest(pq.read_schema(plain_path(path))))
        stepper = Stepper(state, self._archive, self._archive.views)
        steps = []
        while (target := stepper.next(head)) > state.sequence:
            steps.append(stepper.step(target, dict.fromkeys(views, generation)))
        return steps

    def leave(self, views: tuple[str, ...]) -> None:
        """Make the kept state the archive's, when the generation is live."""
        if self._state is None or set(views) != set(self._archive.views):
            return
        try:
            self._leave(self._state, self._archive)
        except StateHeld:
            return  # the process that has the lock takes up the generation, with a state of its own

    def discard(self) -> None:
        """Close and delete the kept state, unless it became the archive's."""
        if self._state is not None:
            self._state.close()
            self._path.unlink(missing_ok=True)
            self._state = None

    def _leave(self, state: Kept, archive: Archive) -> None:
        engine, place = archive.engine, archive.state_path
        with lock_kept_state(archive.state_lock):
            place.parent.mkdir(parents=True, exist_ok=True)
            for view, live in engine.serving().items():
                if view in self._archive.views:
                    state.follow(view, as_followed(engine, live))
            state.close()
            for old in (place, place.with_name(f"{place.name}.wal")):
                old.unlink(missing_ok=True)
            self._path.rename(place)
