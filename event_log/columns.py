"""Columns: events that come as Arrow tables, checked without a Python object an event.

The rules are those of ``validation``, which checks single events; a bulk and its events one by one
are accepted or refused alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from event_log.category import INSTANT, Category, Registry
from event_log.errors import InvalidEvent
from event_log.validation import FIRST_INSTANT, LAST_INSTANT, NAME_LIMIT, retired

NAMES = ("stream", "type", "event_id", "actor", "correlation_id", "causation_id")
REQUIRED = ("stream", "type")
WORTH_A_THREAD = 16_384
"""Events from which on a second thread saves more than it costs."""
CONTROL_CHARACTERS = r"[\x00-\x1f\x7f-\x{9f}\x{2028}\x{2029}]"
"""As in ``validation``, in the notation of Arrow's regular expressions (RE2)."""


def checked(events: pa.Table, registry: Registry) -> list[pa.Table]:
    """What ``_checked`` gives, in one table or two: many are checked in two threads."""
    half = len(events) // 2
    if half < WORTH_A_THREAD:
        return [_checked(events, registry)]
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(_checked, events.slice(half), registry)
        first = _checked(events.slice(0, half), registry)
        try:
            return [first, coming.result()]
        except InvalidEvent as error:
            raise InvalidEvent(error.field, error.reason, error.position + half) from None


def _checked(events: pa.Table, registry: Registry) -> pa.Table:
    """The events with the columns of ``batch.GIVEN`` and a struct for each category in them.

    ``events`` has ``stream`` and ``type``, may have ``event_id``, ``occurred_at``, ``actor``,
    ``correlation_id`` and ``causation_id``, and for each category a struct column of its name with
    its fields; ``event_id`` stays null where none was given. Raises ``InvalidEvent`` with the
    field, the reason and the event's place.
    """
    try:
        events.validate(full=True)
    except pa.ArrowInvalid as error:
        raise InvalidEvent("events", f"are no valid Arrow table ({error})") from None
    _check_columns(events, registry)
    names = {name: _name(events, name) for name in NAMES}
    categories = _categories(names["stream"], registry)
    _check_types(names["type"], categories, registry)
    structs = _structs(events, categories, registry)
    for name, struct in structs.items():
        _check_fields(registry[name], struct, names["type"])
    columns = {
        "event_id": names["event_id"],
        "stream": names["stream"],
        "category": categories,
        "type": names["type"],
        "schema_version": _schema_versions(categories, registry),
        "occurred_at": _moments(events),
        **{name: names[name] for name in NAMES[3:]},
        **structs,
    }
    return pa.table(columns)


def _structs(
    events: pa.Table, categories: pa.ChunkedArray, registry: Registry
) -> dict[str, pa.ChunkedArray]:
    """The data of each category that there are events of."""
    present = {*categories.unique().to_pylist()}
    structs = {}
    for name in registry:
        if name in events.schema.names:
            struct = _struct(events.column(name), registry[name])
            stray = pc.and_(struct.is_valid(), pc.not_equal(categories, name))
            _refuse(stray, name, "has data of an event of another category")
        else:
            struct = pa.chunked_array([pa.nulls(len(events), registry[name].struct)])
        if name in present:
            structs[name] = struct
    return structs


def _refuse(wrong: Any, field: str, reason: str) -> None:
    """Raise for the first event for which something is wrong."""
    place = pc.index(pc.fill_null(wrong, False), True).as_py()
    if place >= 0:
        raise InvalidEvent(field, reason, place)


def _check_columns(events: pa.Table, registry: Registry) -> None:
    known = {*NAMES, "occurred_at", *registry}
    for name in events.schema.names:
        if name not in known:
            raise InvalidEvent(name, f"is no column of events ({', '.join(sorted(known))})")
    for name in REQUIRED:
        if name not in events.schema.names:
            raise InvalidEvent(name, "is missing")


def _name(events: pa.Table, name: str) -> pa.ChunkedArray:
    """A column of names: printable, not blank, not too long."""
    if name not in events.schema.names:
        return pa.chunked_array([pa.nulls(len(events), pa.string())])
    column = _cast(events.column(name), pa.string(), name)
    if name in REQUIRED:
        _refuse(column.is_null(), name, "is missing")
    if column.null_count == len(column):
        return column
    _refuse(pc.equal(pc.utf8_trim_whitespace(column), ""), name, "is empty")
    too_long = pc.greater(pc.utf8_length(column), NAME_LIMIT)
    _refuse(too_long, name, f"is longer than {NAME_LIMIT} characters")
    odd = pc.match_substring_regex(column, CONTROL_CHARACTERS)
    _refuse(odd, name, "has control characters")
    return column


def _cast(column: pa.ChunkedArray, kind: pa.DataType, name: str) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    try:
        return column.cast(kind)
    except pa.ArrowException as error:
        place = next(_uncastable(column, kind), 0)
        said = str(error).split("\n")[0]
        raise InvalidEvent(name, f"must be {kind}, not {column.type} ({said})", place) from None


def _uncastable(column: pa.ChunkedArray, kind: pa.DataType) -> Iterator[int]:
    """The place of the first value that cannot be cast, when only some cannot."""
    for place in range(len(column)):
        try:
            column[place].cast(kind)
        except pa.ArrowException:
            yield place


