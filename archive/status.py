"""Status: the log's head, and the lag and the live generation of each view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.lag import measure_lag
from archive.standing import needs_rebuild

if TYPE_CHECKING:
    from archive.archive import Archive


@dataclass(frozen=True)
class ViewStatus:
    """One view: its checkpoint, its lag, and its live generation."""

    view: str
    checkpoint: int
    """The sequence of its live generation; 0 when there is none."""
    lag_events: int
    lag_seconds: float
    """For how long the oldest event that the view does not have yet has waited."""
    documents: int | None
    generation: int | None
    needs_rebuild: str | None
    """Why it cannot be caught up; ``None`` if it can."""


@dataclass(frozen=True)
class Status:
    """The log, and the domain's views in their order."""

    head: int
    digest: str
    sealed_through: int
    open_commits: int
    seconds_ahead: float
    """By how much the last event was recorded ahead of this machine's clock; or 0."""
    views: tuple[ViewStatus, ...]


def status(archive: Archive) -> Status:
    """Read the log's head and the live generation of each view.

    >>> import tempfile
    >>> from archive import Archive
    >>> status(Archive(tempfile.mkdtemp())).views[0].needs_rebuild
    'has no live generation yet'
    """
    log, live = archive.log, archive.engine.serving()
    reasons = needs_rebuild(archive.engine, archive.views, live)
    checkpoints = {name: generation.sequence for name, generation in live.items()}
    lags = {checkpoint: measure_lag(log, checkpoint) for checkpoint in {0, *checkpoints.values()}}
    views = []
    for name in archive.views:
        now, checkpoint = live.get(name), checkpoints.get(name, 0)
        views.append(
            ViewStatus(
                view=name,
                checkpoint=checkpoint,
                lag_events=lags[checkpoint].events,
                lag_seconds=lags[checkpoint].seconds,
                documents=now.documents if now else None,
                generation=now.generation if now else None,
                needs_rebuild=reasons.get(name),
            )
        )
    sealing = log.sealed_through, log.open_commits
    return Status(log.head, log.digest, *sealing, log.seconds_ahead, tuple(views))
