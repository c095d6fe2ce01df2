"""Validating an editor's event against the current state, in any domain.

You cannot create an entity that exists, revise one that does not, or refer to one that does not. An
import is not validated so: in another system's past, references may come before their entities.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from event_log import Category, Effect, Event, NewEvent, Registry, Validator
from replay.errors import Refused

if TYPE_CHECKING:
    from replay.domain import Domain


@dataclass
class Entity:
    """The current state of one stream."""

    stream: str
    version: int = 0
    """The version of its last event; 0 when the stream has no events."""
    sequence: int = 0
    """The sequence of its last event."""
    live: bool = False
    """Whether the entity exists, and is not removed."""
    fields: dict[str, Any] = field(default_factory=dict)

    removal: Event | None = None
    """The event that removed it; ``None`` while it is live."""

    def apply(self, event: Event, registry: Registry) -> None:
        """Fold the stream's next event into the state."""
        effect, category = registry.event_types[event.type].effect, registry.owner[event.type]
        if effect is Effect.CREATES:
            self.fields = {}
        self.live = effect in (Effect.CREATES, Effect.REINSTATES) or (
            self.live and effect is Effect.REVISES
        )
        if effect is Effect.REMOVES:
            self.removal = event
        elif self.live:
            self.removal = None
        self.version, self.sequence = event.version, event.sequence
        for name in category.fields.names:
            if event.data.get(name) is not None:
                self.fields[name] = event.data[name]
        for name in event.data.get("cleared") or ():
            self.fields.pop(name, None)


class Streams(Protocol):
    """Where the events of streams are read: a log, or one with events that are not appended yet."""

    @property
    def registry(self) -> Registry:
        """The categories of the streams."""

    def stream(self, stream: str) -> list[Event]:
        """All events of one stream, by version."""


def read_entity(log: Streams, stream: str, version: int | None = None) -> Entity:
    """Fold the events of a stream into its current state, or its state at a version."""
    entity = Entity(stream)
    for event in log.stream(stream):
        if version is not None and event.version > version:
            break
        entity.apply(event, log.registry)
    return entity


def check_edit(domain: Domain, log: Streams, current: Entity, event: NewEvent) -> dict[str, int]:
    """Validate an editor's event against the current state of its entity; raises ``Refused``.

    It checks that the entity exists or does not, that no required text is empty, the domain's own
    rules, the references, and that no entity becomes its own ancestor. Returns the versions of the
    streams that it looked at for this: append the event at these versions.
    """
    category = log.registry.owner[event.type]
    _check_life(current, log.registry.event_types[event.type].effect, category)
    _check_required(event, category)
    if domain.rules is not None:
        domain.rules(current, event)
    _check_references(domain, log, current, event, category.name)
    ancestors = _check_parents(domain, log, current, event, category.name)
    return {**ancestors, current.stream: current.version}


def changes_nothing(log: Streams, current: Entity, event: NewEvent) -> bool:
    """Whether a valid event is a revision after which every field is as it was before.

    One with an annotation says something new, so it is none.

    >>> from event_log import EventLog, EventType
    >>> import pyarrow as pa, tempfile
    >>> types = EventType("TagDefined", Effect.CREATES), EventType("TagRevised", Effect.REVISES)
    >>> tag = Category("tag", pa.schema([("name", pa.string())]), types)
    >>> log = EventLog(tempfile.mkdtemp(), (tag,))
    >>> sea = Entity("tag/sea", 1, 1, True, {"name": "Sea"})
    >>> changes_nothing(log, sea, NewEvent("tag/sea", "TagRevised", {"name": "Sea"}))
    True
    """
    if log.registry.event_types[event.type].effect is not Effect.REVISES:
        return False
    validator, category = Validator(log.registry), log.registry.owner[event.type]
    new = validator.data(event, category)
    cleared = new.pop("cleared", ())
    if not new.keys().isdisjoint(category.annotations.names):
        return False
    old = {name: current.fields[name] for name in new if name in current.fields}
    if old.keys() != new.keys() or any(name in current.fields for name in cleared):
        return False
    same = NewEvent(event.stream, event.type, old)  # dates, written anew, are compared as instants
    return bool(validator.data(same, category) == new)


def _check_life(current: Entity, effect: Effect, category: Category) -> None:
    stream, version = current.stream, current.version
    if effect is Effect.CREATES:
        if current.live:
            raise Refused(f"{stream} exists already, at version {version}; revise it")
    elif version == 0:
        raise Refused(category.not_begun(stream))
    elif effect is Effect.REINSTATES and current.live:
        raise Refused(f"{stream} was not removed; there is nothing to reinstate")
    elif effect in (Effect.REVISES, Effect.REMOVES) and not current.live:
        again = " or ".join(category.types_to_use(Effect.REINSTATES, Effect.CREATES))
        raise Refused(f"{stream} was removed, at version {version}; {again} brings it back")


def _check_required(event: NewEvent, category: Category) -> None:
    for name in category.required:
        value = event.data.get(name)
        if isinstance(value, str) and not value.strip():
            raise Refused(f"data.{name}: is empty; {category.name} needs a {name}")


def _check_references(
    domain: Domain, log: Streams, current: Entity, event: NewEvent, category: str
) -> None:
    for name, target in domain.references.get(category, {}).items():
        kept = set(_ids(current.fields, name))
        for reference in _ids(event.data, name):
            if reference.partition("/")[0] != target:
                raise Refused(f"data.{name}: {reference!r} is no {target}; write {target}/id")
            if reference == current.stream:
                raise Refused(f"data.{name}: {reference} cannot refer to itself")
            if reference not in kept:
                _check_reference(read_entity(log, reference), name)


def _check_reference(target: Entity, field: str) -> None:
    if target.version == 0:
        raise Refused(f"data.{field}: {target.stream} does not exist; create it first")
    if not target.live:
        raise Refused(f"data.{field}: {target.stream} was removed, at version {target.version}")


def _check_parents(
    domain: Domain, log: Streams, current: Entity, event: NewEvent, category: str
) -> dict[str, int]:
    """Refuse a parent that is a descendant; returns the versions of all ancestors-to-be.

    An import may have brought a cycle: the walk ends where it begins to repeat itself.
    """
    field = domain.parents.get(category, "")
    parent = event.data.get(field)
    ancestors: dict[str, int] = {}
    if parent == current.fields.get(field):
        return ancestors
    while isinstance(parent, str) and parent not in ancestors:
        if parent == current.stream:
            path = " → ".join([current.stream, *ancestors, current.stream])
            raise Refused(f"data.{field}: {path} is a cycle; give a parent that is not below it")
        ancestor = read_entity(log, parent)
        ancestors[parent] = ancestor.version
        parent = ancestor.fields.get(field)
    return ancestors


def _ids(fields: Mapping[str, Any], name: str) -> Iterator[str]:
    value = fields.get(name) or ()
    yield from (value,) if isinstance(value, str) else value
