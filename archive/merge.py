"""Merging: two entities that are one become one, and what referred to either refers to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow as pa

from archive.revert import type_that
from archive.supposed import Supposed
from event_log import Effect, NewEvent, WrongExpectedVersion
from replay import (
    Entity,
    Refused,
    State,
    check_edit,
    entities_naming,
    lines_of,
    read_entity,
    scratch_folder,
    title_field,
)

if TYPE_CHECKING:
    from archive.editable import Editable
    from event_log import Batch, Category, Receipt

ALIASES = "aliases"
"""The field of a category for an entity's other names."""
TRIES = 10
"""How often all is read anew because another editor was faster."""


@dataclass(frozen=True)
class MergePreview:
    """What a merge changes."""

    kept: str
    merged: str
    revised: Mapping[str, int]
    """By category, how many entities refer to the kept one afterwards, removed ones included."""
    aliases: tuple[str, ...]
    """The other names that the kept one has afterwards; none where its category has no aliases."""


@dataclass(frozen=True)
class Merged:
    """What a merge has appended; ``undo_all`` takes the correlation id."""

    receipt: Receipt
    correlation_id: str
    revised: Mapping[str, int]
    """By category, how many entities were revised to refer to the kept one."""


@dataclass
class _Plan:
    """The events of a merge, and the versions that they were validated against."""

    batch: Batch
    supposed: Supposed
    sequence: int
    seen: dict[str, int] = field(default_factory=dict)
    revised: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Pair:
    """The two entities, and what all events of the merge have."""

    kept: Entity
    merged: Entity
    category: Category
    correlation_id: str
    actor: str | None

    def event(self, stream: str, type: str, data: Mapping[str, Any]) -> NewEvent:
        """An event of the merge."""
        return NewEvent(stream, type, data, None, None, self.actor, self.correlation_id)


def merge(
    archive: Editable,
    kept: str,
    merged: str,
    actor: str | None = None,
    annotations: Mapping[str, Any] | None = None,
    before: Callable[[MergePreview], None] | None = None,
) -> Merged:
    """Let what refers to one entity refer to another, and remove the one.

    All is one append. If another editor changes one of these entities meanwhile, all is read anew.
    Who refers to the removed one by an event that came between is revised in a second append.
    """
    correlation_id = str(uuid4())
    tries = 0
    while True:
        pair = _pair(archive, kept, merged, correlation_id, actor)
        plan = _planned(archive, pair, annotations or {})
        if before is not None:
            before(_preview(pair, plan))
            before = None
        archive.remember_domain()
        try:
            receipt = archive.log.commit(plan.batch, plan.seen)
            break
        except WrongExpectedVersion:
            tries += 1
            if tries == TRIES:
                raise
    late = _revise_late(archive, pair, plan.sequence, receipt)
    revised = {name: plan.revised.get(name, 0) + late.get(name, 0) for name in plan.revised | late}
    return Merged(receipt, correlation_id, revised)


def merge_preview(archive: Editable, kept: str, merged: str) -> MergePreview:
    """What a merge would change; raises what ``merge`` raises, and appends nothing."""
    pair = _pair(archive, kept, merged, "preview", None)
    return _preview(pair, _planned(archive, pair, {}))


def _preview(pair: _Pair, plan: _Plan) -> MergePreview:
    names = _aliases(pair)
    if names is None:
        names = (_has_aliases(pair.category) and pair.kept.fields.get(ALIASES)) or []
    return MergePreview(pair.kept.stream, pair.merged.stream, plan.revised, tuple(names))


def _pair(
    archive: Editable, kept: str, merged: str, correlation_id: str, actor: str | None
) -> _Pair:
    """The two entities; raises ``Refused`` if they cannot be merged."""
    if kept == merged:
        raise Refused(f"{kept} is merged with itself; name another entity")
    name, other = kept.partition("/")[0], merged.partition("/")[0]
    if name != other:
        raise Refused(
            f"{kept} and {merged} are of two categories, {name} and {other}; name two of one"
        )
    if name not in archive.log.registry:
        there = ", ".join(archive.log.registry)
        raise Refused(f"there is no category {name!r}; there is {there}")
    category = archive.log.registry[name]
    both = read_entity(archive.log, kept), read_entity(archive.log, merged)
    for entity in both:
        if entity.version == 0:
            raise Refused(f"{entity.stream} does not exist; there is nothing to merge")
        if not entity.live:
            raise Refused(f"{entity.stream} was removed, at version {entity.version}")
    return _Pair(*both, category, correlation_id, actor)


