"""One document as somebody may see it: readers do not see what is under embargo or removed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from app.web.identity import Identity
from app.web.problems import Problem

if TYPE_CHECKING:
    from app.web.memento import Version
    from app.web.site import Site
    from archive import PublicEvent
    from replay import View
    from search import Answer, Hit, Query

DESK = "the view {} shows what is for the desk; log in as an editor"
AT_ONCE = 1_000
NAMING = frozenset({"id", "name", "aliases", "title", "kind", "parent", "count"})
"""The fields of a struct that only names an entity, as the views keep it of a removed one."""


def readable_view(site: Site, name: str, identity: Identity) -> View:
    """The view of this name, if somebody may read it; raises ``Problem`` 404, 401 or 403.

    A view of events has the reasons that are for the desk: editors read it.
    """
    from replay import EVENT
    from search import UnknownName

    try:
        view = site.archive.view(name)
    except UnknownName as error:
        raise Problem(404, str(error)) from None
    if view.per == EVENT and not identity.edits:
        raise Problem(401 if identity.name is None else 403, DESK.format(view.name))
    return view


def document(site: Site, view: View, key: str, identity: Identity) -> Hit:
    """The document of a view, from its live index; raises ``Problem`` 404 or 410.

    Who may not edit does not see what is under embargo: it is not found. A document whose entity
    was removed is gone (410), and the note that its removal has for the public is said.
    """
    found = documents(site, view, [key], identity)
    if not found:
        raise gone_or_missing(site, view, key, identity)
    return found[key]


def documents(site: Site, view: View, keys: Sequence[str], identity: Identity) -> Mapping[str, Hit]:
    """The documents of these ids that somebody may see, from the live index."""
    from search import Query

    possible = [*dict.fromkeys(key for key in keys if key and "\0" not in key)]
    found: dict[str, Hit] = {}
    for first in range(0, len(possible), AT_ONCE):
        some = possible[first : first + AT_ONCE]
        query = Query("", view.name, ids=some, size=len(some), highlight=False)
        answer = site.archive.engine.search(replace(query, embargoed=identity.edits))
        found |= {hit.id: hit for hit in answer.hits}
    return found


def search(site: Site, query: Query, at: str | None, identity: Identity) -> Answer:
    """Search a view as it is, or as of a point.

    Of what was found in the past readers see what they would see of it today: a hit that was
    removed since, or is under embargo now, is left out, and so is what other documents have of it.
    The total and the counts are those of then. Raises ``Problem`` 429 or 503 where an index of the
    past would have to be built, and may not now.
    """
    from archive import search_at

    if at is None:
        return site.archive.engine.search(query)
    with site.past.searched(site.archive, query.view, at, identity):
        answer = search_at(site.archive, query, at, or_behind=not identity.edits)
    if identity.edits:
        return answer
    view = site.archive.view(query.view)
    return replace(answer, hits=[*_still_public(site, view, answer.hits, identity)])


def _still_public(site: Site, view: View, hits: Sequence[Hit], identity: Identity) -> Iterator[Hit]:
    live = documents(site, view, [hit.id for hit in hits], identity)
    doubtful = {
        hit.id: {*_named(hit.document)} - {hit.id, *_named(live[hit.id].document)}
        for hit in hits
        if hit.id in live
    }
    unseen = _unseen(site, {entity for each in doubtful.values() for entity in each}, identity)
    for hit in hits:
        if hit.id in doubtful:
            hidden = unseen & doubtful[hit.id]
            # a passage that matched may be of what is hidden
            yield (
                replace(hit, document=_without(hit.document, hidden, frozenset()), fragments={})
                if hidden
                else hit
            )


def gone_or_missing(site: Site, view: View, key: str, identity: Identity) -> Problem:
    """The problem 410 of what was removed and had been public, else 404."""
    event = removal(site, view, key, identity)
    if event is None:
        return Problem(404, f"there is no {key} in {view.name}")
    day = event.date.date().isoformat()
    note = " ".join(str(value) for value in event.annotations.values())
    said = f": {note}" if note else ""
    more = {"removed_at": event.date.isoformat(), "annotations": dict(event.annotations)}
    return Problem(410, f"{key} was removed on {day}{said}", more=more)


def removal(site: Site, view: View, key: str, identity: Identity) -> PublicEvent | None:
    """What somebody may know of the event that removed a document's entity; ``None`` if none."""
    if view.per not in site.archive.log.registry or not key.startswith(f"{view.per}/"):
        return None
    if "\0" in key:
        return None
    return site.archive.withdrawal(key, embargoed=identity.edits)


