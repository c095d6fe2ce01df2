"""What a message of Debezium can say: a change, a boundary, an outbox event, or nothing of use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

from connectors.errors import ConnectorError

Columns: TypeAlias = Mapping[str, Any]
"""The values of columns by name: as JSON has them, and where the message brings a schema, as
``date``, ``datetime``, ``Decimal`` and ``bytes``."""
Headers: TypeAlias = Sequence[tuple[str, bytes | str | None]]


class Operation:
    """What happened to a line of a table, in Debezium's letters."""

    CREATED = "c"
    UPDATED = "u"
    DELETED = "d"
    TRUNCATED = "t"
    READ = "r"
    """The line was read by a snapshot."""


class Origin(NamedTuple):
    """Where a message lies: what identifies it, even when its topic is deleted and made again."""

    topic: str
    topic_id: str
    partition: int
    offset: int


@dataclass(slots=True)
class Message:
    """One message of Kafka as it came; ``at`` is its time in milliseconds since 1970."""

    origin: Origin
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None
    at: int | None = None


@dataclass(slots=True)
class Change:
    """One change of one line of a table, or the truncation of a table.

    ``before`` has what is sure: the whole line where the table is known to have REPLICA IDENTITY
    FULL, or has no key and so must have it; else after a deletion the key alone. Columns that the
    source withheld, because a long value did not change, are absent from ``after`` and named in
    ``withheld``. ``key`` is None for a table without a primary key.
    """

    table: str
    """With its schema: ``public.article``."""
    op: str
    """One of ``Operation``."""
    key: Columns | None
    before: Columns | None
    after: Columns | None
    origin: Origin
    server: str
    """The connector's ``topic.prefix``."""
    transaction: str | None = None
    """The transaction's number at the source; None for a snapshot, or when it is not told."""
    order: int | None = None
    """The place in its transaction, from 1, over all tables; None without transaction metadata."""
    lsn: int | None = None
    snapshot: str | None = None
    """None for what was streamed; else ``first``, ``true``, ``last``, ``incremental`` and such."""
    at: int | None = None
    """When the source committed it, or read it for a snapshot: microseconds since 1970."""
    withheld: frozenset[str] = frozenset()
    old_key: Columns | None = None
    """For the second half of a change of the key (``c``): the key that it had."""
    new_key: Columns | None = None
    """For the first half of a change of the key (``d``): the key that it has now."""
    stream: str | None = field(default=None, compare=False, repr=False)
    """The stream of the line as it is now, once the mapping has named it: it is asked for often."""


@dataclass(slots=True)
class Boundary:
    """The begin or the end of a transaction at the source."""

    status: Literal["BEGIN", "END"]
    transaction: str
    origin: Origin
    count: int | None = None
    """At the end: the number of its changes over all tables."""
    tables: Mapping[str, int] | None = None
    """At the end: the number of changes by table."""
    at: int | None = None


@dataclass(slots=True)
class OutboxEvent:
    """An event that the source made itself: a line of its outbox, or a message in its WAL.

    ``payload`` is what the event says, parsed where it was JSON. ``aggregate`` and ``aggregate_id``
    are Debezium's ``aggregatetype`` and ``aggregateid``.
    """

    event_id: str
    aggregate: str
    aggregate_id: str
    type: str
    payload: Any
    origin: Origin
    server: str | None = None
    transaction: str | None = None
    order: int | None = None
    at: int | None = None
    whole_stream: bool = False
    """Whether the source named the stream itself: ``aggregate/aggregate_id``."""


@dataclass(slots=True)
class Ignored:
    """A message that says nothing of use, such as a tombstone or a heartbeat; ``why`` tells."""

    why: str
    origin: Origin


Said: TypeAlias = Change | Boundary | OutboxEvent | Ignored


class PoisonMessage(ConnectorError):
    """A message that cannot be read; the text says where it lies and what is wrong with it."""

    def __init__(self, origin: Origin, reason: str) -> None:
        topic, _, partition, offset = origin
        super().__init__(f"{topic}, partition {partition}, offset {offset:,}: {reason}")
        self.origin = origin
        self.reason = reason