def _planned(archive: Editable, pair: _Pair, annotations: Mapping[str, Any]) -> _Plan:
    """The events: the kept one's aliases, those that refer, and the removal of the merged one."""
    kept, merged, category = pair.kept, pair.merged, pair.category
    removal = pair.event(merged.stream, type_that(category, Effect.REMOVES), annotations)
    names = _aliases(pair)
    plan = _referring_planned(archive, pair, annotations)
    if names is not None:
        revises = type_that(category, Effect.REVISES)
        _add(archive, plan, kept, pair.event(kept.stream, revises, {ALIASES: names}))
    _add(archive, plan, merged, removal)
    plan.seen.setdefault(kept.stream, kept.version)
    return plan


def _referring_planned(archive: Editable, pair: _Pair, annotations: Mapping[str, Any]) -> _Plan:
    """The events of the entities that refer to the merged one."""
    with (
        scratch_folder(archive.scratch_builds) as folder,
        State(archive.log.at(), folder / "state") as state,
    ):
        plan = _Plan(archive.log.batch(), Supposed(archive.log), state.snapshot.sequence)
        for category, entity in _referring(archive, state, pair.merged.stream):
            revises = next(iter(category.types_to_use(Effect.REVISES)), None)
            if revises is None:
                raise Refused(
                    f"{category.name} has no event that revises, so {entity.stream} goes on naming"
                    f" {pair.merged.stream}; nothing was appended"
                )
            required = archive.log.registry.event_types[revises].required
            said = {name: value for name, value in annotations.items() if name in required}
            event = pair.event(entity.stream, revises, {**_renamed(archive, pair, entity), **said})
            _add(archive, plan, entity, event)
            plan.revised[category.name] = plan.revised.get(category.name, 0) + 1
    return plan


def _referring(archive: Editable, state: State, merged: str) -> Iterator[tuple[Category, Entity]]:
    """The entities that refer to one, removed ones included, without their long texts."""
    for name, table in entities_naming(state, archive.domain.references, merged):
        category = archive.log.registry[name]
        for line in lines_of(state, table):
            if line["id"] != merged:
                given = {n: line[n] for n in category.fields.names if line.get(n) is not None}
                known = line["id"], line["version"], line["sequence"], line["live"]
                yield category, Entity(*known, given)


def _renamed(archive: Editable, pair: _Pair, entity: Entity) -> dict[str, Any]:
    """The fields of an entity that refer to the merged one, with the kept one in its place."""
    old, new = pair.merged.stream, pair.kept.stream
    targets = archive.domain.references[entity.stream.partition("/")[0]]
    renamed: dict[str, Any] = {}
    for name, target in targets.items():
        value = entity.fields.get(name)
        if target == pair.category.name and value is not None:
            if value == old:
                renamed[name] = new
            elif not isinstance(value, str) and old in value:
                renamed[name] = in_place(value, old, new)
    return renamed


def in_place(names: Sequence[str], old: str, new: str) -> list[str]:
    """A list with a new name in the place of an old one; the new one is in it once.

    >>> in_place(["a", "old", "b", "old", "b"], "old", "new")
    ['a', 'new', 'b', 'b']
    >>> in_place(["new", "a", "old"], "old", "new")
    ['new', 'a']
    """
    first = min(place for place, name in enumerate(names) if name in (old, new))
    return [
        new if place == first else name
        for place, name in enumerate(names)
        if place == first or name not in (old, new)
    ]


def _add(archive: Editable, plan: _Plan, entity: Entity, event: NewEvent) -> None:
    """Validate an event of the merge, and add it; a removed entity may refer to what is shown."""
    try:
        shown = replace(entity, live=True)
        looked_at = check_edit(archive.domain, plan.supposed, shown, event)
    except Refused as error:
        raise Refused(f"{entity.stream}: {error}; nothing was appended") from None
    for stream, version in looked_at.items():
        plan.seen.setdefault(stream, version)
    plan.batch.add(event)


def _aliases(pair: _Pair) -> list[str] | None:
    """The kept one's other names after the merge; ``None`` where they stay as they are."""
    if not _has_aliases(pair.category):
        return None
    title = title_field(pair.category) or ""
    before = pair.kept.fields.get(ALIASES) or []
    more = [pair.merged.fields.get(title), *(pair.merged.fields.get(ALIASES) or [])]
    known = {None, pair.kept.fields.get(title), *before}
    names = [*before, *dict.fromkeys(name for name in more if name not in known)]
    return None if names == before else names


def _has_aliases(category: Category) -> bool:
    names = category.fields.names
    return ALIASES in names and category.fields.field(ALIASES).type == pa.list_(pa.string())


def _revise_late(
    archive: Editable, pair: _Pair, planned_at: int, receipt: Receipt
) -> dict[str, int]:
    """Revise what began to refer to the merged one after the plan was made."""
    if receipt.first == planned_at + 1:
        return {}
    while True:  # each turn but the last is an event that somebody else appended
        plan = _referring_planned(archive, pair, {})
        if not len(plan.batch):
            return {}
        try:
            archive.log.commit(plan.batch, plan.seen)
        except WrongExpectedVersion:
            continue
        return plan.revised
