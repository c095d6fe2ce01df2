"""Numbers of a message that must be what they seem: places in a log, and moments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LATEST = 253_402_300_800_000_000
"""Microseconds from 1970 to the year 10000."""


def whole_number(value: Any, name: str) -> int | None:
    """Return a number as it is, or None; raises ``ValueError`` for what is none, or too large.

    >>> whole_number(25, "lsn"), whole_number(None, "lsn")
    (25, None)
    """
    if value is not None and (type(value) is not int or not -(2**63) <= value < 2**63):
        raise ValueError(f"{name} is {value!r}, not a number")
    return value


def microseconds_of(source: Mapping[str, Any]) -> int | None:
    """Return when something happened at a source, in microseconds since 1970.

    >>> microseconds_of({"ts_ms": 1_500}), microseconds_of({})
    (1500000, None)
    """
    at = whole_number(source.get("ts_us"), "ts_us")
    if at is None and (milliseconds := whole_number(source.get("ts_ms"), "ts_ms")) is not None:
        at = milliseconds * 1_000
    if at is not None and not 0 <= at < LATEST:
        raise ValueError(f"{at} microseconds since 1970 are no time at which something happened")
    return at
