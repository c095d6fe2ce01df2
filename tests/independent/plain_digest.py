"""The digest of an event in plain Python, from what ``event_log/digest.py`` says and no more."""

from __future__ import annotations

import hashlib
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


def measured(text: str) -> str:
    return f"{len(text.encode())}:{text}"


def text_form(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(struct.unpack("<q", struct.pack("<d", value))[0])
    if isinstance(value, datetime):
        return str((value - EPOCH) // timedelta(microseconds=1))
    if isinstance(value, date):
        return str((value - date(1970, 1, 1)).days)
    return "".join(measured(text_form(item)) for item in value)


def event_digest(event: Any) -> bytes:
    """The digest of an event as it was read."""
    form = "stet-1;"
    for name in ENVELOPE:
        value = getattr(event, name)
        form += "-" if value is None else measured(text_form(value))
    for name in sorted(event.data):
        form += measured(name) + measured(text_form(event.data[name]))
    return hashlib.sha256(form.encode()).digest()


def chained(previous: bytes, digests: list[bytes]) -> bytes:
    """The digest of a commit."""
    return hashlib.sha256(previous + b"".join(digests)).digest()
