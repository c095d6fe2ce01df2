"""All that is wrong with an editor's event: each field, where appending it raises for the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from archive.edit import check_occurred
from archive.supposed import Supposed
from event_log import InvalidEvent, Validator
from replay import OF_A_FIELD, Refused, check_edit, read_entity

if TYPE_CHECKING:
    from archive.editable import Editable
    from event_log import NewEvent


def mistakes(archive: Editable, events: Sequence[NewEvent]) -> list[InvalidEvent]:
    """What is wrong with the fields of the last of these events, after the others.

    A refusal that is of no field, such as that the entity does not exist, is not among it.
    """
    *before, event = events
    validator = Validator(archive.log.registry)
    try:
        category = validator.category(event)
    except InvalidEvent as error:
        return [error]
    found = validator.mistakes(event, category)
    try:
        validator.envelope(event)
        check_occurred(event)
    except InvalidEvent as error:
        found.append(error)
    supposed = Supposed(archive.log)
    for each in before:
        supposed.add(each)
    if found and found[0].field == "data":
        return found
    return found + _refusals(archive, supposed, _without(event, found))


def _refusals(archive: Editable, supposed: Supposed, event: NewEvent) -> list[InvalidEvent]:
    """What the rules refuse: a field that is refused is left out, and the others looked at."""
    current = read_entity(supposed, event.stream)
    found: list[InvalidEvent] = []
    while True:
        try:
            check_edit(archive.domain, supposed, current, event)
        except Refused as error:
            named = OF_A_FIELD.fullmatch(str(error))
            if named is None:
                return found
            found.append(InvalidEvent(f"data.{named[1]}", named[2]))
            if named[1] not in event.data:  # it is wrong beside what the entity has
                return found
            event = _without(event, found)
        else:
            return found


def _without(event: NewEvent, wrong: Sequence[InvalidEvent]) -> NewEvent:
    """The event without the fields that are wrong."""
    names = {each.field.removeprefix("data.") for each in wrong}
    return replace(event, data={n: value for n, value in event.data.items() if n not in names})
