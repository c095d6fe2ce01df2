"""One step of catching up: from what changed in the log to what changed in the indexes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from replay import Advance, Changed, ViewFigures
from search import Change, document_sql

if TYPE_CHECKING:
    from archive.archive import Archive
    from replay import Kept, View

MOST_EVENTS = 50_000
"""Events of one step: they are held in memory, and a document is made once for all of them."""


@dataclass(frozen=True)
class Step:
    """One batch of events that was folded and indexed; all views advance together."""

    after: int
    through: int
    events: int
    seconds: float
    views: tuple[ViewFigures, ...]
    fan_out: tuple[int, ...] = field(default=(), repr=False)
    """How many documents each changed entity is in, of at most a thousand entities."""

    @property
    def written(self) -> int:
        """How many documents of all views were written or deleted."""
        return sum(view.written + view.deleted for view in self.views)


def digest(schema: pa.Schema) -> str:
    """The SQL of a document's digest: the SHA-256 of its JSON, as in an index."""
    return f"sha256({document_sql(schema)})"


class Stepper:
    """Brings generations forward by a kept state, step by step."""

    def __init__(self, kept: Kept, archive: Archive, views: Mapping[str, View]) -> None:
        self._kept = kept
        self._log = archive.log
        self._engine = archive.engine
        self._advance = Advance(kept, views, archive.domain.references, digest)

    def next(self, until: int) -> int:
        """The sequence that the next step ends at; a step that was begun is repeated exactly."""
        return self._kept.pending or min(until, self._kept.sequence + MOST_EVENTS)

    def prepare(self, views: Collection[str]) -> Iterator[None]:
        """Compile what steps of these views run, piece by piece."""
        return self._advance.prepare(views)

    def step(self, until: int, generations: Mapping[str, int]) -> Step:
        """Fold the events up to a sequence, and write the changed documents into the generations.

        A process that is killed here repeats the step, which changes nothing that was done before.
        """
        started, after = time.perf_counter(), self._kept.sequence
        figures: list[ViewFigures] = []
        with (
            tempfile.TemporaryDirectory(prefix="stet-step-") as folder,
            self._advance.step(self._log, until, list(generations)) as step,
        ):
            remade = step.remake(list(generations), Path(folder))
            self._engine.advance(until, generations, _changes(remade, generations, figures))
        seconds = time.perf_counter() - started
        order = list(generations)
        figures.sort(key=lambda of_view: order.index(of_view.view))
        return Step(after, until, step.events, seconds, tuple(figures), tuple(step.fan_out))


def _changes(
    remade: Iterable[Changed], generations: Mapping[str, int], figures: list[ViewFigures]
) -> Iterator[Change]:
    """The changes of an engine's generations, one view at a time; appends to ``figures``."""
    for changed in remade:
        view = changed.figures.view
        figures.append(changed.figures)
        if changed.documents or changed.gone:
            yield Change(view, generations[view], changed.documents, changed.gone)
