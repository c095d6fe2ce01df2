"""The rules of the newsroom: what an editor's event must not get wrong, beyond its form.

An import may bring what an editor may not say: it tells of another system's past, where references
may come before what they name. Editors' events are checked against the entities as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from event_log import Category, Effect, Event, EventLog, NewEvent, Receipt
from newsroom.categories import REFERENCES, TAG_KINDS


class NewsroomError(Exception):
    """The base of every error of the newsroom."""


class Refused(NewsroomError):
    """An editor's event that contradicts what is the case; nothing was appended."""


@dataclass
class Entity:
    """What one stream says now: whether it began, whether it shows, its version, its fields."""

    stream: str
    version: int = 0
    live: bool = False
    fields: dict[str, Any] = field(default_factory=dict)

    def apply(self, event: Event, effect: Effect) -> None:
        """Take the stream's next event into account."""
        if effect is Effect.CREATES:
            self.fields = {}
        self.live = effect in (Effect.CREATES, Effect.REINSTATES) or (
            self.live and effect is Effect.REVISES
        )
        self.version = event.version
        self.fields |= event.data
        for name in self.fields.pop("cleared", ()):
            self.fields.pop(name, None)


def entity(log: EventLog, stream: str) -> Entity:
    """The entity of a stream, folded from its events; at version 0 when there are none."""
    found = Entity(stream)
    for event in log.stream(stream):
        found.apply(event, log.registry.event_types[event.type].effect)
    return found


def say(log: EventLog, event: NewEvent, expected_version: int | None = None) -> Receipt:
    """Append an editor's event, when it contradicts nothing that is the case.

    The entity is read, the event is checked, and appended at the version that was read, so that
    no other editor can come between. An event whose id the log has is answered with its receipt.

    Raises ``Refused`` for what an editor must not do, ``WrongExpectedVersion`` when the entity is
    at another version than expected, and what ``EventLog.append`` raises.
    """
    log.batch().add(event)
    if event.event_id is not None and log.known([event.event_id]):
        return log.append([event])
    now = entity(log, event.stream)
    if expected_version is None or expected_version == now.version:
        check(log, now, event)
    version = now.version if expected_version is None else expected_version
    return log.append([event], expected_version=version)


def check(log: EventLog, now: Entity, event: NewEvent) -> None:
    """Raise ``Refused`` with what is the case when this event may not follow."""
    category = log.registry.owner[event.type]
    _check_life(now, log.registry.event_types[event.type].effect, category)
    _check_text(event, category)
    _check_references(log, now, event, category.name)


def _check_life(now: Entity, effect: Effect, category: Category) -> None:
    creating = " or ".join(category.types_to_use(Effect.CREATES))
    if effect is Effect.CREATES:
        if now.live:
            raise Refused(f"{now.stream} exists already, at version {now.version}; revise it")
    elif now.version == 0:
        raise Refused(f"{now.stream} does not exist; {creating} comes first")
    elif effect is Effect.REINSTATES and now.live:
        raise Refused(f"{now.stream} was not removed; there is nothing to reinstate")
    elif effect in (Effect.REVISES, Effect.REMOVES) and not now.live:
        again = " or ".join(category.types_to_use(Effect.REINSTATES, Effect.CREATES))
        raise Refused(f"{now.stream} was removed, at version {now.version}; {again} brings it back")


def _check_text(event: NewEvent, category: Category) -> None:
    for name in category.required:
        value = event.data.get(name)
        if isinstance(value, str) and not value.strip():
            raise Refused(f"data.{name}: is empty; {category.name} needs a {name}")
    kind = event.data.get("kind")
    if category.name == "tag" and kind is not None and kind not in TAG_KINDS:
        raise Refused(f"data.kind: {kind!r} is no kind of tag; use one of {', '.join(TAG_KINDS)}")


def _check_references(log: EventLog, now: Entity, event: NewEvent, category: str) -> None:
    for name, target in REFERENCES.get(category, {}).items():
        held = set(_ids(now.fields, name))
        for reference in _ids(event.data, name):
            if reference.partition("/")[0] != target:
                raise Refused(f"data.{name}: {reference!r} is no {target}; write {target}/id")
            if reference == now.stream:
                raise Refused(f"data.{name}: {reference} cannot refer to itself")
            if reference not in held:
                _check_reference(entity(log, reference), name)


def _check_reference(named: Entity, field: str) -> None:
    if named.version == 0:
        raise Refused(f"data.{field}: {named.stream} does not exist; create it first")
    if not named.live:
        raise Refused(f"data.{field}: {named.stream} was removed, at version {named.version}")


def _ids(fields: Mapping[str, Any], name: str) -> Iterator[str]:
    value = fields.get(name) or ()
    yield from (value,) if isinstance(value, str) else value
