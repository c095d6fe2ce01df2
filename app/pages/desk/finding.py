"""What the desk finds: entities, also removed ones; what changed today; what is broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

from app.pages.desk.names import title_of
from app.pages.desk.visibility import hidden_until

if TYPE_CHECKING:
    from archive import Archive
    from event_log import Event

A_VIEW = 8
"""Entities of each view that are found."""
REMOVALS_READ = 50
"""Events of the history that are looked through for removed entities."""
MOST_TODAY = 25
MOST_READ = 2_000
"""Of more events of today the latest are counted."""
MOST_LETTERS = 20


@dataclass(frozen=True)
class Found:
    """An entity, and what the desk must know of it."""

    stream: str
    title: str
    state: str = ""
    """``removed``, ``scheduled``, or nothing."""


def found(archive: Archive, text: str) -> list[tuple[str, list[Found]]]:
    """Entities with these words by category, also those that readers do not see.

    A stream that is written in full is found as well before it is searchable.
    """
    from replay import read_entity

    groups: dict[str, dict[str, Found]] = {}
    if text.partition("/")[0] in archive.log.registry and "\0" not in text:
        entity = read_entity(archive.log, text)
        if entity.version:
            state = "" if entity.live else "removed"
            one = Found(text, title_of(archive, entity), state)
            groups.setdefault(text.partition("/")[0], {})[text] = one
    for each in (*_live(archive, text), *_removed(archive, text)):
        groups.setdefault(each.stream.partition("/")[0], {}).setdefault(each.stream, each)
    return [(category, [*entities.values()]) for category, entities in groups.items()]


def _live(archive: Archive, text: str) -> Iterator[Found]:
    from search import NothingServes, Query

    categories = {category.name for category in archive.domain.categories}
    for view in archive.views.values():
        if view.per not in categories:
            continue
        query = Query(text, view.name, size=A_VIEW, embargoed=True, highlight=False)
        try:
            hits = archive.engine.search(query).hits
        except NothingServes:
            continue
        for hit in hits:
            fields = {view.date: _instant(hit.document.get(view.date))} if view.date else {}
            is_hidden = view.embargo and hidden_until(archive, str(view.per), fields)
            yield Found(hit.id, unescape(hit.title), "scheduled" if is_hidden else "")


def _instant(value: Any) -> Any:
    from event_log import dates

    if not isinstance(value, str):
        return value
    return dates.EPOCH + timedelta(microseconds=dates.date_span(value).first)


def _removed(archive: Archive, text: str) -> Iterator[Found]:
    """Removed entities of which an event has these words; views do not have them any more."""
    from replay import EVENT, read_entity
    from search import NothingServes, Query

    view = next((v for v in archive.views.values() if v.per == EVENT), None)
    if view is None:
        return
    query = Query(text, view.name, size=REMOVALS_READ, embargoed=True, highlight=False)
    try:
        hits = archive.engine.search(query).hits
    except NothingServes:
        return
    for stream in dict.fromkeys(hit.id.rpartition("@")[0] for hit in hits):
        entity = read_entity(archive.log, stream)
        if not entity.live:
            yield Found(stream, title_of(archive, entity), "removed")


@dataclass(frozen=True)
class Change:
    """An event of today: what it is about, and what it did."""

    event: Event
    title: str


@dataclass(frozen=True)
class Today:
    """The events since midnight in UTC, the newest first, and how many each actor appended."""

    changes: list[Change]
    actors: list[tuple[str, int]]
    left_out: int
    """How many more there are: only the latest are shown."""


def today(archive: Archive, actor: str | None = None, now: datetime | None = None) -> Today:
    """What was appended today, and by whom."""
    from replay import read_entity

    log, moment = archive.log, now or datetime.now(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    before = log.at(midnight - timedelta(microseconds=1)).sequence
    first = max(before, log.head - MOST_READ)
    events = [*log.read(first)]
    counts: dict[str, int] = {}
    for event in events:
        counts[event.actor or ""] = counts.get(event.actor or "", 0) + 1
    chosen = [each for each in reversed(events) if actor in (None, each.actor)]
    titles: dict[str, str] = {}
    for event in chosen[:MOST_TODAY]:
        if event.stream not in titles:
            titles[event.stream] = title_of(archive, read_entity(log, event.stream))
    changes = [Change(event, titles[event.stream]) for event in chosen[:MOST_TODAY]]
    left_out = len(chosen) - len(changes) + (first - before if actor is None else 0)
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return Today(changes, [pair for pair in ranked if pair[0]], left_out)


@dataclass(frozen=True)
class Broken:
    """What somebody has to look after."""

    views: dict[str, str]
    """The views that cannot be caught up, and why."""
    letters: list[Any]
    """The latest dead letters."""
    left_out: int


def broken(archive: Archive) -> Broken:
    """Views that need a rebuild, and documents that an engine refused."""
    letters = [*archive.dead_letters.letters(None)]
    return Broken(
        archive.needs_rebuild(), letters[-MOST_LETTERS:], max(0, len(letters) - MOST_LETTERS)
    )
