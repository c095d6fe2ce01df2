"""Types: how a source writes a value, and what a field of the log takes.

A value comes as JSON has it, decoded where the message brought its schema, or as a text of a file.
``decoder`` reads it by the type that the mapping declares; ``encoder`` makes it a field's value.
Both raise ``ValueError`` for what does not fit: nothing is rounded, cut off or guessed.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

import orjson
import pyarrow as pa

from connectors.debezium.schema import EPOCH, day, decimal, instant, instant_of_nanoseconds
from connectors.mapping.templates import as_text
from event_log import INSTANT, TEXT, dates

Convert: TypeAlias = Callable[[Any], Any]
STRING, INT, FLOAT, BOOL, DAY = pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.date32()
STRINGS, INTS = pa.list_(STRING), pa.list_(INT)
DIGITS = re.compile(r"[+-]?[0-9]{1,20}")
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
DECIMAL = re.compile(r"decimal\((\d{1,3})\)")
NAMES: Mapping[pa.DataType, str] = {
    STRING: "text",
    TEXT: "text",
    INT: "a whole number",
    FLOAT: "a number",
    BOOL: "true or false",
    INSTANT: "an instant",
    DAY: "a day",
    STRINGS: "a list of texts",
    INTS: "a list of whole numbers",
}
"""What a field takes, in messages."""
_NUMERIC = (INT, FLOAT, STRING, TEXT)
FITS: Mapping[str, tuple[pa.DataType, ...]] = {
    "text": (STRING, TEXT, INSTANT, DAY),
    "integer": _NUMERIC,
    "number": _NUMERIC,
    "decimal": _NUMERIC,
    "boolean": (BOOL, STRING, TEXT),
    "date": (DAY, INSTANT, STRING, TEXT),
    "timestamp": (INSTANT, STRING, TEXT),
    "timestamp_ms": (INSTANT, STRING, TEXT),
    "timestamp_ns": (INSTANT, STRING, TEXT),
    "bytes": (STRING, TEXT),
    "json": (STRING, TEXT, INT, FLOAT, BOOL, STRINGS, INTS),
    "array": (STRINGS, INTS),
    "stream": (STRING, STRINGS),
}
"""The types that a mapping can declare, each with the types of field that it fits."""
DECLARABLE = tuple("decimal(SCALE)" if name == "decimal" else name for name in FITS)


def fits(declared: str, field: pa.DataType) -> bool:
    """Whether a declared type can become a field of this type; the type must be declarable."""
    return field in FITS["decimal" if DECIMAL.fullmatch(declared) else declared]


def declarable(name: str) -> bool:
    """Whether a mapping can declare a type of this name.

    >>> declarable("timestamp_ms"), declarable("decimal(2)"), declarable("decimal")
    (True, True, False)
    """
    return bool(DECIMAL.fullmatch(name)) or (name in FITS and name != "decimal")


def _integer(value: Any) -> int:
    if type(value) is int:
        number = value
    elif isinstance(value, str) and DIGITS.fullmatch(value):
        number = int(value)
    elif isinstance(value, float | Decimal) or (isinstance(value, str) and value.strip()):
        exact = _exact(value)
        if exact != exact.to_integral_value():
            raise ValueError(f"{as_text(value)} is no whole number")
        number = int(exact)
    else:
        raise ValueError(f"{_shown(value)} is no whole number")
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{number} does not fit into 64 bits")
    return number


def _exact(value: float | Decimal | str) -> Decimal:
    try:
        exact = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{_shown(value)} is no whole number") from None
    if not exact.is_finite():
        raise ValueError(f"{_shown(value)} is no whole number")
    return exact


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError(f"{_shown(value)} is no number")
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{_shown(value)} is no number") from None
    except OverflowError:
        raise ValueError("is too large for a floating-point number") from None


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise ValueError(f"{_shown(value)} is neither true nor false")


def _strict_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ValueError(f"{_shown(value)} is neither true nor false; declare type: boolean")


def _instant(value: Any) -> datetime:
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            at = EPOCH + timedelta(microseconds=dates.first_instant(value))
    elif isinstance(value, datetime):
        at = value
    elif isinstance(value, date):
        at = datetime(value.year, value.month, value.day, tzinfo=UTC)
    elif isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(
            f"{value} does not say what it counts; declare type: timestamp (microseconds),"
            " timestamp_ms, timestamp_ns or date (days)"
        )
    else:
        raise ValueError(f"{_shown(value)} is no instant")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _day(value: Any) -> date:
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"{value} does not say what it counts; declare type: date (days)")
    if isinstance(value, datetime):
        raise ValueError(f"{value.isoformat()} is an instant, not a day")
    return value if isinstance(value, date) else dates.first_day(value)


def _plain_text(value: Any) -> str:
    """A value as text, but for one of several parts, whose form nobody has chosen."""
    if type(value) is str:
        return value
    if isinstance(value, list | dict):
        raise ValueError(
            f"{_shown(value)} is no text; declare type: json, or give it to a function"
        )
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, list | dict):
        return orjson.dumps(value, default=as_text).decode()
    return str(as_text(value))


def _each(convert: Convert) -> Convert:
    def converted(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{_shown(value)} is no list; declare type: json, or split")
        if None in value:
            raise ValueError("is a list with a null in it")
        return [convert(item) for item in value]

    return converted


ENCODERS: Mapping[pa.DataType, Convert] = {
    STRING: _plain_text,
    TEXT: _plain_text,
    INT: _integer,
    FLOAT: _number,
    BOOL: _strict_boolean,
    INSTANT: _instant,
    DAY: _day,
    STRINGS: _each(_plain_text),
    INTS: _each(_integer),
}
"""What makes a value that of a field, by the field's type."""


