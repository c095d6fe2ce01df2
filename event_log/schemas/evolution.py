"""Evolution: the schemas registered in a log, and which changes of a category are allowed.

The log's folder has every schema version with which events were appended, as
``schemas/<category>-<version>.json``. A process registers its categories before it appends. A new
version may

- add a field or an annotation, which old events do not carry;
- add an event type, or retire one: its events can still be read;
- require fewer fields of an event type;
- and, with an upcaster from the version before, rename, drop or fill fields, or change what they
  mean: see ``event_log.upcaster``.

Changes that would misread old events, or break running programs, are refused with an alternative. A
field's name keeps its type for ever, because files of all versions are read side by side.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from event_log.category import INSTANT, TEXT, Category, Effect, EventType
from event_log.digests import checksum
from event_log.errors import IncompatibleSchema
from event_log.schemas.upcast import chained

TYPES = {
    "string": pa.string(),
    "text": TEXT,
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "instant": INSTANT,
    "date": pa.date32(),
    "list of string": pa.list_(pa.string()),
    "list of int64": pa.list_(pa.int64()),
}
"""The types of fields by their names in a registered schema."""
NAMES = {kind: name for name, kind in TYPES.items()}
KEYS = {
    "category", "schema_version", "readable_since", "upcasters", "fields", "types", checksum.KEY
}  # fmt: skip
"""What a registered schema says. Programs in use refuse one that says more."""


@dataclass(frozen=True)
class Registered:
    """One schema version of a category, as registered in the log.

    ``category`` has no upcasters; ``upcasters`` has the versions that it had them for. Programs
    with a schema version of at least ``readable_since`` read its events correctly.
    """

    category: Category
    upcasters: frozenset[int]
    readable_since: int

    def to_json(self) -> str:
        """Return the schema as JSON for the log's folder, readable for people."""
        content: dict[str, object] = {
            "category": self.category.name,
            "schema_version": self.category.schema_version,
            "readable_since": self.readable_since,
            "upcasters": sorted(self.upcasters),
            "fields": _named_types(self.category.carried),
            "types": {
                t.name: {"effect": t.effect, "required": t.required, "retired": t.retired}
                | ({"annotations": names} if (names := self.category.annotations.names) else {})
                for t in self.category.types
            },
        }
        content[checksum.KEY] = checksum.EMPTY
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        return checksum.stamped(text.encode()).decode()

    @classmethod
    def from_json(cls, text: str) -> Registered:
        """Parse ``to_json``; ``ValueError``, ``TypeError`` or ``KeyError`` for other text.

        Logs of before the checksum have schemas without one. Which of the fields are annotations
        stands beside each type, where programs of before annotations ignore it.
        """
        content = json.loads(text)
        if unknown := content.keys() - KEYS:
            raise ValueError(f"it says {', '.join(sorted(unknown))}, which is no part of a schema")
        if checksum.KEY in content and checksum.stamped(text.encode()) != text.encode():
            raise ValueError("it is not as it was written")
        kinds = [(name, TYPES[kind]) for name, kind in content["fields"].items()]
        said = {name for t in content["types"].values() for name in t.get("annotations", ())}
        fields = pa.schema([kind for kind in kinds if kind[0] not in said])
        annotations = pa.schema([kind for kind in kinds if kind[0] in said])
        types = tuple(
            EventType(name, Effect(t["effect"]), tuple(t["required"]), bool(t["retired"]))
            for name, t in content["types"].items()
        )
        version = int(content["schema_version"])
        category = Category(content["category"], fields, types, version, annotations=annotations)
        return cls(category, frozenset(content["upcasters"]), int(content["readable_since"]))


def checked(earlier: Sequence[Registered], category: Category) -> Registered | None:
    """Return what to register for a category after these versions; None if it is registered.

    Raises ``IncompatibleSchema`` for a change that is not allowed.
    """
    version = category.schema_version
    for reason in _refusals(earlier, category):
        raise IncompatibleSchema(f"category {category.name!r}, schema version {version}: {reason}")
    newest = earlier[-1] if earlier else None
    if newest and newest.category.schema_version == version:
        return None
    since = newest.readable_since if newest and _misread_by_none(newest, category) else version
    bare = replace(category, upcasters={})
    return Registered(bare, frozenset(category.upcasters), since)


def _refusals(earlier: Sequence[Registered], category: Category) -> Iterator[str]:
    version = category.schema_version
    if earlier and (newest := earlier[-1].category.schema_version) > version:
        yield (
            f"the log has version {newest} already, so this program is older than the log; "
            "install the newer one"
        )
    for registered in earlier:
        yield from _missing(registered, category)
    for registered in earlier:
        if registered.category.schema_version == version:
            yield from _differences(registered.category, category)
        else:
            yield from _changes(registered.category, category)


