"""Categories: the typed schemas of a log, and what each event type does to its entity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import pyarrow as pa

from event_log.errors import InvalidCategory
from event_log.upcaster import CLEARED, Upcaster

INSTANT = pa.timestamp("us", tz="UTC")
TEXT = pa.large_string()
"""The type of long prose: kept like a string, but fetched last, by sequence, when views fold."""

SCALARS = (pa.string(), TEXT, pa.int64(), pa.float64(), pa.bool_(), INSTANT, pa.date32())
FIELD_TYPES = (*SCALARS, pa.list_(pa.string()), pa.list_(pa.int64()))

ENVELOPE = pa.schema(
    [
        ("sequence", pa.int64()),
        ("event_id", pa.string()),
        ("stream", pa.string()),
        ("category", pa.string()),
        ("version", pa.int64()),
        ("type", pa.string()),
        ("schema_version", pa.int64()),
        ("recorded_at", INSTANT),
        ("occurred_at", INSTANT),
        ("actor", pa.string()),
        ("correlation_id", pa.string()),
        ("causation_id", pa.string()),
        ("digest", pa.binary(32)),
    ]
)
"""The columns that every event has; after them comes a struct for each category in a file."""


class Effect(StrEnum):
    """What an event does to the entity that its stream tells of."""

    CREATES = "creates"
    """Starts the entity afresh: fields of earlier events are forgotten, and it shows."""
    REVISES = "revises"
    """Sets the fields it carries, empties those in ``cleared``."""
    REMOVES = "removes"
    """Hides the entity; later revisions still count."""
    REINSTATES = "reinstates"
    """Shows a hidden entity again, as it was."""


@dataclass(frozen=True)
class EventType:
    """A kind of event, named in the past tense, and the fields it must carry.

    Events of a ``retired`` type are read as ever; new ones are refused.

    >>> EventType("ArticlePublished", Effect.CREATES, ("headline", "published_at")).name
    'ArticlePublished'
    """

    name: str
    effect: Effect
    required: tuple[str, ...] = ()
    retired: bool = False


@dataclass(frozen=True)
class Category:
    """The streams ``name/...``: their fields, their event types, and their schema's version.

    A field is a string, ``TEXT`` (long prose), int64, float64, bool, date32, ``INSTANT`` (UTC
    microseconds), or a list of strings or int64. In an event every field is optional, except
    those that its type requires. Raises ``InvalidCategory`` for what the log cannot keep.

    With every change ``schema_version`` is raised by one. A field or an event type that is added
    needs nothing else, nor does a type that is retired. For a rename or a changed meaning
    ``upcasters`` has, by the version that is left behind, how its events are to be read now; see
    ``Upcaster``. What may change, and what to do instead, says ``event_log.schemas.evolution``.

    >>> tag = Category("tag", pa.schema([("name", pa.string())]),
    ...                (EventType("TagDefined", Effect.CREATES, ("name",)),))
    >>> tag.required
    frozenset({'name'})
    """

    name: str
    fields: pa.Schema
    types: tuple[EventType, ...]
    schema_version: int = 1
    upcasters: Mapping[int, Upcaster] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        # Names differ by more than case, because to SQL engines on the log's files they would not.
        if not self.name.isidentifier() or self.name.lower() in ENVELOPE.names:
            raise InvalidCategory(f"category {self.name!r}: the name must be a plain word")
        if self.schema_version < 1:
            raise InvalidCategory(f"category {self.name!r}: schema versions begin at 1")
        for version in self.upcasters:
            if not 1 <= version < self.schema_version:
                raise InvalidCategory(
                    f"category {self.name!r}: there cannot be an upcaster from version {version} "
                    f"on to version {self.schema_version}"
                )
        for fields in (self.fields, *(upcaster.fields for upcaster in self.upcasters.values())):
            self._check(fields)
        for event_type in self.types:
            unknown = set(event_type.required) - set(self.fields.names)
            if unknown:
                raise InvalidCategory(
                    f"event type {event_type.name!r} requires unknown fields {sorted(unknown)}"
                )

    def _check(self, fields: pa.Schema) -> None:
        taken = {"cleared"}
        for item in fields:
            if item.type not in FIELD_TYPES:
                raise InvalidCategory(
                    f"category {self.name!r}, field {item.name!r}: cannot be {item.type}; "
                    f"use one of {', '.join(map(str, FIELD_TYPES))}"
                )
            if not item.name.isidentifier() or item.name.lower() in taken:
                raise InvalidCategory(
                    f"category {self.name!r}, field {item.name!r}: the name must be a plain "
                    "word that no other field has, and not 'cleared'"
                )
            taken.add(item.name.lower())

    @cached_property
    def struct(self) -> pa.StructType:
        """The struct column of this category: its fields, then ``cleared``."""
        return pa.struct([*self.fields, CLEARED])

    @cached_property
    def required(self) -> frozenset[str]:
        """The fields that some event type requires: never null, never cleared."""
        return frozenset(name for event_type in self.types for name in event_type.required)

    @cached_property
    def upcast_before(self) -> int:
        """Events of an earlier schema version than this are upcast; of no version when it is 1."""
        return max(self.upcasters, default=0) + 1

    def types_that(self, *effects: Effect) -> tuple[str, ...]:
        """The names of the event types with one of these effects, in their declared order."""
        return tuple(t.name for t in self.types if t.effect in effects)

    def types_to_use(self, *effects: Effect) -> tuple[str, ...]:
        """Like ``types_that``, without the retired ones: what a new event can be."""
        return tuple(t.name for t in self.types if t.effect in effects and not t.retired)


class Registry(Mapping[str, Category]):
    """The categories of one log by name, and the way from an event type to its category."""

    def __init__(self, categories: tuple[Category, ...]) -> None:
        self._categories = {category.name: category for category in categories}
        if len({name.lower() for name in self._categories}) < len(categories):
            raise InvalidCategory("two categories have the same name")
        self.owner: dict[str, Category] = {}
        self.event_types: dict[str, EventType] = {}
        for category in categories:
            for event_type in category.types:
                if event_type.name in self.owner:
                    raise InvalidCategory(f"event type {event_type.name!r} is declared twice")
                self.owner[event_type.name] = category
                self.event_types[event_type.name] = event_type

    def __getitem__(self, name: str) -> Category:
        return self._categories[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._categories)

    def __len__(self) -> int:
        return len(self._categories)
