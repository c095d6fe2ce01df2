"""Preview: which documents an event would change, without appending it."""

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
    """What an event would come to."""

    sequence: int
    """The log's sequence that the answer is as of."""
    documents: dict[str, int]
    """By view, how many documents would be written or deleted; views without any are left out."""
    seconds: float
    """How long it took to make them again."""


def preview(archive: Archive, event: NewEvent, tell: Tell | None = None) -> Preview:
    """Make the documents that an event would change, and forget them again.

    From the kept state; while another process holds it, or when there is none, from the log, which
    takes longer and is told. Raises what ``EventLog.append`` raises for an event that does not fit.
    """
    domain = archive.domain
    events = suppose_events(archive.log, [event])
    with _telling_damage(), _state(archive, tell or silent) as state:
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
def _telling_damage() -> Iterator[None]:
    """A kept state that is damaged where it was not looked at before is for catching up to mend."""
    try:
        with reading_state():
            yield
    except DamagedState as error:
        raise DamagedState(
            f"the kept state is damaged ({error}); stet catch-up makes it anew"
        ) from error


@contextmanager
def _state(archive: Archive, tell: Tell) -> Iterator[Kept]:
    """The kept state, or one that is made from the log for this once."""
    with ExitStack() as held:
        path, log, references = archive.state_path, archive.log, archive.domain.references
        found = None
        try:
            held.enter_context(lock_kept_state(path))
            found = open_kept_state(path, log, references, tell)
        except StateHeld as error:
            tell(f"{error}; so this is made from the log")
        if found is None:
            views = archive.builds
            folder = held.enter_context(scratch_folder(views))
            tell(f"folding {log.head:,} events")
            found = make_kept_state(folder / STATE_FILE, log.at(), references, views=views)
            for name in archive.views:
                keep_no_digests(found, name)
        held.callback(found.close)
        yield found
