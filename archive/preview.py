"""Preview: how many documents an event would change, without appending it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archive.progress import Tell, silent
from archive.step import digest
from event_log import suppose_events
from replay import (
    STATE_FILE,
    Advance,
    DamagedState,
    Kept,
    StateHeld,
    keep_no_digests,
    lock_kept_state,
    make_kept_state,
    open_kept_state,
    reading_state,
    scratch_folder,
)

if TYPE_CHECKING:
    from archive.archive import Archive
    from event_log import NewEvent


@dataclass(frozen=True)
class Preview:
    """The documents that an event would change."""

    sequence: int
    """The sequence of the log that the counts are as of."""
    documents: dict[str, int]
    """By view, how many documents would be written or deleted; a view without any is left out."""
    seconds: float
    """How long it took to make these documents again."""


def preview(archive: Archive, event: NewEvent, tell: Tell | None = None) -> Preview:
    """Make the documents that an event would change, count them, and discard them.

    They are made from the kept state. While another process has it locked, or when there is none,
    the log is folded, which takes longer: ``tell`` is called. Raises ``InvalidEvent`` as
    ``EventLog.append`` does.
    """
    domain = archive.domain
    events = suppose_events(archive.log, [event])
    with _damage_explained(), _state(archive, tell or silent) as state:
        views = [name for name in domain.views if state.has_digests(name)]
        advance = Advance(state, domain.views, domain.references, digest)
        with advance.supposing(events, views) as step, tempfile.TemporaryDirectory() as folder:
            remade = list(step.remake(views, Path(folder)))
            started = time.perf_counter()  # a second time: queries are compiled by now
            list(step.remake(views, Path(folder)))
        seconds = time.perf_counter() - started
        figures = [changed.figures for changed in remade]
        counts = {view.view: view.written + view.deleted for view in figures}
        documents = {name: count for name, count in counts.items() if count}
        return Preview(state.sequence, documents, seconds)


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
def _state(archive: Archive, tell: Tell) -> Iterator[Kept]:
    """The kept state, or a temporary one that is made from the log."""
    with ExitStack() as stack:
        path, log, references = archive.state_path, archive.log, archive.domain.references
        kept = None
        try:
            stack.enter_context(lock_kept_state(path))
            kept = open_kept_state(path, log, references, tell)
        except StateHeld as error:
            tell(f"{error}; the log is folded instead")
        if kept is None:
            builds = archive.builds
            folder = stack.enter_context(scratch_folder(builds))
            tell(f"folding {log.head:,} events")
            kept = make_kept_state(folder / STATE_FILE, log.at(), references, builds=builds)
            for name in archive.views:
                keep_no_digests(kept, name)
        stack.callback(kept.close)
        yield kept
