"""Catching up: what serves goes on from where it is to the log's head, and costs what it touches.

The kept state (``replay.kept``) and the generations that serve move on together, step by step. A
generation that the state does not know yet, after a rebuild or a roll back, is taken up first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archive.standing import needs_rebuild
from archive.step import Advanced, Step, Stepper
from archive.take_up import followed, take_up
from replay import (
    BrokenView,
    DamagedState,
    Kept,
    lock_kept_state,
    make_kept_state,
    open_kept_state,
    reading_state,
    set_aside,
)
from search import NothingServes

if TYPE_CHECKING:
    from archive.archive import Archive
    from replay import View
    from search import Generation

Tell = Callable[[str], None]
REBUILD_SHARE = 0.4
"""From about this share of the log on, a rebuild is as quick as catching up.

Measured on 30,000 articles (README, "Freshness"): 0.8 ms for an event that is caught up, 0.35 ms
for one that is rebuilt.
"""


@dataclass(frozen=True)
class CatchUpResult:
    """What catching up came to; the views' figures are those of all its steps."""

    after: int
    through: int
    events: int
    steps: int
    seconds: float
    views: tuple[Advanced, ...]
    needs_rebuild: dict[str, str] = field(default_factory=dict)
    """The views that cannot be caught up, and why."""

    @property
    def rebuild_is_quicker(self) -> bool:
        """Were there so many events that a rebuild would have been as quick?"""
        return self.events > REBUILD_SHARE * self.through


