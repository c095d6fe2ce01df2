"""One step of catching up: from what changed in the log to what changed in the indexes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from replay import Advance, Changed
from search import Change, document_sql

if TYPE_CHECKING:
    from archive.archive import Archive
    from replay import Kept, View

MOST_EVENTS = 50_000
"""Events of one step: they are in memory, and a document is made once for all of them."""


@dataclass(frozen=True)
class Advanced:
    """What a step came to for one view."""

    view: str
    touched: int
    """Documents that a changed entity is in, or was."""
    computed: int
    """Of these, those that there are now: they were made again."""
    written: int
    """Of these, those that are new or differ from before."""
    unchanged: int
    deleted: int
    """Documents that ceased."""
    seconds: float
    """For making them again."""

    def plus(self, other: Advanced) -> Advanced:
        """Both together."""
        figures = {
            each.name: getattr(self, each.name) + getattr(other, each.name)
            for each in fields(self)
            if each.name != "view"
        }
        return Advanced(self.view, **figures)


@dataclass(frozen=True)
class Step:
    """One batch of events, folded and written: all views moved on together."""

    after: int
    through: int
    events: int
    seconds: float
    views: tuple[Advanced, ...]
    fan_out: tuple[int, ...] = field(default=(), repr=False)
    """Of the changed entities, at most a thousand: how many documents each is in."""

    @property
    def written(self) -> int:
        """Documents of all views that were written or deleted."""
        return sum(view.written + view.deleted for view in self.views)


def digest(schema: pa.Schema) -> str:
    """The SQL of a document's digest: the SHA-256 of its JSON, as an index's is."""
    return f"sha256({document_sql(schema)})"


class Stepper:
    """Brings generations of views forward with a kept state, step by step."""

    def __init__(
        self,
        kept: Kept,
        archive: Archive,
        views: Mapping[str, View],
    ) -> None:
        self._kept = kept
        self._log = archive.log
        self._engine = archive.engine
        self._advance = Advance(kept, views, archive.domain.references, digest)

    def next(self, until: int) -> int:
        """The sequence that the next step goes to; a step that was begun is repeated exactly."""
        return self._kept.pending or min(until, self._kept.sequence + MOST_EVENTS)

    def prepare(self, views: Collection[str]) -> Iterator[None]:
        """Do what the first step of these views would have to do once, piece by piece."""
        return self._advance.prepare(views)

    def step(self, until: int, generations: Mapping[str, int]) -> Step:
        """Fold the events up to a sequence, and write what that changes into the generations.

        Whoever is killed here repeats the step, and what was done already is not changed by that.
        """
        started, after = time.perf_counter(), self._kept.sequence
        with (
            tempfile.TemporaryDirectory(prefix="stet-step-") as folder,
            self._advance.step(self._log, until, list(generations)) as step,
        ):
            made: list[Changed] = []
            coming = step.made(list(generations), Path(folder))
            self._engine.advance(until, generations, _changes(coming, generations, made))
        seconds = time.perf_counter() - started
        views = tuple(_advanced(changed) for changed in made)
        return Step(after, until, step.events, seconds, views, tuple(step.fan_out))


def _changes(
    coming: Iterable[Changed], generations: Mapping[str, int], made: list[Changed]
) -> Iterator[Change]:
    """What an engine is told of what is made, as it is; all of it is put down in ``made``."""
    for changed in coming:
        made.append(changed)
        if changed.written or changed.gone:
            documents = changed.documents if changed.written else None
            yield Change(changed.view, generations[changed.view], documents, changed.gone)


def _advanced(changed: Changed) -> Advanced:
    return Advanced(
        changed.view,
        changed.touched,
        changed.computed,
        changed.written,
        changed.unchanged,
        len(changed.gone),
        changed.seconds,
    )
