"""Preview: which documents an event would change, without appending it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from event_log.supposing import supposed
from views import VIEWS, digests, kept, seeding, shelf
from views.advance import Advance
from views.duck import DamagedState, reading
from views.kept import Kept, References, StateHeld
from views.log import the_newsroom
from views.remaking import Digest

if TYPE_CHECKING:
    from event_log import EventLog, NewEvent
    from views.view import View

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Preview:
    """What an event would come to."""

    sequence: int
    """The log's sequence that the answer is as of."""
    documents: dict[str, int]
    """By view, how many documents would be written or deleted; views without any are left out."""
    seconds: float
    """How long it took to make them again."""


def preview(
    home: Path | str,
    log: EventLog,
    event: NewEvent,
    digest: Digest,
    tell: Tell | None = None,
    known: Mapping[str, View] = VIEWS,
    references: References | None = None,
) -> Preview:
    """Make the documents that an event would change, and forget them again.

    From the kept state; while another process holds it, or when there is none, from the log, which
    takes longer and is told. Raises what ``EventLog.append`` raises for an event that does not fit.
    """
    references = the_newsroom(references)
    events = supposed(log, [event])
    with _telling_damage(), _state(home, log, references, tell or (lambda _: None)) as state:
        views = [name for name in known if state.has_digests(name)]
        advance = Advance(state, known, references, digest)
        with advance.supposing(events, views) as step, tempfile.TemporaryDirectory() as folder:
            made = list(step.made(views, Path(folder)))
            started = time.perf_counter()  # from here on, as if it had been done before
            list(step.made(views, Path(folder)))
        seconds = time.perf_counter() - started
        counts = {changed.view: changed.written + len(changed.gone) for changed in made}
        found = {name: count for name, count in counts.items() if count}
        return Preview(state.sequence, found, seconds)


@contextmanager
def _telling_damage() -> Iterator[None]:
    """A kept state that is damaged where it was not looked at before is for catching up to mend."""
    try:
        with reading():
            yield
    except DamagedState as error:
        raise DamagedState(
            f"the kept state is damaged ({error}); stet catch-up makes it anew"
        ) from error


@contextmanager
def _state(home: Path | str, log: EventLog, references: References, tell: Tell) -> Iterator[Kept]:
    """The kept state, or one that is made from the log for this once."""
    with ExitStack() as held:
        path = shelf.shelf(home) / kept.NAME
        found = None
        try:
            held.enter_context(kept.lock(path))
            found = kept.opened(path, log, references, tell)
        except StateHeld as error:
            tell(f"{error}; so this is made from the log")
        if found is None:
            views = shelf.shelf(home)
            folder = held.enter_context(shelf.scratch(views))
            tell(f"folding {log.head:,} events")
            found = seeding.seeded(folder / kept.NAME, log.at(), references, views=views)
            for name in VIEWS:
                digests.keep_none(found, name)
        held.callback(found.close)
        yield found
