"""Events: new ones to append, stored ones as read, and the receipt of an append."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append: its stream, type and data, and optional metadata.

    ``occurred_at`` is an instant (ISO 8601 text, or a ``datetime``; UTC where no zone is given).
    Without ``event_id`` the log assigns a UUIDv7. With one, appending the event again adds nothing.

    >>> NewEvent("tag/whales", "TagDefined", {"name": "Whales"}).stream
    'tag/whales'
    """

    stream: str
    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    event_id: str | None = None
    occurred_at: datetime | str | None = None
    actor: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An event as stored. ``data`` has the fields that it carries, ``cleared`` among them."""

    sequence: int
    event_id: str
    stream: str
    category: str
    version: int
    type: str
    schema_version: int
    recorded_at: datetime
    occurred_at: datetime | None
    actor: str | None
    correlation_id: str | None
    causation_id: str | None
    digest: bytes
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an append returns.

    ``first`` and ``last`` are the sequences that the events have in the log, ``version`` is the
    last event's place in its stream, ``digest`` the log's digest (hexadecimal) at the last event,
    and ``added`` the number of new events: 0 when the log had all of them before, and for an edit
    that changes nothing. For an append that only moves a producer which never committed an event,
    ``first`` and ``last`` are the log's head, and ``version`` is 0.
    """

    first: int
    last: int
    version: int
    digest: str
    added: int
