"""The commands that bring an entity back to what it was: restore, undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import show
from app.annotations import Note, Reason, given_annotations
from app.content import Actor
from app.editing import print_receipt
from app.options import (
    DEFAULT_HOME,
    Failure,
    Home,
    Json,
    Stream,
    errors_as_messages,
    open_archive,
)
from app.removing import Yes, ask_before_removing

if TYPE_CHECKING:
    from archive import Archive, UndoPreview
    from event_log import NewEvent, Receipt
    from replay import Entity

LONGEST = 120
"""How many characters of a value are printed."""


def restore(
    stream: Stream,
    version: Annotated[int, typer.Option(min=1, help="The version to go back to.")],
    actor: Actor = None,
    reason: Reason = None,
    note: Note = None,
    yes: Yes = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Make an entity what it was at a version, by new events.

    Nothing is taken out of the log. `stet history` prints the versions.

    Example: stet restore article/titanic-1912 --version 2 --actor ana
    """
    with errors_as_messages():
        archive = open_archive(home)
        category = archive.log.registry.get(stream.partition("/")[0])
        annotations = given_annotations(category, None, reason, note)
        receipt = archive.restore(
            stream, version, actor=actor, annotations=annotations, before=_question(archive, yes)
        )
        entity = archive.entity(stream)
    print_receipt(receipt, as_json, _state_of(entity))


def undo(
    sequence: Annotated[
        int | None, typer.Argument(metavar="[SEQUENCE]", min=1, help="The event's.")
    ] = None,
    correlation: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Take back all events of this correlation id together."),
    ] = None,
    actor: Actor = None,
    reason: Reason = None,
    note: Note = None,
    yes: Yes = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Take back what one event, or one merge, changed.

    It is taken back by new events. What later events changed stays. An event whose fields were
    changed again is not undone. Of a correlation id, such as that of a merge, all events are undone
    or none; what changes is printed on stderr, entity by entity.

    Example: stet undo 1204 --actor ana
    """
    with errors_as_messages():
        if (sequence is None) == (correlation is None):
            raise Failure("give the sequence of an event, or --correlation ID, and not both")
        archive = open_archive(home)
        if correlation is not None:
            receipt = _undo_all(archive, correlation, (actor, reason, note), yes)
            after = f"; they take back those of {correlation}"
        else:
            receipt = _undo_one(archive, sequence or 0, (actor, reason, note), yes)
            after = _state_of(
                archive.entity(next(archive.log.read(receipt.last - 1, limit=1)).stream)
            )
    print_receipt(receipt, as_json, after)


def _undo_all(
    archive: Archive, correlation: str, said: tuple[str | None, str | None, str | None], yes: bool
) -> Receipt:
    actor, reason, note = said
    given = given_annotations(None, None, reason, note)

    def before(preview: UndoPreview) -> None:
        _tell(preview)
        ask_before_removing(archive, preview.lives, yes)

    return archive.undo_all(correlation, actor=actor, annotations=given, before=before)


def _undo_one(
    archive: Archive, sequence: int, said: tuple[str | None, str | None, str | None], yes: bool
) -> Receipt:
    actor, reason, note = said
    undone = next(archive.log.read(sequence - 1, limit=1), None)
    category = archive.log.registry.owner[undone.type] if undone else None
    annotations = given_annotations(category, None, reason, note)
    receipt = archive.undo(
        sequence, actor=actor, annotations=annotations, before=_question(archive, yes)
    )
    if undone is not None and undone.correlation_id is not None:
        _tell_of_the_others(archive, undone.correlation_id, sequence)
    return receipt


def _tell_of_the_others(archive: Archive, correlation_id: str, sequence: int) -> None:
    """Say that an event was one of several, as those of a merge are, and how to undo the others."""
    events = archive.group(correlation_id).events
    if events > 1:
        show.note(
            f"note: sequence {sequence:,} is one of {events:,} events that were appended together;"
            f" to take back the others as well: stet undo --correlation {correlation_id}"
        )


def _tell(preview: UndoPreview) -> None:
    """Print what a taking back changes, entity by entity and field by field."""
    for entity in preview.entities:
        show.note(f"{entity.stream}: {', '.join(entity.types)}")
        for name in sorted({*entity.old, *entity.new}):
            old, new = (side.get(name) for side in (entity.old, entity.new))
            if old != new:
                show.note(f"  {name}: {_value(old)} → {_value(new)}")
    if preview.left_out:
        show.note(f"and {preview.left_out:,} more")


def _value(value: Any) -> str:
    """A field's value on a line; ``-`` where it has none."""
    if value is None:
        return "-"
    return show.short(", ".join(map(str, value)) if isinstance(value, list) else value, LONGEST)


def _question(archive: Archive, yes: bool) -> Callable[[Sequence[NewEvent]], None]:
    return lambda events: ask_before_removing(archive, events, yes)


def _state_of(entity: Entity) -> str:
    return f"; {entity.stream} is at version {entity.version}" + (
        "" if entity.live else ", and removed"
    )
