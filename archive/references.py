"""References that lead nowhere: an import keeps them, and they resolve when the entity arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.explain import folded_state
from archive.progress import Tell, silent
from replay import unresolved_references

if TYPE_CHECKING:
    from archive.archive import Archive
    from event_log import Point
    from replay import Unresolved


def unresolved(archive: Archive, at: Point = None, tell: Tell | None = None) -> list[Unresolved]:
    """The references of live entities to streams without events, the most frequent first.

    So are references to an entity of another category than the domain says. ``tell`` is called
    when the log is folded, which takes long.
    """
    with folded_state(archive, archive.log.at(at), tell or silent) as state:
        return unresolved_references(state, archive.domain.references)
