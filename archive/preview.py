"""Preview: how many documents an event would change, without appending it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from archive.progress import Tell, silent
from archive.standing import needs_rebuild
from archive.step import digest
from event_log import counted, suppose_events
from replay import (
    STATE_FILE,
    Advance,
    BrokenView,
    DamagedState,
    Kept,
    StateHeld,
    ViewFigures,
    check_views,
    keep_no_digests,
    lock_kept_state,
    make_kept_state,
    may_write,
    open_kept_state,
    place_of_state,
    reading_state,
    scratch_folder,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from archive.editable import Editable
    from event_log import NewEvent


@dataclass(frozen=True)
class Preview:
    """The documents that an event would change."""

    sequence: int
    """The sequence of the log that the counts are as of."""
    documents: dict[str, int]
    """By view, how many documents would be written or deleted, where there are any."""
    seconds: float
    """How long it took to make these documents again."""
    left_out: dict[str, str] = field(default_factory=dict)
    """The views that could not be counted, and why."""


def preview(archive: Editable, event: NewEvent, tell: Tell | None = None) -> Preview:
    """Make the documents that an event would change, count them, and discard them.

    They are made from the kept state. While another process has it locked, or when there is none,
    the log is folded, which takes longer: ``tell`` is called. Raises ``InvalidEvent`` as
    ``EventLog.append`` does.
    """
    events = suppose_events(archive.log, [event])
    with _damage_explained(), _state(archive, tell or silent) as state:
        views = [name for name in archive.views if state.has_digests(name)]
        left_out = {
            name: _why_left_out(archive, name) for name in archive.views if name not in views
        }
        while True:
            try:
                figures, seconds = _figures(archive, state, events, views)
            except BrokenView as error:
                left_out[error.view] = str(error)
                views.remove(error.view)
                continue
            counts = {view.view: view.written + view.deleted for view in figures}
            documents = {name: count for name, count in counts.items() if count}
            return Preview(state.sequence, documents, seconds, left_out)


def _figures(
    archive: Editable, state: Kept, events: pa.Table, views: Sequence[str]
) -> tuple[list[ViewFigures], float]:
    """The figures of the step that these events would be, and the seconds of a warm one."""
    domain = archive.domain
    advance = Advance(state, domain.views, domain.references, digest)
    with advance.supposing(events, views) as step, tempfile.TemporaryDirectory() as folder:
        remade = list(step.remake(views, Path(folder)))
        started = time.perf_counter()  # a second time: queries are compiled by now
        list(step.remake(views, Path(folder)))
    return [changed.figures for changed in remade], time.perf_counter() - started


def _why_left_out(archive: Editable, name: str) -> str:
    """Why a view's documents are not in the kept state: it has a mistake, or needs a rebuild."""
    try:
        check_views(archive.log, [archive.views[name]], archive.views)
    except BrokenView as error:
        return str(error)
    why = needs_rebuild(archive.engine, archive.views, archive.engine.serving()).get(name)
    return f"{why}; run: stet rebuild {name}" if why else "catch it up first; run: stet catch-up"


@contextmanager
def _damage_explained() -> Iterator[None]:
    """Adds to ``DamagedState`` which command repairs the kept state."""
    try:
        with reading_state():
            yield
    except DamagedState as error:
        raise DamagedState(
            f"the kept state is damaged ({error}); stet catch-up makes it anew"
        ) from error


@contextmanager
def _state(archive: Editable, tell: Tell) -> Iterator[Kept]:
    """The kept state, or a temporary one that is made from the log."""
    with ExitStack() as stack:
        path, log, references = archive.state_path, archive.log, archive.domain.references
        kept = None
        try:
            if may_write(archive.builds):
                stack.enter_context(lock_kept_state(archive.state_lock))
                kept = open_kept_state(path, log, references, tell)
        except StateHeld as error:
            tell(f"{error}; the log is folded instead")
        if kept is None:
            scratch = place_of_state(archive.scratch_builds)
            folder = stack.enter_context(scratch_folder(scratch))
            tell(f"folding {counted(log.head, 'event')}")
            kept = make_kept_state(
                folder / STATE_FILE, log.at(), references, builds=archive.scratch_builds
            )
            for name in archive.views:
                keep_no_digests(kept, name)
        stack.callback(kept.close)
        yield kept
