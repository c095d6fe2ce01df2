"""The versions of a document as a list for people: when, what changed, and the public note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.pages.document.fields import label_of
from app.web.memento import Version

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
    """The versions of a page's document, newest first, and what changed from one to the next."""
    versions = page.times.versions if page.times is not None else ()
    history = site.archive.public_history(page.asked.key, embargoed=page.asked.identity.edits)
    labels = {event.version: [label_of(c.field) for c in event.changes] for event in history}
    notes = {each.event.version: each.notes for each in page.corrections}
    shown = [
        Shown(
            version,
            labels.get(version.version, ()),
            notes.get(version.version, ()),
            version == versions[0],
            version == versions[-1],
        )
        for version in versions
    ]
    return shown[::-1]