def _differences(known: Category, category: Category) -> Iterator[str]:
    """Yield the differences between a category and the schema registered at its version."""
    for what, old, new in (
        ("field", _named_types(known.fields), _named_types(category.fields)),
        ("annotation", _named_types(known.annotations), _named_types(category.annotations)),
        ("event type", _types(known), _types(category)),
    ):
        for name in {**old, **new}:
            if old.get(name) != new.get(name):
                change = "added" if name not in old else "changed" if name in new else "removed"
                yield (
                    f"{what} {name!r} was {change}, but the version is the one that the log has; "
                    f"raise schema_version to {category.schema_version + 1}"
                )


def _changes(known: Category, category: Category) -> Iterator[str]:
    """Yield why events of an earlier version would be misread with the declared category."""
    yield from _changed_fields(known, category)
    yield from _changed_types(known, category)
    written = pa.schema([*known.struct])
    none = pa.RecordBatch.from_arrays([pa.nulls(0, f.type) for f in written], schema=written)
    chained(none, pa.nulls(0, pa.string()), category, known.schema_version, strict=True)


def _missing(registered: Registered, category: Category) -> Iterator[str]:
    for version in sorted(registered.upcasters - set(category.upcasters)):
        yield (
            f"the upcaster from version {version} is missing, which the log's version "
            f"{registered.category.schema_version} was registered with; declare it as it was"
        )


def _changed_fields(known: Category, category: Category) -> Iterator[str]:
    yield from _turned(known, category)
    old, new = _named_types(known.carried), _named_types(category.carried)
    for name in old.keys() & new.keys():
        if old[name] != new[name]:
            yield (
                f"field {name!r} cannot be {new[name]}: in version {known.schema_version} it is "
                f"{old[name]}. Add a field of another name, and an upcaster that fills it"
            )
    upcaster = category.upcasters.get(known.schema_version)
    if upcaster:
        was = _named_types(upcaster.fields)
        for name in {**old, **was}:
            if old.get(name) != was.get(name):
                yield (
                    f"the upcaster from version {known.schema_version} is declared with "
                    f"{name!r} as {was.get(name, 'no field')}, but the log has it as "
                    f"{old.get(name, 'no field')}; declare the fields as they were"
                )


def _turned(known: Category, category: Category) -> Iterator[str]:
    """Yield the names that were a field of the entity and are an annotation now, or vice versa."""
    for name in category.carried.names:
        is_field, was_field = (name in each.fields.names for each in (category, known))
        if name in known.carried.names and is_field != was_field:
            kinds = {True: "a field", False: "an annotation"}
            yield (
                f"{name!r} cannot become {kinds[is_field]}: in version {known.schema_version} it "
                f"is {kinds[was_field]}. Declare another name, and an upcaster that renames it"
            )


def _changed_types(known: Category, category: Category) -> Iterator[str]:
    version, now = known.schema_version, {t.name: t for t in category.types}
    upcast = version < category.upcast_before
    for old in known.types:
        new = now.get(old.name)
        if new is None:
            yield (
                f"event type {old.name!r} was removed, but the log may have events of it; "
                "keep it, with retired=True"
            )
            continue
        if new.effect is not old.effect:
            yield (
                f"event type {old.name!r} cannot change from {old.effect} to {new.effect}; "
                "retire it and add a type of another name"
            )
        for name in () if upcast else sorted(set(new.required) - set(old.required)):
            yield (
                f"event type {old.name!r} cannot require {name!r} now: its events of version "
                f"{version} may lack it. Add an event type that requires it, or an upcaster from "
                f"version {version} that fills it"
            )
    for name in () if upcast else sorted(category.required - known.required):
        if name in known.fields.names:
            yield (
                f"field {name!r} cannot be required now: events of version {version} may have "
                f"cleared it. Add an upcaster from version {version} that fills it, or a new field"
            )


def _misread_by_none(newest: Registered, category: Category) -> bool:
    """Return whether programs that read the newest version correctly can read the next one.

    They ignore a new field. They would also ignore a new event type, but that may create or remove
    an entity. They do not expect a field to be cleared that was required.
    """
    known = newest.category
    return (
        known.schema_version >= category.upcast_before
        and {t.name for t in category.types} == {t.name for t in known.types}
        and known.required <= category.required
    )


def _named_types(fields: pa.Schema) -> dict[str, str]:
    return {field.name: NAMES[field.type] for field in fields}


def _types(category: Category) -> Mapping[str, object]:
    return {t.name: (t.effect, frozenset(t.required), t.retired) for t in category.types}
