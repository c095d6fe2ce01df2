"""The digest of an event in plain Python, from what ``event_log/canonical.py`` says and no more."""

from __future__ import annotations

import hashlib
import math
import struct
from datetime import UTC, date, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ENVELOPE = (
    "sequence",
    "event_id",
    "stream",
    "version",
    "type",
    "schema_version",
    "recorded_at",
    "occurred_at",
    "actor",
    "correlation_id",
    "causation_id",
)


def value_form(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bool):
        return b"\1" if value else b"\0"
    if isinstance(value, int):
        return struct.pack("<q", value)
    if isinstance(value, float):
        return bytes.fromhex("000000000000f87f") if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, datetime):
        return struct.pack("<q", (value - EPOCH) // timedelta(microseconds=1))
    if isinstance(value, date):
        return struct.pack("<i", (value - date(1970, 1, 1)).days)
    return b"".join(b"\xff\xff\xff\xff" if v is None else measured(v) for v in value)


def kind(value: Any, name: str = "") -> int:
    """The byte of a value's type; ``name`` tells what an empty list would be a list of."""
    if isinstance(value, list):
        present = [item for item in value if item is not None]
        return 0x10 | (kind(present[0]) if present else 2 if name in (".numbers", ".votes") else 1)
    types = ((str, 1), (bool, 5), (int, 2), (float, 6), (datetime, 3), (date, 4))
    return next(number for type_, number in types if isinstance(value, type_))


def measured(value: Any) -> bytes:
    form = value_form(value)
    return struct.pack("<I", len(form)) + form


def canonical_form(event: Any) -> bytes:
    """The canonical form of an event as it was read."""
    named = [(name, getattr(event, name)) for name in ENVELOPE]
    named += [("." + name, event.data[name]) for name in sorted(event.data)]
    present = [(name, value) for name, value in named if value is not None]
    return b"".join(n.encode() + bytes([kind(v, n)]) + measured(v) for n, v in present)


def event_digest(event: Any) -> bytes:
    """The digest of an event as it was read."""
    return hashlib.sha256(b"\0" + canonical_form(event)).digest()


def root(digests: list[bytes]) -> bytes:
    """The root of the tree over some digests, as RFC 9162, section 2.1.1, defines it."""
    if not digests:
        return bytes(32)
    if len(digests) == 1:
        return digests[0]
    half = 1
    while half * 2 < len(digests):
        half *= 2
    return hashlib.sha256(b"\1" + root(digests[:half]) + root(digests[half:])).digest()


def chained(previous: bytes, digests: list[bytes]) -> bytes:
    """The digest of a commit."""
    return hashlib.sha256(previous + b"".join(digests)).digest()