class CatchUp:
    """Brings what serves in an archive forward: ``with CatchUp.open(archive) as catch_up``."""

    def __init__(self, archive: Archive, views: Mapping[str, View], tell: Tell) -> None:
        self._archive, self._views, self._tell = archive, views, tell
        self._engine, self._log, self._path = archive.engine, archive.log, archive.state_path
        self._kept: Kept | None = None
        self._stepper: Stepper | None = None
        self.broken: dict[str, str] = {}
        """The views whose expressions cannot be computed, and why."""
        self.needs_rebuild: dict[str, str] = {}
        """The views that cannot be caught up, and why; as of the last step."""

    @classmethod
    @contextmanager
    def open(
        cls,
        archive: Archive,
        views: Sequence[str] | None = None,
        tell: Tell | None = None,
    ) -> Iterator[CatchUp]:
        """Hold an archive's kept state; raises ``StateHeld`` while another process does.

        ``tell`` is told what takes long, and why a kept state was set aside.
        """
        made = cls(archive, archive.chosen_views(views), tell or (lambda _: None))
        with lock_kept_state(made._path):
            try:
                yield made
            finally:
                made._close()

    @property
    def head(self) -> int:
        """The log's last sequence."""
        return self._log.head

    @property
    def sequence(self) -> int:
        """The sequence through which everything is caught up; 0 before the first step."""
        return self._kept.sequence if self._kept else 0

    def prepare(self) -> Iterator[None]:
        """After a step: do already what a later one would have to do when it comes.

        That takes seconds, and is done in pieces: after each the caller may make a step.
        """
        stepper = self._stepper
        if stepper is None:
            return
        with suppress(DamagedState), reading_state():  # a step says it
            for _ in stepper.prepare([x for x in self._views if x not in self.needs_rebuild]):
                yield
                if self._stepper is not stepper:
                    return

    def step(self, until: int | None = None) -> Step | None:
        """One step towards a sequence, or the head; none when all is there already.

        Raises ``NothingServes`` when there is no view that can be caught up.
        """
        try:
            return self._step(until)
        except BrokenView as error:
            self.broken[error.view] = str(error)
            self._tell(f"{error}; the others go on")
            return self.step(until)
        except DamagedState as error:
            self._close()
            if not self._path.exists():
                raise
            aside = set_aside(self._path)
            self._tell(f"{self._path} is damaged ({error}); it is set aside as {aside.name}")
            return self._step(until)

    def _step(self, until: int | None) -> Step | None:
        serving = self._can_follow()
        with reading_state():
            state, stepper = self._opened(serving)
            ahead = self._take_up(state, serving)
            head = self._log.head if until is None else min(until, self._log.head)
            target = stepper.next(min([head, *ahead.values()]))
            if target <= state.sequence:
                return None
            generations = {
                view: about.generation for view, about in serving.items() if view not in ahead
            }
            return stepper.step(target, generations)

    def _can_follow(self) -> dict[str, Generation]:
        """What serves and was built by the code as it is now; why the others are not followed."""
        serving = self._engine.serving()
        stuck = needs_rebuild(self._engine, self._views, serving) | self.broken
        self.needs_rebuild = {name: stuck[name] for name in self._views if name in stuck}
        found = {name: serving[name] for name in self._views if name not in self.needs_rebuild}
        if not found:
            why = "; ".join(f"{name} {reason}" for name, reason in self.needs_rebuild.items())
            raise NothingServes(f"no view can be caught up ({why}); run: stet rebuild")
        return found

    def _opened(self, serving: Mapping[str, Generation]) -> tuple[Kept, Stepper]:
        """The kept state, made anew when there is none, or none of what serves goes on from it."""
        if self._kept is None:
            self._kept = open_kept_state(
                self._path, self._log, self._archive.domain.references, self._tell
            )
        if self._kept is not None and not followed(self._kept, self._engine, serving):
            self._close()
        if self._kept is None:
            newest = max(about.sequence for about in serving.values())
            self._tell(f"folding the log as of sequence {newest:,}")
            self._kept = make_kept_state(
                self._path, self._log.at(newest), self._archive.domain.references
            )
        if self._stepper is None:
            self._stepper = Stepper(self._kept, self._archive, self._views)
        return self._kept, self._stepper

    def _take_up(self, state: Kept, serving: Mapping[str, Generation]) -> dict[str, int]:
        """Take up what the state does not know; returns what is ahead of it, and how far it is."""
        for view in set(state.followed()) - set(serving):
            state.follow(view, None)
        ahead, known = {}, followed(state, self._engine, serving)
        for view, about in serving.items():
            if view in known:
                continue
            if about.sequence > state.sequence:
                state.follow(view, None)
                ahead[view] = about.sequence
                continue
            self._tell(f"{view}: taking up generation {about.generation}")
            take_up(self._archive, state, about)
        return ahead

    def _close(self) -> None:
        self._engine.close()
        if self._kept is not None:
            self._kept.close()
        self._kept = self._stepper = None


def run(
    archive: Archive,
    views: Sequence[str] | None = None,
    progress: Tell | None = None,
    until: int | None = None,
) -> CatchUpResult:
    """Catch up to the log's head as it is now, or to an earlier sequence.

    >>> import tempfile
    >>> from archive import Archive
    >>> run(Archive(tempfile.mkdtemp()))
    Traceback (most recent call last):
    search.errors.NothingServes: no view can be caught up (articles nothing serves yet; ...
    """
    started = time.perf_counter()
    steps: list[Step] = []
    with CatchUp.open(archive, views, progress) as catch_up:
        until = catch_up.head if until is None else until
        while step := catch_up.step(until):
            steps.append(step)
            if progress:
                progress(f"{step.through:,} of {until:,} events")
        stuck = catch_up.needs_rebuild
    return CatchUpResult(
        after=steps[0].after if steps else until,
        through=steps[-1].through if steps else until,
        events=sum(step.events for step in steps),
        steps=len(steps),
        seconds=time.perf_counter() - started,
        views=summed(steps),
        needs_rebuild=stuck,
    )


def summed(steps: Sequence[Step]) -> tuple[Advanced, ...]:
    """The figures of several steps by view."""
    total: dict[str, Advanced] = {}
    for one in (view for step in steps for view in step.views):
        before = total.get(one.view)
        total[one.view] = one if before is None else before.plus(one)
    return tuple(total.values())
