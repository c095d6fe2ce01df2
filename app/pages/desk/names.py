"""What an entity is called, and which entity a name means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.pages.desk.inputs import Choice

if TYPE_CHECKING:
    from archive import Archive
    from event_log import Category
    from replay import Entity

MOST_CHOICES = 20
WITH_ID = re.compile(r".*\(([^\s()/]+/.+)\)", re.DOTALL)
"""A name with its id behind, as the form shows a reference: ``Carlos Thompson (byline/12)``."""


def category_of(archive: Archive, stream: str) -> Category:
    """The category of a stream; raises ``KeyError`` if there is none."""
    return archive.log.registry[stream.partition("/")[0]]


def title_of(archive: Archive, entity: Entity) -> str:
    """The title of an entity, as its view has it, or its stream where it has none."""
    from replay import title_field

    category = category_of(archive, entity.stream)
    of_views = [v.title for v in archive.views.values() if v.per == category.name]
    for name in (*of_views, title_field(category)):
        title = entity.fields.get(name) if name else None
        if isinstance(title, str) and title.strip():
            return title
    return entity.stream


def with_id(archive: Archive, stream: str) -> str:
    """A reference as the form shows it; its id alone where it leads nowhere."""
    from replay import read_entity

    if stream.partition("/")[0] not in archive.log.registry:
        return stream
    title = title_of(archive, read_entity(archive.log, stream))
    return stream if title == stream else f"{title} ({stream})"


def meant(archive: Archive, text: str, target: str) -> tuple[str | None, list[Choice]]:
    """The entity of a category that a text means; else what it may mean, best first.

    A text is an id (``byline/12``), a name with the id behind it, or a name that is searched for. A
    name that is written in full means the entity that is called so, if only one is.
    """
    text = text.strip()
    behind = WITH_ID.fullmatch(text)
    for candidate in (text, behind[1] if behind else ""):
        if candidate.startswith(f"{target}/"):
            return candidate, []
    found = [
        each
        for view in archive.views.values()
        if view.per == target
        for each in archive.suggest(text, view.name, MOST_CHOICES)
    ]
    wanted = text.casefold()
    exact = [each for each in found if wanted in (_folded(each.title), _folded(each.alias))]
    if len(exact) == 1:
        return exact[0].id, []
    return None, [Choice(each.id, each.title) for each in exact or found]


def _folded(name: str | None) -> str | None:
    return None if name is None else name.casefold()