@dataclass(frozen=True)
class Past:
    """A document as of an earlier version, and the entities that are withheld from it."""

    document: dict[str, Any]
    withheld: Sequence[str]


def as_of(site: Site, view: View, key: str, version: Version, identity: Identity) -> Past:
    """A document as it was at a version, as somebody may see it now; raises ``Problem`` 404.

    Ask ``document`` and ``memento.time_map`` first: they say whether somebody may see it at all.
    Readers do not see of other entities what was under embargo then or is now, nor what was removed
    since, unless the document of now has it as well: a name alone stays.
    """
    found = _computed(site, view, key, version.sequence, identity)
    if found is None:
        raise Problem(404, f"there was no {key} in {view.name} as of sequence {version.sequence:,}")
    if identity.edits:
        return Past(found, ())
    current = document(site, view, key, identity).document
    hidden = _unseen(site, {*_named(found)} - {key, *_named(current)}, identity)
    removed = {entity for entity in hidden if site.archive.withdrawal(entity) is not None}
    return Past(_without(found, hidden - removed, frozenset(removed)), sorted(hidden))


def _computed(
    site: Site, view: View, key: str, sequence: int, identity: Identity
) -> dict[str, Any] | None:
    """A document as of a sequence; for readers without what was under embargo then, or is now."""
    import orjson

    from archive import recorded_at, shown_documents
    from event_log import dates
    from search import Embargo, clock

    if identity.edits:
        return next(map(orjson.loads, site.archive.export(view.name, sequence, [key])), None)
    now = min(recorded_at(site.archive, sequence) or clock(), clock())
    found = next(shown_documents(site.archive, view, sequence, [key], now), None)
    instant = dates.microseconds(now)
    embargo = Embargo(instant, parts=view.embargoed, sequence=view.tally is None)
    return found and embargo.shown(found)


def _unseen(site: Site, entities: Collection[str], identity: Identity) -> frozenset[str]:
    """The entities that somebody does not see in their own views, each of which is asked once."""
    by_view: dict[str, set[str]] = {}
    for entity in entities:
        category = entity.partition("/")[0]
        name = site.archive.domain.view_of(entity)
        if category in site.archive.log.registry and name is not None:
            by_view.setdefault(name, set()).add(entity)
    seen = {
        key
        for name, keys in by_view.items()
        for key in documents(site, site.archive.view(name), sorted(keys), identity)
    }
    return frozenset(entity for keys in by_view.values() for entity in keys if entity not in seen)


def _named(value: Any) -> Iterator[str]:
    """The ids of all structs in a value."""
    if isinstance(value, dict):
        if isinstance(value.get("id"), str):
            yield value["id"]
        for part in value.values():
            yield from _named(part)
    elif isinstance(value, list):
        for part in value:
            yield from _named(part)


def _without(value: Any, hidden: frozenset[str], removed: frozenset[str]) -> Any:
    """The value without structs of the hidden ids, and those of removed ids that are not names."""
    if isinstance(value, dict):
        return {
            name: None if _is_left_out(part, hidden, removed) else _without(part, hidden, removed)
            for name, part in value.items()
        }
    if isinstance(value, list):
        kept = [part for part in value if not _is_left_out(part, hidden, removed)]
        return [_without(part, hidden, removed) for part in kept]
    return value


def _is_left_out(value: Any, hidden: frozenset[str], removed: frozenset[str]) -> bool:
    if not isinstance(value, dict):
        return False
    identity = value.get("id")
    return identity in hidden or (identity in removed and not {*value} <= NAMING)
