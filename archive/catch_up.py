"""Catching up: the live generations are brought to the log's head, at a cost of what changed.

The kept state (``replay.kept``) and the live generations move on together, step by step. A
generation that the state does not follow yet, after a rebuild or a roll back, is taken up first.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archive.progress import Tell, silent
from archive.standing import needs_rebuild
from archive.step import Step, Stepper
from archive.take_up import followed_views, take_up
from event_log import counted
from replay import (
    BrokenView,
    DamagedState,
    Kept,
    ViewFigures,
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

REBUILD_SHARE = 0.4
"""From about this share of the log on, a rebuild is as quick as catching up.

Measured on 30,000 articles (README, "Freshness"): catching up takes 0.8 ms an event, a rebuild
0.35 ms.
"""


@dataclass(frozen=True)
class CatchUpResult:
    """The result of catching up; each view's figures are the sum of all steps."""

    after: int
    through: int
    events: int
    steps: int
    seconds: float
    views: tuple[ViewFigures, ...]
    needs_rebuild: dict[str, str] = field(default_factory=dict)
    """The views that cannot be caught up before a rebuild, and why."""
    broken: dict[str, str] = field(default_factory=dict)
    """The views that have a mistake, and which; no rebuild helps before it is corrected."""

    @property
    def rebuild_is_quicker(self) -> bool:
        """Whether a rebuild would have been as quick, for so many events."""
        return self.events > REBUILD_SHARE * self.through


