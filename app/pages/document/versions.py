"""The versions of a document as a list for people: when, what changed, and the public note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.pages.document.fields import label_of
from app.web.memento import Version
from app.web.reading import END_OF_TIME

if TYPE_CHECKING:
    from app.pages.document.page import Page
    from app.web.site import Site


@dataclass(frozen=True)
class Shown:
    """A version: the labels of what changed, and the notes of its correction."""

    version: Version
    labels: Sequence[str]
    notes: Sequence[str]
    first: bool
    current: bool


def versions_shown(site: Site, page: Page) -> list[Shown]:
    """The versions of a page's document, newest first.

    What a version changed is said if readers could read the one before.
    """
    versions = page.times.versions if page.times is not None else ()
    now = END_OF_TIME if page.asked.identity.edits else None
    events = {
        event.version: event for event in site.archive.public_history(page.asked.key, now=now)
    }
    notes = {each.event.version: each.notes for each in page.corrections}
    known = {version.version for version in versions}
    shown = []
    for version in versions:
        event = events.get(version.version)
        told = event is not None and version.version - 1 in known
        labels = [label_of(c.field) for c in event.changes] if event is not None and told else []
        shown.append(
            Shown(
                version,
                labels,
                notes.get(version.version, ()),
                version == versions[0],
                version == versions[-1],
            )
        )
    return shown[::-1]