def _categories(streams: pa.ChunkedArray, registry: Registry) -> pa.ChunkedArray:
    parts = pc.split_pattern(streams, "/", max_splits=1)
    alone = pc.less(pc.list_value_length(parts), 2)
    _refuse(alone, "stream", "has no category; write it as category/id")
    blank = pc.equal(pc.utf8_trim_whitespace(pc.list_element(parts, 1)), "")
    _refuse(blank, "stream", "has no id; write it as category/id")
    categories = pc.list_element(parts, 0)
    known = pc.is_in(categories, pa.array([*registry], pa.string()))
    reason = f"is of no category of this log ({', '.join(registry)})"
    _refuse(pc.invert(known), "stream", reason)
    return categories


def _check_types(types: pa.ChunkedArray, categories: pa.ChunkedArray, registry: Registry) -> None:
    names = [*registry.event_types]
    place = pc.index_in(types, pa.array(names, pa.string()))
    _refuse(place.is_null(), "type", "is unknown")
    owners = pa.array([registry.owner[name].name for name in names], pa.string())
    stray = pc.not_equal(owners.take(place.combine_chunks()), categories)
    _refuse(stray, "type", "is a type of another category than its stream's")
    for name in (name for name, kind in registry.event_types.items() if kind.retired):
        _refuse(pc.equal(types, name), "type", retired(name, registry.owner[name]))


def _schema_versions(categories: pa.ChunkedArray, registry: Registry) -> pa.ChunkedArray:
    versions = pa.array([category.schema_version for category in registry.values()], pa.int64())
    place = pc.index_in(categories, pa.array([*registry], pa.string()))
    return pa.chunked_array([versions.take(place.combine_chunks())])


def _struct(column: pa.ChunkedArray, category: Category) -> pa.ChunkedArray:
    """A category's data as its struct; fields that are left out are null."""
    if not pa.types.is_struct(column.type):
        raise InvalidEvent(category.name, f"must be a struct, not {column.type}")
    given = [field.name for field in column.type]
    for name in given:
        if name not in category.struct.names:
            known = ", ".join(category.struct.names)
            raise InvalidEvent(f"data.{name}", f"is no field of {category.name!r} ({known})")
    return pa.chunked_array([_as_struct(chunk, category, given) for chunk in column.chunks])


def _as_struct(chunk: pa.StructArray, category: Category, given: list[str]) -> pa.StructArray:
    fields = dict(zip(given, chunk.flatten(), strict=True))
    arrays = []
    for field in category.struct:
        if field.name not in fields:
            arrays.append(pa.nulls(len(chunk), field.type))
            continue
        name = f"data.{field.name}"
        value = _cast(pa.chunked_array([fields[field.name]]), field.type, name).combine_chunks()
        arrays.append(_canonical(value, name))
    return pa.StructArray.from_arrays(arrays, fields=[*category.struct], mask=chunk.is_null())


def _canonical(values: pa.Array, name: str) -> pa.Array:
    """Values that differ only where it means nothing made one; what is out of range, refused."""
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), pa.scalar(float("nan")), values)
    if values.type == INSTANT:
        _check_moments(values, name)
    if pa.types.is_list(values.type) and name != "data.cleared":
        items = pc.list_flatten(values)
        if items.null_count:
            place = pc.list_parent_indices(values)[pc.index(items.is_null(), True).as_py()].as_py()
            raise InvalidEvent(name, f"must be a list of {items.type}: an item is null", place)
    return values


def _moments(events: pa.Table) -> pa.ChunkedArray:
    if "occurred_at" not in events.schema.names:
        return pa.chunked_array([pa.nulls(len(events), INSTANT)])
    moments = _cast(events.column("occurred_at"), INSTANT, "occurred_at")
    _check_moments(moments, "occurred_at")
    return moments


def _check_moments(moments: Any, name: str) -> None:
    numbers = moments.cast(pa.int64())
    outside = pc.or_(pc.less(numbers, FIRST_INSTANT), pc.greater(numbers, LAST_INSTANT))
    _refuse(outside, name, "is outside the years 1 to 9999 in UTC")


def _check_fields(
    category: Category,
    struct: pa.ChunkedArray,
    types: pa.ChunkedArray,
) -> None:
    """Required fields are there; what is cleared is a field that may be, and is not set."""
    for event_type in category.types:
        if not event_type.required:
            continue
        here = pc.equal(types, event_type.name)
        for name in event_type.required:
            missing = pc.and_(here, pc.struct_field(struct, name).is_null())
            _refuse(missing, f"data.{name}", f"is required by {event_type.name}, but missing")
    cleared = pc.struct_field(struct, "cleared")
    if cleared.null_count < len(cleared):
        _check_cleared(category, struct, cleared)


def _check_cleared(category: Category, struct: pa.ChunkedArray, cleared: pa.ChunkedArray) -> None:
    places, names = pc.list_parent_indices(cleared), pc.list_flatten(cleared)

    def refuse(wrong: Any, reason: str) -> None:
        at = pc.index(pc.fill_null(wrong, True), True).as_py()
        if at >= 0:
            field = f"{names[at].as_py()!r} " if names[at].is_valid else ""
            raise InvalidEvent("data.cleared", field + reason, places[at].as_py())

    refuse(names.is_null(), "must be a list of strings: an item is null")
    known = pa.array(category.fields.names, pa.string())
    refuse(pc.invert(pc.is_in(names, known)), "is no field to clear")
    required = pa.array(sorted(category.required), pa.string())
    refuse(pc.is_in(names, required), "is required and cannot be cleared")
    for name in category.fields.names:
        given = pc.struct_field(struct, name).is_valid().take(places)
        refuse(pc.and_(pc.equal(names, name), given), "is set and cleared in one event")
