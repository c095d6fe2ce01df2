"""Validation of Arrow tables of events, by column, without a Python object for each event.

The rules are those of ``one_event``, which validates single events: both accept and refuse the
same events, with the same field, place and reason.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from event_log import machine
from event_log.category import INSTANT, Category, Registry
from event_log.checking import arrow
from event_log.checking.arrow import NAMES, REQUIRED, cast
from event_log.checking.one_event import NAME_LIMIT, Validator, retired
from event_log.dates import FIRST_INSTANT, LAST_INSTANT
from event_log.errors import InvalidEvent
from event_log.event import NewEvent

REST = ("event_id", "occurred_at", "actor", "correlation_id", "causation_id")
FIRST_DAY, LAST_DAY = (moment // 86_400_000_000 for moment in (FIRST_INSTANT, LAST_INSTANT))
WORTH_A_THREAD = 16_384
"""Events for each thread above which another thread saves more time than it costs."""
CONTROL_CHARACTERS = r"[\x00-\x1f\x7f-\x{9f}\x{2028}\x{2029}]"
"""As in ``one_event``, in the notation of Arrow's regular expressions (RE2)."""


def in_parts(events: pa.Table, registry: Registry) -> list[pa.Table]:
    """Validate events like ``checked``, many of them in several threads, each with its table."""
    count = min(machine.threads(), len(events) // WORTH_A_THREAD)
    if count < 2:
        return [checked(events, registry)]
    length = -(-len(events) // count)
    starts = range(0, len(events), length)
    with ThreadPoolExecutor(count) as pool:
        parts = [pool.submit(checked, events.slice(at, length), registry) for at in starts]
        return [_result(part, at) for part, at in zip(parts, starts, strict=True)]


def _result(part: Future[pa.Table], start: int) -> pa.Table:
    try:
        return part.result()
    except InvalidEvent as error:
        raise InvalidEvent(error.field, error.reason, error.position + start) from None


def checked(events: pa.Table, registry: Registry) -> pa.Table:
    """Return valid events with ``batch.COLUMNS`` and a struct for each of their categories.

    ``events`` has ``stream`` and ``type``, may have ``event_id``, ``occurred_at``, ``actor``,
    ``correlation_id`` and ``causation_id``, and for each category a struct column of its name with
    its fields (``arrow.check_columns``); ``event_id`` stays null where none was given. Raises
    ``InvalidEvent`` with the field, the reason and the event's place.
    """
    try:
        return _checked(events, registry)
    except InvalidEvent as error:
        refusal = error
    while refusal.position:  # an earlier event may break a rule that is checked later
        try:
            _checked(events.slice(0, refusal.position), registry)
        except InvalidEvent as error:
            refusal = error
        else:
            break
    raise _explained(events, refusal, registry)


def _explained(events: pa.Table, error: InvalidEvent, registry: Registry) -> InvalidEvent:
    """Return the error of an event in the words of ``Validator``, if it can be a Python object."""
    validator, one = Validator(registry), events.slice(error.position, 1)
    try:
        stream, type_name = (one.column(name)[0].as_py() for name in REQUIRED)
        category = str(stream).partition("/")[0]
        data = one.column(category)[0].as_py() if category in one.schema.names else None
        fields = data.items() if isinstance(data, dict) else ()
        carried = {name: value for name, value in fields if value is not None}
        rest = {name: _value(one, name) for name in REST}
        event = NewEvent(stream, type_name, carried, **rest)
        validator.data(event, validator.category(event))
        validator.envelope(event)
    except InvalidEvent as same:
        return InvalidEvent(same.field, same.reason, error.position)
    except (ValueError, OverflowError):  # Python has no such instant, or no such string
        return error
    return error


def _value(one: pa.Table, name: str) -> Any:
    """Return a value of the event; None if it is absent or has no Python form."""
    try:
        return one.column(name)[0].as_py() if name in one.schema.names else None
    except (ValueError, OverflowError):
        return None


def _checked(events: pa.Table, registry: Registry) -> pa.Table:
    arrow.check_valid(events)
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
    """Return the struct column of each category that has events."""
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
    """Raise ``InvalidEvent`` for the first event marked as wrong."""
    place = pc.index(pc.fill_null(wrong, False), True).as_py()
    if place >= 0:
        raise InvalidEvent(field, reason, place)


def _name(events: pa.Table, name: str) -> pa.ChunkedArray:
    """Return a column of names after checking them: printable, not blank, not too long."""
    if name not in events.schema.names:
        return pa.chunked_array([pa.nulls(len(events), pa.string())])
    column = cast(events.column(name), pa.string(), name)
    if name in REQUIRED:
        _refuse(column.is_null(), name, "is missing")
    if name == "type":
        return column
    if column.null_count == len(column):
        return column
    _refuse(pc.equal(pc.utf8_trim_whitespace(column), ""), name, "is empty")
    too_long = pc.greater(pc.utf8_length(column), NAME_LIMIT)
    _refuse(too_long, name, f"is longer than {NAME_LIMIT} characters")
    odd = pc.match_substring_regex(column, CONTROL_CHARACTERS)
    _refuse(odd, name, "has control characters")
    return column


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
    """Return a category's data as its struct; absent fields are null."""
    if not pa.types.is_struct(column.type):
        if column.null_count == len(column):
            return pa.chunked_array([pa.nulls(len(column), category.struct)])
        place = pc.index(column.is_valid(), True).as_py()
        raise InvalidEvent(category.name, f"must be a struct, not {column.type}", place)
    names = [field.name for field in column.type]
    fields = {name: pc.struct_field(column, name) for name in names}
    for name in names:
        if name not in category.struct.names:
            reason = arrow.no_field(category)
            _refuse(fields[name].is_valid(), f"data.{name}", reason)
    arrays = []
    for field in category.struct:
        if field.name not in fields:
            arrays.append(pa.nulls(len(column), field.type))
            continue
        name = f"data.{field.name}"
        value = _combined(cast(fields[field.name], field.type, name))
        arrays.append(_canonical(value, name))
    absent = _combined(column.is_null())
    whole = pa.StructArray.from_arrays(arrays, fields=[*category.struct], mask=absent)
    return pa.chunked_array([whole])


def _combined(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _canonical(values: pa.Array, name: str) -> pa.Array:
    """Return values with equal ones stored alike (NaN); refuses values out of range."""
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), pa.scalar(float("nan")), values)
    if values.type == INSTANT:
        _check_moments(values, name)
    if values.type == pa.date32():
        days = values.cast(pa.int32())
        outside = pc.or_(pc.less(days, FIRST_DAY), pc.greater(days, LAST_DAY))
        _refuse(outside, name, "is outside the years 1 to 9999")
    if pa.types.is_list(values.type) and name != "data.cleared":
        items = pc.list_flatten(values)
        if items.null_count:
            place = pc.list_parent_indices(values)[pc.index(items.is_null(), True).as_py()].as_py()
            raise InvalidEvent(name, f"must be a list of {items.type}: an item is null", place)
    return values


def _moments(events: pa.Table) -> pa.ChunkedArray:
    if "occurred_at" not in events.schema.names:
        return pa.chunked_array([pa.nulls(len(events), INSTANT)])
    moments = cast(events.column("occurred_at"), INSTANT, "occurred_at")
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
    """Check that required fields are set, and that cleared fields may be and are not set."""
    for event_type in category.types:
        if not event_type.required:
            continue
        here = pc.equal(types, event_type.name)
        for name in event_type.required:
            missing = pc.and_(here, pc.struct_field(struct, name).is_null())
            _refuse(missing, f"data.{name}", f"is required by {event_type.name}, but missing")
    cleared = _combined(pc.struct_field(struct, "cleared"))
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
        is_set = pc.struct_field(struct, name).is_valid().take(places)
        refuse(pc.and_(pc.equal(names, name), is_set), "is set and cleared in one event")
