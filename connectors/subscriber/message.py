"""What a subscriber is given, and what it may ask for in return: messages and side effects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from event_log import instant_text

NAMESPACE = UUID("6f0d6b0e-2f51-4f0b-9c43-1b1f1f6c5a52")
"""The space of the ids that are made from the id of a cause."""


@dataclass(frozen=True, slots=True)
class Message:
    """An event of the log as a subscriber is given it, the same from the log and from Kafka.

    ``data`` is as JSON has it: an instant or a day is text, a number that is money stays whole.
    It has the form of ``schema_version``, the newest that the subscriber's categories know,
    whatever version the event was written with.
    """

    sequence: int
    event_id: str
    stream: str
    version: int
    type: str
    schema_version: int
    recorded_at: datetime
    occurred_at: datetime | None = None
    actor: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        """When it happened; when it was recorded, if it does not say."""
        return self.occurred_at or self.recorded_at

    def to_json(self) -> str:
        """The message as text, which ``from_json`` reads."""
        return json.dumps(asdict(self), default=instant_text, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Message:
        """The message of a text.

        >>> from datetime import UTC
        >>> told = Message(7, "e-7", "cart/1", 2, "ItemAdded", 1, datetime(2026, 1, 2, tzinfo=UTC))
        >>> Message.from_json(told.to_json()) == told
        True
        """
        told = cls(**json.loads(text))
        occurred = told.occurred_at
        return replace(
            told,
            recorded_at=datetime.fromisoformat(str(told.recorded_at)),
            occurred_at=None if occurred is None else datetime.fromisoformat(str(occurred)),
        )


@dataclass(frozen=True, slots=True)
class SideEffect:
    """Something to do outside of the model, once, because of an event.

    ``name`` says which of the event's effects it is: two of one event need two names. ``data`` is
    JSON. ``SideEffect.event`` is one that ``append_to`` appends to the log.

    ``cause`` is the id of the event that it belongs to, where that is not the one that is being
    applied. What needs two events belongs to one of them, whichever of them comes last: else it
    would have two ids, and happen twice.
    """

    name: str
    data: Mapping[str, Any] = field(default_factory=dict)
    cause: str | None = None

    @classmethod
    def event(
        cls, stream: str, type: str, data: Mapping[str, Any], cause: str | None = None
    ) -> SideEffect:
        """The effect that a new event is appended to the log.

        >>> SideEffect.event("invoice/7", "InvoiceIssued", {"amount": 1250}).name
        'InvoiceIssued of invoice/7'
        """
        said = {"stream": stream, "type": type, "data": dict(data)}
        return cls(f"{type} of {stream}", said, cause)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An effect in the outbox, with the event that is its cause.

    ``id`` is the same whenever and wherever the effect is made again: it depends on the event's id
    and the effect's name only. Who receives it tells by it what came before.
    """

    id: str
    name: str
    data: Mapping[str, Any]
    sequence: int
    event_id: str
    stream: str
    correlation_id: str | None


def derived_id(event_id: str, name: str) -> str:
    """The id of an effect: the UUIDv5 of its event's id and its name.

    >>> derived_id("e-7", "letter") == derived_id("e-7", "letter") != derived_id("e-8", "letter")
    True
    """
    return str(uuid5(NAMESPACE, f"{event_id}\n{name}"))
