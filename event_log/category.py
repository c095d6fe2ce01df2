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
"""The type of long prose. A fold fetches it last, by sequence, for the values that are left."""

SCALARS = (pa.string(), TEXT, pa.int64(), pa.float64(), pa.bool_(), INSTANT, pa.date32())
FIELD_TYPES = (*SCALARS, pa.list_(pa.string()), pa.list_(pa.int64()))
TYPE_NAMES = (
    "pa.string(), TEXT (long prose), pa.int64(), pa.float64(), pa.bool_(), pa.date32(), INSTANT"
    " (UTC microseconds), or pa.list_ of pa.string() or pa.int64()"
)
"""``FIELD_TYPES`` as a domain writes them."""

NONE = pa.schema([])

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
"""The columns of every event. In a file, one struct column for each category follows them."""


class Effect(StrEnum):
    """What an event does to the entity of its stream."""

    CREATES = "creates"
    """Creates the entity anew and visible; fields of earlier events no longer count."""
    REVISES = "revises"
    """Sets the fields that the event carries, and empties those in ``cleared``."""
    REMOVES = "removes"
    """Hides the entity; later revisions still count."""
    REINSTATES = "reinstates"
    """Shows a hidden entity again, with the fields that it had."""


@dataclass(frozen=True)
class EventType:
    """A type of event, named in the past tense, with the fields that it requires.

    Events of a ``retired`` type can still be read, but no longer appended.

    >>> EventType("ArticlePublished", Effect.CREATES, ("headline", "published_at")).name
    'ArticlePublished'
    """

    name: str
    effect: Effect
    required: tuple[str, ...] = ()
    """The fields and annotations that are required; a single name may be given as a string."""
    retired: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.required, str):
            object.__setattr__(self, "required", (self.required,))


@dataclass(frozen=True)
class Category:
    """A category of streams ``name/...``: fields, event types, and a schema version.

    A field is a string, ``TEXT`` (long prose), int64, float64, bool, date32, ``INSTANT`` (UTC
    microseconds), or a list of strings or int64. In an event every field is optional, except
    those that its type requires. Raises ``InvalidCategory`` for a declaration that the log cannot
    store.

    ``annotations`` are of the same types. A field is a value of the entity, which stays until an
    event changes it. An annotation belongs to its event alone, such as the reason for it: it is no
    part of the entity, and nothing to clear.

    Raise ``schema_version`` by one with every change. Adding a field, an annotation or an event
    type, or retiring a type, needs nothing else. A rename or a changed meaning needs an
    ``Upcaster``, under the version whose events it converts. ``event_log.schemas.evolution`` lists
    the allowed changes, and the alternatives to the others.

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
    annotations: pa.Schema = NONE

    def __post_init__(self) -> None:
        # SQL engines that read the files ignore case, so no two names may differ by case alone.
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
        for fields in (self.carried, *(upcaster.fields for upcaster in self.upcasters.values())):
            self._check(fields)
        for event_type in self.types:
            unknown = set(event_type.required) - set(self.carried.names)
            if unknown:
                raise InvalidCategory(
                    f"event type {event_type.name!r} requires unknown fields {sorted(unknown)}"
                )

    def _check(self, fields: pa.Schema) -> None:
        taken = {"cleared"}
        for item in fields:
            if item.type not in FIELD_TYPES:
                raise InvalidCategory(
                    f"category {self.name!r}, field {item.name!r}: cannot be {item.type}; use"
                    f" {TYPE_NAMES}"
                )
            if not item.name.isidentifier() or item.name.lower() in taken:
                raise InvalidCategory(
                    f"category {self.name!r}, field {item.name!r}: the name must be a plain "
                    "word that no other field has, and not 'cleared'"
                )
            taken.add(item.name.lower())

    @cached_property
    def carried(self) -> pa.Schema:
        """What an event can carry: the fields, then the annotations."""
        return pa.schema([*self.fields, *self.annotations])

    @cached_property
    def struct(self) -> pa.StructType:
        """The struct column of this category: fields, annotations, then ``cleared``."""
        return pa.struct([*self.carried, CLEARED])

    @cached_property
    def required(self) -> frozenset[str]:
        """The fields that some event type requires: never null, never cleared."""
        named = {name for event_type in self.types for name in event_type.required}
        return frozenset(named.intersection(self.fields.names))

    @cached_property
    def upcast_before(self) -> int:
        """The schema version below which events are upcast; 1 means that none are."""
        return max(self.upcasters, default=0) + 1

    def types_that(self, *effects: Effect) -> tuple[str, ...]:
        """Return the names of the event types with one of these effects, as declared."""
        return tuple(t.name for t in self.types if t.effect in effects)

    def types_to_use(self, *effects: Effect) -> tuple[str, ...]:
        """Like ``types_that``, but without retired types: those that a new event can have."""
        return tuple(t.name for t in self.types if t.effect in effects and not t.retired)

    def not_begun(self, stream: str) -> str:
        """Return why a stream without events takes none that does not create its entity.

        >>> tag = Category("tag", pa.schema([]), (EventType("TagDefined", Effect.CREATES),))
        >>> tag.not_begun("tag/sea")
        'tag/sea does not exist; TagDefined comes first'
        """
        return (
            f"{stream} does not exist; {' or '.join(self.types_to_use(Effect.CREATES))} comes first"
        )


class Registry(Mapping[str, Category]):
    """The categories of one log by name, and the category of each event type."""

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
