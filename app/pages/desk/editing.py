"""An edit: what an editor typed about one entity, and whether it can be saved.

An edit is made of what was read, what was typed, and what the entity is now. It calls what the
commands call, so that it is refused for the same reasons in the same words.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from app.pages import strings
from app.pages.desk.acts import Act, acts_on, chosen_act
from app.pages.desk.inputs import annotations_of, inputs_of
from app.pages.desk.three_way import MergedFields, merge_fields
from app.pages.desk.typed import Pairs, Typed, read, stored
from app.web.problems import Problem

if TYPE_CHECKING:
    from archive import Archive
    from event_log import Category, NewEvent, Receipt
    from replay import Entity

LONGEST_ID = 100
TAKE, DECIDE = "take.", "decide"
"""The names of the elements of a conflict: which version of a field, and which must be decided."""


@dataclass
class Edit:
    """What an editor does to an entity, and all that its pages show of it."""

    entity: Entity
    """As it is now."""
    read: Entity
    """As the editor read it."""
    category: Category
    acts: list[Act]
    act: Act
    event_id: str
    typed: Typed
    said: Typed
    """The annotations: the reason, and the note."""
    errors: list[str] = field(default_factory=list)
    """What is wrong with no field in particular."""
    undecided: list[str] = field(default_factory=list)
    """Fields in conflict for which no version was chosen."""
    unchosen: bool = False
    """Whether the editor has yet to choose what is done: it can no longer be what it was."""

    @property
    def stream(self) -> str:
        """The entity's stream."""
        return self.entity.stream

    @property
    def conflicts(self) -> bool:
        """Whether somebody else appended to the stream after it was read."""
        return self.entity.version != self.read.version

    @property
    def is_wrong(self) -> bool:
        """Whether it cannot be saved as it was typed."""
        return bool(self.errors or self.undecided or self.typed.wrong or self.said.wrong)

    def fields(self) -> dict[str, Any]:
        """The entity's fields as they will be."""
        return dict(self.typed.values if self.act.has_fields else self.read.fields)

    def event(self, actor: str | None) -> NewEvent:
        """The event that makes the entity that was read what was typed."""
        from archive import revision_of
        from event_log import Effect, NewEvent

        data: dict[str, Any] = {}
        if self.act.has_fields:
            old = {} if self.act.effect is Effect.CREATES else self.read.fields
            data = revision_of(old, self.typed.values)
        return NewEvent(
            self.stream, self.act.type, {**data, **self.said.values}, self.event_id, None, actor
        )


def begun(archive: Archive, stream: str, key: str | None = None) -> Edit:
    """The edit of an entity as it is now, before anything is typed."""
    from replay import read_entity

    entity = read_entity(archive.log, stream)
    category, acts, act = _possible(archive, entity, key)
    return Edit(
        entity,
        entity,
        category,
        acts,
        act,
        str(uuid4()),
        stored(archive, inputs_of(archive.domain, category, act.required), entity.fields),
        stored(archive, annotations_of(category, act.required), {}),
    )


def posted(archive: Archive, stream: str, pairs: Pairs) -> Edit:
    """The edit that a form was posted with."""
    from replay import read_entity

    given = dict(pairs)
    version = given.get("version", "")
    if not (version.isascii() and version.isdigit() and len(version) < 12):
        raise Problem(422, strings.text("desk_no_version"))
    now = read_entity(archive.log, stream)
    if int(version) > now.version:
        raise Problem(422, f"{stream} has no version {version}; its version is {now.version}")
    was = now if int(version) == now.version else read_entity(archive.log, stream, int(version))
    category, acts, act = _possible(archive, was, given.get("act"))
    inputs = inputs_of(archive.domain, category, act.required)
    typed = read(archive, inputs, pairs, was.fields)
    said = read(archive, annotations_of(category, act.required), pairs, {})
    event_id = given.get("event_id", "")[:LONGEST_ID]
    if not (event_id.isascii() and event_id.isprintable() and event_id.strip()):
        event_id = str(uuid4())
    edit = Edit(now, was, category, acts, act, event_id, typed, said)
    if act.key != given.get("act"):  # what was read may have changed since, so nothing is assumed
        edit.errors.append(strings.text("desk_choose_act"))
        edit.unchosen = True
    _decide(archive, edit, pairs)
    return edit


def _possible(archive: Archive, entity: Entity, key: str | None) -> tuple[Category, list[Act], Act]:
    name = entity.stream.partition("/")[0]
    if name not in archive.log.registry:
        names = ", ".join(archive.log.registry)
        raise Problem(404, f"there is no category {name!r}; there are: {names}")
    category = archive.log.registry[name]
    acts = acts_on(category, entity)
    act = chosen_act(acts, key)
    if act is None:
        raise Problem(409, f"{category.name} has no event for {entity.stream} as it is now")
    return category, acts, act


