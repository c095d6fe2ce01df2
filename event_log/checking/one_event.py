"""Validation of one event against its category, and conversion of its values for Arrow.

The rules are the log's: known names, right types, required fields, valid dates. What an editor may
not do besides is in ``replay.rules``.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa

from event_log.category import INSTANT, TEXT, Category, Effect, Registry
from event_log.dates import first_day, first_instant
from event_log.errors import InvalidEvent
from event_log.event import NewEvent
from event_log.messages import kind_of, shown

NAME_LIMIT = 512
"""Characters: the longest stream name and the longest id."""
IN_NO_NAME = re.compile("[\0\ud800-\udfff]")
NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

Converter = Callable[[Any], Any]


def text(value: Any) -> str:
    """Return the string; raises ``ValueError`` for other values and for invalid Unicode."""
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {kind_of(value)}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("has half of a surrogate pair, which is no character") from None
    return value


TOO_LARGE = "does not fit into 64 bits: give a number from -2^63 to 2^63 - 1"


def _integer(value: Any) -> int:
    if isinstance(value, float):
        if not abs(value) < 2**63:  # JSON's reader gives whole numbers so from 2^64 on
            raise ValueError(f"{value} {TOO_LARGE}")
        raise ValueError(f"must be a whole number, not {value}")
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"must be a whole number, not {kind_of(value)}")
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{value} {TOO_LARGE}")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"must be a number, not {kind_of(value)}")
    try:
        return (
            float(value) if value == value else math.nan
        )  # one NaN for all: its other bits mean nothing
    except OverflowError:
        raise ValueError("is too large for a floating-point number") from None


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {kind_of(value)}")
    return value


def _list_of(element: Converter, noun: str) -> Converter:
    def convert(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise ValueError(f"must be a list of {noun}, not {kind_of(value)}")
        try:
            return [element(item) for item in value]
        except ValueError as error:
            raise ValueError(f"must be a list of {noun}: an item {error}") from None

    return convert


_strings = _list_of(text, "strings")


def strings(value: Any) -> list[str]:
    """Return the list of strings; raises ``ValueError`` for other values and invalid Unicode."""
    if type(value) is list:
        with contextlib.suppress(TypeError):  # an item is no string
            if "".join(value).isascii():
                return list(value)
    found: list[str] = _strings(value)
    return found


CONVERTERS: Mapping[pa.DataType, Converter] = {
    pa.string(): text,
    TEXT: text,
    pa.int64(): _integer,
    pa.float64(): _number,
    pa.bool_(): _boolean,
    INSTANT: first_instant,
    pa.date32(): first_day,
    pa.list_(pa.string()): strings,
    pa.list_(pa.int64()): _list_of(_integer, "whole numbers"),
}


def name(value: Any, field: str) -> str:
    """Check a stream name or an id: printable, not blank, not too long."""
    if isinstance(value, str) and value.isprintable() and len(value) <= NAME_LIMIT:
        if not value or value.isspace():
            raise InvalidEvent(field, "is empty")
        return value
    try:
        checked = text(value)
    except ValueError as error:
        raise InvalidEvent(field, str(error)) from None
    if not checked.strip():
        raise InvalidEvent(field, "is empty")
    if len(checked) > NAME_LIMIT:
        raise InvalidEvent(field, f"is longer than {NAME_LIMIT} characters")
    if CONTROL_CHARACTERS.search(checked):
        raise InvalidEvent(field, f"{shown(checked)} has control characters")
    return checked


def possible(names: Iterable[str]) -> list[str]:
    """Return the names that the log can have: without NUL and halves of surrogate pairs."""
    return [name for name in names if not IN_NO_NAME.search(name)]


def retired(type_name: str, category: Category) -> str:
    """Return why a retired type is refused, and which types have its effect now."""
    effect = next(t.effect for t in category.types if t.name == type_name)
    usable = category.types_to_use(effect) or category.types_to_use(*Effect)
    instead = f"use {' or '.join(usable)}" if usable else f"{category.name!r} takes no new events"
    return f"{type_name} is retired; {instead}"


def _object(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise InvalidEvent("data", f"must be an object, not {kind_of(data)}")
    return data


def _missing(field: str, event: NewEvent) -> InvalidEvent:
    return InvalidEvent(f"data.{field}", f"is required by {event.type}, but missing")


class Validator:
    """Validates events against the categories of one log."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._converters = {
            category.name: {f.name: CONVERTERS[f.type] for f in category.carried}
            for category in registry.values()
        }

    def category(self, event: NewEvent) -> Category:
        """Return the event's category, after checking that its stream and type belong to it."""
        stream = name(event.stream, "stream")
        prefix, slash, rest = stream.partition("/")
        if not slash or not rest.strip():
            raise InvalidEvent(
                "stream",
                f"{shown(stream)} has no {'id' if slash else 'category'}; write it as category/id",
            )
        if prefix not in self._registry:
            known = ", ".join(self._registry)
            raise InvalidEvent("stream", f"{prefix!r} is no category of this log ({known})")
        category = self._registry[prefix]
        owner = self._registry.owner.get(event.type) if isinstance(event.type, str) else None
        if owner is not category:
            known = ", ".join(category.types_to_use(*Effect))
            given = shown(event.type) if isinstance(event.type, str) else kind_of(event.type)
            reason = "is unknown" if owner is None else f"is a type of category {owner.name!r}"
            raise InvalidEvent("type", f"{given} {reason}; {prefix!r} has {known}")
        if self._registry.event_types[event.type].retired:
            raise InvalidEvent("type", retired(event.type, category))
        return category

    def data(self, event: NewEvent, category: Category) -> dict[str, Any]:
        """Convert the event's data for its category's struct; nulls are left out."""
        data = _object(event.data)
        converted = self._converted(data, category)
        for field in self._registry.event_types[event.type].required:
            if field not in converted:
                raise _missing(field, event)
        if data.get("cleared") is not None:
            converted["cleared"] = self._cleared(data["cleared"], category, converted)
        return converted

    def mistakes(self, event: NewEvent, category: Category) -> list[InvalidEvent]:
        """All that is wrong with an event's data, field by field; ``data`` raises the first."""
        try:
            data = _object(event.data)
        except InvalidEvent as error:
            return [error]
        found: list[InvalidEvent] = []
        converted: dict[str, Any] = {}
        for field, value in data.items():
            try:
                converted |= self._converted({field: value}, category)
            except InvalidEvent as error:
                found.append(error)
        wrong = {error.field for error in found}
        for field in self._registry.event_types[event.type].required:
            if field not in converted and f"data.{field}" not in wrong:
                found.append(_missing(field, event))
        if data.get("cleared") is not None:
            try:
                self._cleared(data["cleared"], category, converted)
            except InvalidEvent as error:
                found.append(error)
        return found

    def _converted(self, data: Mapping[str, Any], category: Category) -> dict[str, Any]:
        converters = self._converters[category.name]
        converted: dict[str, Any] = {}
        for field, value in data.items():
            if field == "cleared":
                continue
            convert = converters.get(field)
            if convert is None:
                known = ", ".join(converters)
                named = field if NAME.fullmatch(str(field)) else shown(str(field))
                raise InvalidEvent(f"data.{named}", f"is no field of {category.name!r} ({known})")
            if convert is text and type(value) is str and value.isascii():
                converted[field] = value  # so are most, and a call takes longer
                continue
            if value is None:
                if field in category.required:
                    raise InvalidEvent(f"data.{field}", "is required and cannot be null")
                continue
            try:
                converted[field] = convert(value)
            except ValueError as error:
                raise InvalidEvent(f"data.{field}", str(error)) from None
        return converted

    def _cleared(self, value: Any, category: Category, converted: dict[str, Any]) -> list[str]:
        try:
            cleared = strings(value)
        except ValueError as error:
            raise InvalidEvent("data.cleared", str(error)) from None
        for field in cleared:
            if field not in category.fields.names:
                raise InvalidEvent("data.cleared", f"{shown(field)} is no field to clear")
            if field in category.required:
                raise InvalidEvent("data.cleared", f"{field!r} is required and cannot be cleared")
            if field in converted:
                raise InvalidEvent("data.cleared", f"{field!r} is set and cleared in one event")
        return cleared

    def envelope(self, event: NewEvent) -> tuple[str | None, int | None, list[str | None]]:
        """Return the caller's event id, ``occurred_at`` in microseconds, and the optional ids."""
        event_id = None if event.event_id is None else name(event.event_id, "event_id")
        occurred_at = None
        if event.occurred_at is not None:
            try:
                occurred_at = first_instant(event.occurred_at)
            except ValueError as error:
                raise InvalidEvent("occurred_at", str(error)) from None
        rest = (
            ("actor", event.actor),
            ("correlation_id", event.correlation_id),
            ("causation_id", event.causation_id),
        )
        return event_id, occurred_at, [None if v is None else name(v, f) for f, v in rest]
