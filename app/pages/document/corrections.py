"""The corrections of an entity as its page shows them: the note, the date, and what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.pages.document.fields import entity_page, label_of
from app.pages.document.linked import titles
from app.pages.word_diff import Part, excerpt, word_diff
from app.web.identity import Identity

if TYPE_CHECKING:
    from app.web.site import Site
    from archive import PublicChange, PublicEvent

MOST = 20
"""The corrections whose difference is shown: the latest."""


@dataclass(frozen=True)
class Named:
    """An item of a list that was added or removed: an entity is called by its title."""

    text: str
    address: str | None = None
    withdrawn: bool = False


@dataclass(frozen=True)
class Change:
    """A field that changed: a text word by word, a list by its items, or else both values."""

    label: str
    parts: Sequence[Part] = ()
    added: Sequence[Named] = ()
    removed: Sequence[Named] = ()


@dataclass(frozen=True)
class Correction:
    """An event that tells readers why it changed an entity."""

    event: PublicEvent
    notes: Sequence[str]
    changes: Sequence[Change]

    @property
    def anchor(self) -> str:
        """The id of the correction in its page."""
        return f"correction-{self.event.version}"


def public_corrections(site: Site, key: str, identity: Identity) -> list[PublicEvent]:
    """The events that correct an entity, newest first, as somebody may know them."""
    return site.archive.corrections(key, embargoed=identity.edits)[::-1]


def corrections(site: Site, key: str, identity: Identity) -> list[Correction]:
    """The corrections of an entity with what each changed, newest first."""
    events = public_corrections(site, key, identity)
    references = site.archive.domain.references.get(key.partition("/")[0], {})
    named = [
        str(item)
        for event in events[:MOST]
        for change in event.changes
        if change.field in references
        for item in [*_items(change.old), *_items(change.new)]
    ]
    called = titles(site, [*dict.fromkeys(named)], identity)
    return [
        Correction(
            event,
            [str(note) for note in event.annotations.values()],
            [_change(site, change, references, called) for change in event.changes]
            if place < MOST
            else [],
        )
        for place, event in enumerate(events)
    ]


def _change(
    site: Site, change: PublicChange, references: Mapping[str, str], called: Mapping[str, str]
) -> Change:
    label = label_of(change.field)
    if change.field in references or isinstance(change.old or change.new, list):
        old, new = _items(change.old), _items(change.new)

        def named(items: Sequence[str]) -> list[Named]:
            if change.field not in references:
                return [Named(item) for item in items]
            return [_named(site, item, called) for item in items]

        added = named([item for item in new if item not in old])
        return Change(label, added=added, removed=named([i for i in old if i not in new]))
    return Change(label, [*excerpt(word_diff(_text(change.old), _text(change.new)))])


def _named(site: Site, entity: str, called: Mapping[str, str]) -> Named:
    if entity in called:
        return Named(called[entity], entity_page(site, entity))
    withdrawn = site.archive.withdrawal(entity) is not None
    return Named(entity.partition("/")[0], entity_page(site, entity), withdrawn)


def _items(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _text(value: Any) -> str:
    from event_log import instant_text

    if value is None:
        return ""
    return instant_text(value) if isinstance(value, datetime) else str(value)