class CatchUp:
    """Brings live generations forward: ``with CatchUp.open(archive) as catch_up``."""

    def __init__(self, archive: Archive, views: Mapping[str, View], tell: Tell) -> None:
        self._archive, self._views, self.tell = archive, views, tell
        self._engine, self._log = archive.engine, archive.log
        self._kept: Kept | None = None
        self._stepper: Stepper | None = None
        self.broken: dict[str, str] = {}
        """The views whose expressions cannot be computed, and why."""
        self.needs_rebuild: dict[str, str] = {}
        """The views that cannot be caught up before a rebuild, and why; as of the last step."""

    @classmethod
    @contextmanager
    def open(
        cls,
        archive: Archive,
        views: Sequence[str] | None = None,
        tell: Tell | None = None,
    ) -> Iterator[CatchUp]:
        """Lock an archive's kept state; raises ``StateHeld`` while another process has it.

        ``tell`` is called with what takes long, and with why a kept state was set aside.
        """
        catch_up = cls(archive, archive.chosen_views(views), tell or silent)
        with lock_kept_state(archive.state_lock):
            try:
                yield catch_up
            finally:
                catch_up._close()

    @property
    def head(self) -> int:
        """The log's last sequence."""
        return self._log.head

    @property
    def sequence(self) -> int:
        """The sequence that the views are caught up to; 0 before the first step."""
        return self._kept.sequence if self._kept else 0

    def prepare(self) -> Iterator[None]:
        """Compile, after a first step, what later steps will run.

        That takes seconds. It is done in pieces: after each of them the caller may make a step.
        """
        stepper = self._stepper
        if stepper is None:
            return
        with suppress(DamagedState), reading_state():  # the next step reports it
            for _ in stepper.prepare(
                [name for name in self._views if name not in self.needs_rebuild]
            ):
                yield
                if self._stepper is not stepper:
                    return

    def step(self, until: int | None = None) -> Step | None:
        """Make one step towards a sequence, or the head; ``None`` when all views are there.

        Raises ``NothingServes`` when no view can be caught up.
        """
        try:
            return self._step(until)
        except BrokenView as error:
            self.broken[error.view] = str(error)
            self.tell(f"{error}; the other views go on")
            return self.step(until)
        except DamagedState as error:
            self._close()
            path = self._archive.state_path
            if not path.exists():
                raise
            aside = set_aside(path)
            self.tell(f"{path} is damaged ({error}); it is set aside as {aside.name}")
            return self._step(until)

    def _step(self, until: int | None) -> Step | None:
        live = self._followable()
        with reading_state():
            state, stepper, followed = self._opened(live)
            ahead = self._take_up(state, live, followed)
            head = self._log.head if until is None else min(until, self._log.head)
            target = stepper.next(min([head, *ahead.values()]))
            if target <= state.sequence:
                return None
            generations = {
                view: generation.generation
                for view, generation in live.items()
                if view not in ahead
            }
            return stepper.step(target, generations)

    def _followable(self) -> dict[str, Generation]:
        """The live generations that the current code built; notes why the others are not."""
        live = self._engine.serving()
        reasons = needs_rebuild(self._engine, self._views, live)
        self.needs_rebuild = {
            name: reasons[name]
            for name in self._views
            if name in reasons and name not in self.broken
        }
        without = {**self.needs_rebuild, **self.broken}
        followable = {name: live[name] for name in self._views if name not in without}
        if not followable:
            raise NothingServes(self._why_none())
        return followable

    def _why_none(self) -> str:
        """The message when no view can be caught up: the reason of each, and what to do."""
        why = [f"{name} {reason}" for name, reason in self.needs_rebuild.items()]
        steps = ["correct the view"] if self.broken else []
        steps += ["run: stet rebuild"] if why else []
        reasons = "; ".join([*why, *self.broken.values()])
        return f"no view can be caught up ({reasons}); {', and '.join(steps)}"

    def _opened(self, live: Mapping[str, Generation]) -> tuple[Kept, Stepper, set[str]]:
        """The kept state, its stepper, and the views that it follows.

        The state is made anew when there is none, or when it follows no live generation.
        """
        followed: set[str] = set()
        path, references = self._archive.state_path, self._archive.domain.references
        if self._kept is None:
            self._kept = open_kept_state(path, self._log, references, self.tell)
        if self._kept is not None:
            followed = followed_views(self._kept, self._engine, live)
            if not followed:
                self._close()
        if self._kept is None:
            newest = max(generation.sequence for generation in live.values())
            self.tell(f"folding the log as of sequence {newest:,}")
            self._kept = make_kept_state(path, self._log.at(newest), references)
        if self._stepper is None:
            self._stepper = Stepper(self._kept, self._archive, self._views)
        return self._kept, self._stepper, followed

    def _take_up(
        self, state: Kept, live: Mapping[str, Generation], followed: Collection[str]
    ) -> dict[str, int]:
        """Take up live generations that the state does not follow.

        Returns the views whose generation is ahead of the state, each with its sequence.
        """
        for view in set(state.followed()) - set(live):
            state.follow(view, None)
        ahead = {}
        for view, generation in live.items():
            if view in followed:
                continue
            if generation.sequence > state.sequence:
                state.follow(view, None)
                ahead[view] = generation.sequence
                continue
            self.tell(f"{view}: taking up generation {generation.generation}")
            take_up(self._archive, state, generation)
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
    search.errors.NothingServes: no view can be caught up (articles has no live generation yet; ...
    """
    started = time.perf_counter()
    steps: list[Step] = []
    with CatchUp.open(archive, views, progress) as catch_up:
        until = catch_up.head if until is None else until
        while step := catch_up.step(until):
            steps.append(step)
            if progress:
                progress(f"{step.through:,} of {counted(until, 'event')}")
        reasons, broken = catch_up.needs_rebuild, catch_up.broken
    return CatchUpResult(
        after=steps[0].after if steps else until,
        through=steps[-1].through if steps else until,
        events=sum(step.events for step in steps),
        steps=len(steps),
        seconds=time.perf_counter() - started,
        views=summed(steps),
        needs_rebuild=reasons,
        broken=broken,
    )


def summed(steps: Sequence[Step]) -> tuple[ViewFigures, ...]:
    """The figures of several steps, added up by view."""
    total: dict[str, ViewFigures] = {}
    for figures in (figures for step in steps for figures in step.views):
        before = total.get(figures.view)
        total[figures.view] = figures if before is None else before.plus(figures)
    return tuple(total.values())
