"""Shape: which columns a table of events has, and that Arrow's buffers are what they say."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from event_log.casting import first_that_fails
from event_log.category import Category, Registry
from event_log.errors import InvalidEvent

NAMES = ("stream", "type", "event_id", "actor", "correlation_id", "causation_id")
REQUIRED = ("stream", "type")


def check_columns(events: pa.Table, registry: Registry) -> None:
    """Raise ``InvalidEvent`` for a column, or a field of a category, that no event has."""
    known = {*NAMES, "occurred_at", *registry}
    for name in events.schema.names:
        if name not in known:
            raise InvalidEvent(name, f"is no column of events ({', '.join(sorted(known))})")
    _check_once(events.schema.names, "")
    for name in set(registry).intersection(events.schema.names):
        _check_fields(events.column(name), registry[name])
    for name in REQUIRED:
        if name not in events.schema.names:
            raise InvalidEvent(name, "is missing")


def _check_fields(column: pa.ChunkedArray, category: Category) -> None:
    """A field that the category lacks is refused also where it has no values, for a slip."""
    if not pa.types.is_struct(column.type):
        return
    names = [field.name for field in column.type]
    _check_once(names, "data.")
    for name in names:
        if name not in category.struct.names:
            values = pc.struct_field(column, name)
            if values.null_count == len(values):
                raise InvalidEvent(f"data.{name}", no_field(category))


def no_field(category: Category) -> str:
    """Why a field is refused that the category lacks."""
    return f"is no field of {category.name!r} ({', '.join(category.struct.names)})"


def _check_once(names: list[str], prefix: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InvalidEvent(f"{prefix}{name}", "comes twice in the table")


def check_valid(events: pa.Table) -> None:
    """Strings are UTF-8, and offsets lie within their buffers: Arrow does not see to it itself."""
    try:
        events.validate(full=True)
    except pa.ArrowInvalid as error:
        said = str(error).split("\n")[0]
    else:
        return
    for name, column in _leaves(events):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            place = first_that_fails(column, lambda part: part.validate(full=True))
            raise InvalidEvent(name, f"is not valid ({error})", place) from None
    raise InvalidEvent("events", f"are no valid Arrow table ({said})")


def _leaves(events: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray]]:
    for name in events.schema.names:
        column = events.column(name)
        if not pa.types.is_struct(column.type):
            yield name, column
            continue
        for field in column.type:
            yield f"data.{field.name}", pc.struct_field(column, field.name)
