"""A mapping as it was declared and checked: its tables, lists, outbox and limits."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from typing import Any, Literal

from connectors.debezium.envelope import Reading
from event_log import Category, Registry

OnUnknown = Literal["error", "ignore", "dead_letter"]
OnTruncate = Literal["error", "ignore", "remove"]
OnKeyChange = Literal["move", "error"]
OnPoison = Literal["dead_letter", "error"]
OnDelete = Literal["remove", "ignore", "error"]


@dataclass(frozen=True)
class Types:
    """The event types that a table's changes become; ``returned`` is for one that comes back."""

    created: str
    changed: str | None
    removed: str | None
    returned: str
    """A type that reinstates, or, where there is none, ``created``."""
    reinstates: bool = False


@dataclass(frozen=True)
class Value:
    """What a value is made of: one or several columns, and how.

    One column is taken as it is, read by its ``type``, cut up (``split``), or put into a
    ``template``; several are put into a template, joined, or given to a function.
    """

    columns: tuple[str, ...] = ()
    type: str | None = None
    """How the source writes the column, where the message does not say it."""
    template: str | None = None
    join: str | None = None
    """The text between the columns; those that are null are left out."""
    split: str | None = None
    function: Callable[..., Any] | None = None
    constant: Any = None


@dataclass(frozen=True)
class ListOf:
    """A list field of another table's entity, made of the lines of this table."""

    name: str
    """The table and the field, as the kept lists are named."""
    field: str
    category: Category
    of: str
    """The parent's stream, as a template of this table's columns."""
    value: Value
    changed: str | None
    """The event type that says that the list changed."""
    is_reference: bool
    """Whether its items are streams of other entities."""
    order: str | None = None
    """The column by which the list is ordered; without it, by the key."""


@dataclass(frozen=True)
class Table:
    """One table: the entity that a line is, and the lists of other entities that it belongs to."""

    name: str
    line: int
    """Where the mapping's file declares it."""
    stream: str | None = None
    """The stream of a line, as a template of its columns."""
    category: Category | None = None
    types: Types | None = None
    fields: MappingOf[str, Value] = field(default_factory=dict)
    references: MappingOf[str, str] = field(default_factory=dict)
    """The fields that refer to other entities: what stands around the column, with ``{}`` for it,
    when a column maps to such a field by itself."""
    lists: tuple[ListOf, ...] = ()
    ignored: frozenset[str] = frozenset()
    unknown: OnUnknown = "error"
    where: MappingOf[str, frozenset[Any]] = field(default_factory=dict)
    truncate: OnTruncate = "error"
    key_change: OnKeyChange = "move"
    delete: OnDelete = "remove"
    full: bool = False
    """Whether the table has REPLICA IDENTITY FULL, so that ``before`` can be trusted."""
    occurred_at: Value | None = None
    actor: str | None = None


@dataclass(frozen=True)
class Outbox:
    """Events that come ready: where they are found, and how their streams are named."""

    stream: str = "{aggregatetype}/{aggregateid}"
    types: MappingOf[str, str] = field(default_factory=dict)
    """Event types of the source that have another name in the domain."""


@dataclass(frozen=True)
class Csv:
    """How a CSV file is written."""

    delimiter: str = ","
    encoding: str = "utf-8"
    null: str = ""
    """The text that stands for null."""


@dataclass(frozen=True)
class Limits:
    """Sizes: above ``transaction`` changes, a transaction is split into several commits."""

    transaction: int = 50_000
    commit: int = 10_000
    """The changes outside of transactions that become one commit at most."""
    wait_ms: int = 50
    """How long a commit waits for more changes."""


@dataclass(frozen=True)
class Mapping:
    """A whole mapping, checked against a domain's categories."""

    path: str
    source: str
    """The source's name: of its producers in the log, its kept state and its dead letters."""
    registry: Registry
    tables: MappingOf[str, Table]
    topics: tuple[str, ...] = ()
    """The topics to read, those with a transaction's boundaries among them; none for a file."""
    transactions: bool = True
    """Whether a transaction becomes one commit; it needs one topic with the boundaries in it."""
    outbox: Outbox | None = None
    poison: OnPoison = "dead_letter"
    """Whether a message that does not fit is set aside, or stops the connector."""
    limits: Limits = field(default_factory=Limits)
    csv: Csv = field(default_factory=Csv)
    kafka: MappingOf[str, Any] = field(default_factory=dict)
    """The settings of Kafka's client for this source's cluster, by the client's own names."""
    reading: Reading = field(default_factory=Reading)
    """What the reader of Debezium's messages must know."""
