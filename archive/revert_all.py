"""Undoing what was done together: all events of one correlation id, such as those of a merge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from archive.revert import revision_of, steps, take_back, type_that
from archive.supposed import Supposed
from event_log import Effect, NewEvent, WrongExpectedVersion
from replay import Entity, Refused, State, check_edit, of_correlation, scratch_folder

if TYPE_CHECKING:
    from archive.editable import Editable
    from event_log import Batch, Receipt
    from replay import Together

    Before = Callable[["UndoPreview"], None]

TRIES = 10
"""How often all is read anew because another editor was faster."""
MOST_SHOWN = 50
"""Of how many entities a preview has the fields."""


@dataclass(frozen=True)
class TakenBack:
    """One entity that is changed by taking back: its fields that were read, before and after."""

    stream: str
    types: tuple[str, ...]
    """The types of the events that it takes."""
    old: Mapping[str, Any]
    new: Mapping[str, Any]


@dataclass(frozen=True)
class UndoPreview:
    """What is changed by taking back all events of a correlation id."""

    entities: Sequence[TakenBack]
    """The first of them; those that are shown or hidden by it are at the beginning."""
    changed: Mapping[str, int]
    """By category, how many entities change."""
    lives: Sequence[NewEvent]
    """The events of entities that are shown or hidden by it."""

    @property
    def left_out(self) -> int:
        """How many entities change that are not among the first."""
        return sum(self.changed.values()) - len(self.entities)


@dataclass
class _Plan:
    """The events that take back others, and the versions that they were validated against."""

    batch: Batch
    supposed: Supposed
    seen: dict[str, int] = field(default_factory=dict)
    lives: list[NewEvent] = field(default_factory=list)
    """Those of entities that are shown or hidden by it."""
    entities: list[TakenBack] = field(default_factory=list)
    changed: dict[str, int] = field(default_factory=dict)


def undo_all(
    archive: Editable,
    correlation_id: str,
    actor: str | None = None,
    annotations: Mapping[str, Any] | None = None,
    before: Before | None = None,
) -> Receipt:
    """Append together the events that take back what the events of a correlation id changed.

    The first of them carries the annotations. If another editor changes one of the entities
    meanwhile, all is read anew.
    """
    tries = 0
    while True:
        plan = _planned(archive, correlation_id, actor, annotations or {})
        if before is not None:
            before(_preview(plan))
            before = None
        archive.remember_domain()
        try:
            return archive.log.commit(plan.batch, plan.seen)
        except WrongExpectedVersion:
            tries += 1
            if tries == TRIES:
                raise


def undo_preview(archive: Editable, correlation_id: str) -> UndoPreview:
    """What ``undo_all`` would change; raises what it raises, and appends nothing."""
    return _preview(_planned(archive, correlation_id, None, {}))


def _preview(plan: _Plan) -> UndoPreview:
    return UndoPreview(plan.entities, plan.changed, plan.lives)


def _planned(
    archive: Editable, correlation_id: str, actor: str | None, annotations: Mapping[str, Any]
) -> _Plan:
    plan, found = _Plan(archive.log.batch(), Supposed(archive.log)), False
    event = NewEvent("", "", {}, None, None, actor, str(uuid4()))
    with (
        scratch_folder(archive.scratch_builds) as folder,
        State(archive.log.at(), folder / "state") as state,
    ):
        # What is shown again comes first: the others may refer to it again.
        for together in of_correlation(state, correlation_id):
            found = True
            for made in _taking_back(archive, plan, together, correlation_id, event):
                said = {} if len(plan.batch) else annotations
                made = replace(made, data={**made.data, **said})
                plan.batch.add(made)
                if together.life:
                    plan.lives.append(made)
    if not found:
        raise Refused(
            f"no event has the correlation id {correlation_id!r}; stet log --json has them"
        )
    if not len(plan.batch):
        raise Refused(f"the events of {correlation_id} changed nothing; there is nothing to append")
    return plan


def _taking_back(
    archive: Editable, plan: _Plan, together: Together, correlation_id: str, event: NewEvent
) -> Iterator[NewEvent]:
    """Validate and yield the events that one stream takes."""
    current, wanted = _states(archive, together, correlation_id)
    category = together.category
    made = steps(current, wanted, category)
    if not current.live and not wanted.live and current.fields != wanted.fields:
        made = [(type_that(category, Effect.REVISES), revision_of(current.fields, wanted.fields))]
    plan.seen.setdefault(current.stream, current.version)
    _note(plan, category.name, [type_ for type_, _ in made], current, wanted)
    for type_, data in made:
        each = replace(event, stream=current.stream, type=type_, data=data)
        _check(archive, plan, current, each)
        if archive.log.registry.event_types[type_].effect is not Effect.REVISES:
            plan.supposed.add(each)
            current = replace(current, live=wanted.live, version=current.version + 1)
        yield each


def _note(
    plan: _Plan, category: str, types: Sequence[str], current: Entity, wanted: Entity
) -> None:
    """Note for a preview that an entity changes, if it does."""
    if not types:
        return
    plan.changed[category] = plan.changed.get(category, 0) + 1
    if len(plan.entities) < MOST_SHOWN:
        only_hidden = current.live and not wanted.live  # which leaves its fields as they are
        new = current.fields if only_hidden else wanted.fields
        plan.entities.append(TakenBack(current.stream, (*types,), current.fields, new))


def _states(archive: Editable, together: Together, correlation_id: str) -> tuple[Entity, Entity]:
    """The current state of a stream, and its state without what the events changed."""
    registry = archive.log.registry
    entity = Entity(together.events[0].stream)
    changed = []
    for event in together.events:
        before = _copy(entity)
        entity.apply(event, registry)
        if event.correlation_id == correlation_id:
            changed.append((event, before, _copy(entity)))
    wanted = _copy(entity)
    for event, before, after in reversed(changed):
        take_back(archive, event, (before, after), wanted, correlation_id)
    return entity, wanted


def _copy(entity: Entity) -> Entity:
    copied = copy(entity)
    copied.fields = dict(entity.fields)
    return copied


def _check(archive: Editable, plan: _Plan, current: Entity, event: NewEvent) -> None:
    """Validate an event; a removed entity may be revised to what it was."""
    revises = archive.log.registry.event_types[event.type].effect is Effect.REVISES
    of = replace(current, live=True) if revises else current
    try:
        looked_at = check_edit(archive.domain, plan.supposed, of, event)
    except Refused as error:
        raise Refused(f"{event.stream}: {error}; nothing was appended") from None
    for stream, version in looked_at.items():
        plan.seen.setdefault(stream, version - plan.supposed.added(stream))
