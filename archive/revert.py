"""Restoring and undoing: new events that bring an entity back to what it was.

Nothing is taken out of the log. What an entity was is folded from its events; the new events make
its fields, and whether it is shown, the same again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archive.edit import append_all
from event_log import Effect, NewEvent
from replay import Entity, Refused, read_entity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archive.editable import Editable
    from event_log import Category, Event, Receipt

    Before = Callable[[Sequence[NewEvent]], None]
    """Is called with events before they are appended, and may raise to stop it."""


def restore(
    archive: Editable,
    stream: str,
    version: int,
    actor: str | None = None,
    annotations: Mapping[str, Any] | None = None,
    before: Before | None = None,
) -> Receipt:
    """Append the events that make an entity what it was at a version.

    The first of them carries the annotations. Raises ``Refused`` when the stream has no such
    version, or is so already.
    """
    wanted = entity_at(archive, stream, version)
    so_already = f"{stream} is as it was at version {version}"
    return _bring_back(archive, wanted, so_already, actor, annotations, before)


def undo(
    archive: Editable,
    sequence: int,
    actor: str | None = None,
    annotations: Mapping[str, Any] | None = None,
    before: Before | None = None,
) -> Receipt:
    """Append the events that take back what one event changed, and nothing else.

    The first of them carries the annotations. Raises ``Refused`` when a later event changed the
    same again, when the log has no such event, and when it changed nothing.
    """
    event = next(archive.log.read(sequence - 1, limit=1), None) if sequence > 0 else None
    if event is None:
        raise Refused(f"there is no sequence {sequence}; the log's head is {archive.log.head}")
    wanted, so_already = _without(archive, event), f"sequence {sequence} changed nothing"
    return _bring_back(archive, wanted, so_already, actor, annotations, before)


def _without(archive: Editable, event: Event) -> Entity:
    """The current state of an event's entity, without what the event changed."""
    before = read_entity(archive.log, event.stream, event.version - 1)
    after = read_entity(archive.log, event.stream, event.version)
    wanted = read_entity(archive.log, event.stream)
    take_back(archive, event, (before, after), wanted)
    return wanted


def take_back(
    archive: Editable,
    event: Event,
    change: tuple[Entity, Entity],
    wanted: Entity,
    together: str | None = None,
) -> None:
    """Take out of a state what an event changed, from the first of two states to the second.

    Raises ``Refused`` when another event changed the same again; one with the correlation id
    ``together`` is no other. Of events that are taken back together, what was taken back already
    stays so.
    """
    before, after = change
    for name in sorted({*before.fields, *after.fields}):
        if before.fields.get(name) == after.fields.get(name):
            continue
        if together is not None and wanted.fields.get(name) == before.fields.get(name):
            continue
        if wanted.fields.get(name) != after.fields.get(name):
            raise _changed_again(archive, event, name, together)
        wanted.fields.pop(name, None)
        if name in before.fields:
            wanted.fields[name] = before.fields[name]
    if before.live != after.live:
        if wanted.live != after.live and together is None:
            raise _changed_again(archive, event, None, together)
        wanted.live = before.live


def entity_at(archive: Editable, stream: str, version: int | None = None) -> Entity:
    """The state of an entity at a version, or now; raises ``Refused`` where there is none."""
    entity = read_entity(archive.log, stream, version)
    if version is not None and (version < 1 or entity.version < version):
        latest = read_entity(archive.log, stream).version
        has = f"its versions are 1 to {latest}" if latest else "it has no events"
        raise Refused(f"{stream} has no version {version}; {has}")
    if entity.version == 0:
        raise Refused(f"{stream} has no events; stet log prints those of the log")
    return entity


def revision_of(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a revision that makes an entity's old fields the new ones.

    >>> revision_of({"name": "Sea", "kind": "place"}, {"name": "Ocean"})
    {'name': 'Ocean', 'cleared': ['kind']}
    """
    changed = {name: value for name, value in new.items() if old.get(name) != value}
    cleared = sorted(old.keys() - new.keys())
    return {**changed, "cleared": cleared} if cleared else changed


def _changed_again(
    archive: Editable, event: Event, field: str | None, together: str | None
) -> Refused:
    """Why an event cannot be undone: the event after it that changed the same."""
    later = [
        each
        for each in archive.log.stream(event.stream)
        if each.version > event.version and (together is None or each.correlation_id != together)
    ]
    touching = [
        each
        for each in later
        if field is None or field in each.data or field in (each.data.get("cleared") or ())
    ]
    again = (touching or later)[-1]
    what = f"data.{field}" if field else "whether it is shown"
    return Refused(
        f"{event.stream}: {what} was changed again by sequence {again.sequence}; undo that first,"
        " or restore a version"
    )


def _bring_back(
    archive: Editable,
    wanted: Entity,
    if_so_already: str,
    actor: str | None,
    annotations: Mapping[str, Any] | None,
    before: Before | None,
) -> Receipt:
    current = read_entity(archive.log, wanted.stream)
    category = archive.log.registry[wanted.stream.partition("/")[0]]
    events = [
        NewEvent(wanted.stream, type_, data, actor=actor)
        for type_, data in steps(current, wanted, category)
    ]
    if not events:
        raise Refused(f"{if_so_already}; there is nothing to append")
    if annotations:
        events[0] = replace(events[0], data={**events[0].data, **annotations})
    if before is not None:
        before(events)
    return append_all(archive, events, current.version)


def steps(current: Entity, wanted: Entity, category: Category) -> list[tuple[str, dict[str, Any]]]:
    """The types and the data of the events that lead from one state to another."""
    if not wanted.live:
        return [(type_that(category, Effect.REMOVES), {})] if current.live else []
    changes = revision_of(current.fields, wanted.fields)
    revision = [(type_that(category, Effect.REVISES), changes)] if changes else []
    if current.live:
        return revision
    if category.types_to_use(Effect.REINSTATES):
        return [(type_that(category, Effect.REINSTATES), {}), *revision]
    return [(type_that(category, Effect.CREATES), dict(wanted.fields))]


def type_that(category: Category, effect: Effect) -> str:
    """The first type of an effect; raises ``Refused`` if the category has none to use."""
    types = category.types_to_use(effect)
    if not types:
        raise Refused(f"{category.name} has no event that {effect}; it stays as it is")
    return types[0]
