"""References that lead nowhere, and how many entities refer to one.

An import keeps references that lead nowhere; they resolve when the entity arrives.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from archive.explain import folded_state
from archive.progress import Tell, silent
from event_log import suppose_events
from replay import State, scratch_folder, unresolved_references, uses

if TYPE_CHECKING:
    from archive.archive import Archive
    from archive.editable import Editable
    from event_log import NewEvent, Point
    from replay import Unresolved


def unresolved(archive: Archive, at: Point = None, tell: Tell | None = None) -> list[Unresolved]:
    """The references of live entities to streams without events, the most frequent first.

    So are references to an entity of another category than the domain says. ``tell`` is called
    when the log is folded, which takes long.
    """
    with folded_state(archive, archive.log.at(at), tell or silent) as state:
        return unresolved_references(state, archive.domain.references)


def used_by(
    archive: Editable, streams: Collection[str], supposing: Sequence[NewEvent] = ()
) -> dict[str, dict[str, int]]:
    """By stream, the numbers of live entities that refer to it, by their category.

    They are counted from the log, as it would be with the events ``supposing`` after its own.
    Raises the errors of ``EventLog.append`` for these events.
    """
    references = archive.domain.references
    targets = {target for fields in references.values() for target in fields.values()}
    named = [stream for stream in streams if stream.partition("/")[0] in targets]
    unnamed: dict[str, dict[str, int]] = {stream: {} for stream in streams}
    if not named:
        return unnamed
    events = suppose_events(archive.log, supposing) if supposing else None
    with (
        scratch_folder(archive.scratch_builds) as folder,
        State(archive.log.at(), folder / "state") as state,
    ):
        return unnamed | uses(state, references, named, events)