def _decide(archive: Archive, edit: Edit, pairs: Pairs) -> None:
    """Take the version of each field in conflict that was chosen; note those without a choice."""
    chosen = {name.removeprefix(TAKE): value for name, value in pairs if name.startswith(TAKE)}
    inputs = {shown.input.name: shown.input for shown in edit.typed.shown}
    for name in [value for key, value in pairs if key == DECIDE and value in inputs]:
        if chosen.get(name) == "theirs":
            edit.typed.values.pop(name, None)
            if name in edit.read.fields:
                edit.typed.values[name] = edit.read.fields[name]
            again = stored(archive, [inputs[name]], edit.read.fields).shown
            edit.typed.shown = [
                again[0] if each.input.name == name else each for each in edit.typed.shown
            ]
        elif chosen.get(name) != "mine":
            edit.undecided.append(name)


def check_required(edit: Edit) -> None:
    """Put an error beside each field that is required and empty."""
    for typed in (edit.typed if edit.act.has_fields else Typed(), edit.said):
        for shown in typed.shown:
            is_empty = typed.values.get(shown.input.name) in (None, "")
            if shown.input.required and is_empty and not shown.errors:
                shown.error = strings.text("desk_required", field=shown.input.label)


def check(archive: Archive, edit: Edit, actor: str | None) -> None:
    """Put what is wrong with an edit beside its fields; call it where nobody else was faster."""
    from archive import ArchiveError
    from event_log import Effect, EventLogError
    from replay import Refused

    event = edit.event(actor)
    if edit.act.effect is Effect.REVISES and not event.data:
        edit.errors.append(strings.text("desk_nothing_changed"))
        return
    try:
        archive.check(event)
    except (Refused, EventLogError, ArchiveError) as error:
        blame_all(archive, edit, event)
        if not edit.is_wrong:
            blame(edit, str(error))


def blame_all(archive: Archive, edit: Edit, event: NewEvent) -> None:
    """Put a refusal beside each field that is wrong, where nothing is said of it yet."""
    told = {each.input.name for typed in (edit.typed, edit.said) for each in typed.wrong}
    for wrong in archive.mistakes([event]):
        name = wrong.field.removeprefix("data.")
        if name not in told and name != wrong.field:
            for typed in (edit.typed, edit.said):
                typed.blame(name, wrong.reason)


def blame(edit: Edit, said: str) -> None:
    """Put a refusal beside the field that it names, or above the form."""
    from replay import OF_A_FIELD

    named = OF_A_FIELD.fullmatch(said)
    if named is None or not any(
        typed.blame(named[1], named[2]) for typed in (edit.typed, edit.said)
    ):
        edit.errors.append(said)


def merged(archive: Archive, edit: Edit) -> tuple[Edit, MergedFields]:
    """The same edit of the entity as it is now: both versions together, mine where they conflict.

    What cannot be done to the entity as it is now becomes what can.
    """
    prose = [each.input.name for each in edit.typed.shown if each.input.kind == "prose"]
    mine = edit.typed.values if edit.act.has_fields else edit.read.fields
    both = merge_fields(edit.read.fields, mine, edit.entity.fields, prose)
    category, acts, act = _possible(archive, edit.entity, edit.act.key)
    inputs = inputs_of(archive.domain, category, act.required)
    shown = stored(archive, inputs, both.fields)
    wrong = {each.input.name: each for each in edit.typed.wrong}
    shown.shown = [wrong.get(each.input.name, each) for each in shown.shown]
    again = replace(
        edit, read=edit.entity, acts=acts, act=act, typed=shown, errors=[], undecided=[]
    )
    again.unchosen = act.key != edit.act.key
    return again, both


def saved_before(archive: Archive, edit: Edit, actor: str | None) -> Receipt | None:
    """The receipt of an edit that was saved already; an edit with its id and other content gets a
    new id."""
    from event_log import NewEvent, Validator

    log = archive.log
    known = log.known([edit.event_id])
    if not known:
        return None
    sequence = known[edit.event_id]
    there = next(log.read(sequence - 1, limit=1))
    new = edit.event(actor)
    if (there.stream, there.type, there.actor) == (new.stream, new.type, new.actor):
        validator = Validator(log.registry)
        old = NewEvent(there.stream, there.type, there.data)
        if _content(validator, old, edit.category) == _content(validator, new, edit.category):
            return log.receipt(sequence)
    edit.event_id = str(uuid4())
    return None


def _content(validator: Any, event: NewEvent, category: Category) -> Any:
    from event_log import InvalidEvent

    try:
        data = validator.data(event, category)
    except InvalidEvent:
        return None
    return {**data, "cleared": sorted(data.get("cleared") or ())}