def _number_as_written(value: Any) -> Any:
    """A number, exact where it came as text or Decimal."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return Decimal(value)
        except InvalidOperation:
            pass
    raise ValueError(f"{_shown(value)} is no number")


def _counted(unit: Callable[[int], Any], read: Convert) -> Convert:
    """A date that is counted in some unit, or written as text (as in a file)."""

    def converted(value: Any) -> Any:
        if isinstance(value, str) and DIGITS.fullmatch(value):
            value = int(value)
        return unit(value) if type(value) is int else read(value)

    return converted


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return b64decode(value, validate=True)
    except (ValueError, TypeError):
        raise ValueError(f"{_shown(value)} is not base64") from None


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{_shown(value)} is not JSON ({error})") from None


def _unchanged(value: Any) -> Any:
    return value


DECODERS: Mapping[str, Convert] = {
    "text": _text,
    "integer": _integer,
    "number": _number_as_written,
    "boolean": _boolean,
    "date": _counted(day, _day),
    "timestamp": _counted(instant, _instant),
    "timestamp_ms": _counted(lambda number: instant(number, 1_000), _instant),
    "timestamp_ns": _counted(instant_of_nanoseconds, _instant),
    "bytes": _bytes,
    "json": _json,
    "array": _json,
    "stream": _unchanged,
}


def decoder(declared: str | None) -> Convert | None:
    """Return what reads a value by the type that is declared for it; None when none is.

    >>> decoder("decimal(2)")("A94="), decoder("date")(20455)
    (Decimal('9.90'), datetime.date(2026, 1, 2))
    """
    if declared is None:
        return None
    if match := DECIMAL.fullmatch(declared):
        scale = int(match[1])

        def decoded(value: Any) -> Decimal:
            if isinstance(value, Decimal):
                return value
            try:
                return decimal(value, scale)
            except (ValueError, TypeError):
                raise ValueError(f"{_shown(value)} is not a decimal in base64") from None

        return decoded
    return DECODERS[declared]


def converter(declared: str | None, field: pa.DataType) -> Convert:
    """Return what makes a source's value that of a field.

    >>> converter("timestamp_ms", INSTANT)(0)
    datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    decode, encode = decoder(declared), ENCODERS[field]
    if decode is None or declared == "text":
        return encode
    if encode is _plain_text:
        encode = _text

    def converted(value: Any) -> Any:
        decoded = decode(value)
        return None if decoded is None else encode(decoded)

    return converted


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
