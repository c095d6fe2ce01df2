"""Arrow tables of events: checks of their columns and buffers, and casts to the log's types.

A cast must keep the meaning and lose nothing. A string of digits is not cast to a number, just as
it is refused in a single event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from event_log.category import INSTANT, Category, Registry
from event_log.errors import InvalidEvent

NAMES = ("stream", "type", "event_id", "actor", "correlation_id", "causation_id")
REQUIRED = ("stream", "type")
WORDS = {
    pa.string(): "strings",
    pa.large_string(): "strings",
    pa.int64(): "whole numbers",
    pa.float64(): "numbers",
    pa.bool_(): "true or false",
    INSTANT: "timestamps",
    pa.date32(): "days (date32)",
    pa.list_(pa.string()): "lists of strings",
    pa.list_(pa.int64()): "lists of whole numbers",
}
"""The names of the types in messages."""


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
    """Refuse fields that the category lacks, also without values: they may be misspelt."""
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
    """Return the reason for refusing a field that the category lacks."""
    return f"is no field of {category.name!r} ({', '.join(category.struct.names)})"


def _check_once(names: list[str], prefix: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InvalidEvent(f"{prefix}{name}", "comes twice in the table")


def check_valid(events: pa.Table) -> None:
    """Check that strings are UTF-8 and offsets lie within buffers, which Arrow itself does not."""
    try:
        events.validate(full=True)
    except pa.ArrowInvalid as error:
        reason = str(error).split("\n")[0]
    else:
        return
    for name, column in _leaves(events):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            place = first_that_fails(column, lambda part: part.validate(full=True))
            raise InvalidEvent(name, f"is not valid ({error})", place) from None
    raise InvalidEvent("events", f"are no valid Arrow table ({reason})")


def _leaves(events: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray]]:
    for name in events.schema.names:
        column = events.column(name)
        if not pa.types.is_struct(column.type):
            yield name, column
            continue
        for field in column.type:
            yield f"data.{field.name}", pc.struct_field(column, field.name)


def cast(column: pa.ChunkedArray, kind: pa.DataType, name: str) -> pa.ChunkedArray:
    """Cast a column to a type of the log; raises ``InvalidEvent`` at the first value that fails."""
    if column.type == kind:
        return column
    if not _fits(column.type, kind):
        place = pc.index(column.is_valid(), True).as_py()
        if place < 0:
            return pa.chunked_array([pa.nulls(len(column), kind)])
        raise InvalidEvent(name, f"must be {WORDS[kind]}, not {column.type}", place)
    safe = kind != pa.float64()  # a whole number becomes the nearest, as in Python
    try:
        return column.cast(kind, safe=safe)
    except pa.ArrowException as error:
        reason = str(error).split("\n")[0]
        place = first_that_fails(column, lambda part: part.cast(kind, safe=safe))
        raise InvalidEvent(name, f"must be {WORDS[kind]} ({reason})", place) from None


def first_that_fails(column: pa.ChunkedArray, attempt: Callable[[pa.ChunkedArray], object]) -> int:
    """Return the place of the first value for which an attempt fails, by bisection."""
    good, bad = 0, len(column)
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            attempt(column.slice(0, middle))
            good = middle
        except pa.ArrowException:
            bad = middle
    return good


def _fits(source: pa.DataType, kind: pa.DataType) -> bool:
    """Return whether values of the source type keep their meaning in another type."""
    types = pa.types
    if types.is_null(source):
        return True
    if _is_text(kind):
        return _is_text(source)
    if types.is_list(kind):
        return _is_list(source) and _fits(source.value_type, kind.value_type)
    return bool(
        (types.is_integer(kind) and types.is_integer(source))
        or (types.is_floating(kind) and (types.is_floating(source) or types.is_integer(source)))
        or (types.is_boolean(kind) and types.is_boolean(source))
        or (types.is_timestamp(kind) and types.is_timestamp(source))
        or (types.is_date(kind) and types.is_date(source))
    )


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_list(kind: pa.DataType) -> bool:
    types = pa.types
    known = (types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view)
    return any(is_kind(kind) for is_kind in known)
