"""Upcasting: events as the newest schemas have them, whatever schema version wrote them.

Reading does this to every batch, after the file and before anyone looks. What is verified and what
is sealed is not upcast: an event's digest is over what was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from event_log.category import Category, Registry
from event_log.errors import IncompatibleSchema
from event_log.upcaster import Upcaster

NEEDED = ("category", "type", "schema_version")
"""The envelope's columns that upcasting has to see, beside the categories' structs."""
MISTAKES = (
    pa.ArrowException,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""What a step that does not fit its columns raises."""
TEXTS = (pa.string(), pa.large_string())


def needs_upcast(schema_versions: Mapping[str, Sequence[int]], registry: Registry) -> bool:
    """Whether a file with events of these schema versions has any that an upcaster is for.

    ``schema_versions`` has for each category in the file the versions that are in it, sorted. Of
    files for which this is False the structs need no more than to be given the fields that were
    added since, as nulls.
    """
    return any(
        versions and name in registry and versions[0] < registry[name].upcast_before
        for name, versions in schema_versions.items()
    )


def to_read(columns: Sequence[str], registry: Registry) -> list[str]:
    """The columns that must be read to give these: ``NEEDED`` with them where there are upcasters.

    >>> to_read(["sequence", "stream"], Registry(()))
    ['sequence', 'stream']
    """
    upcasts = any(name in registry and registry[name].upcasters for name in columns)
    return [*dict.fromkeys([*columns, *(NEEDED if upcasts else ())])]


def upcast(batch: pa.RecordBatch, registry: Registry) -> pa.RecordBatch:
    """The same events with every struct column in its category's newest form.

    Where there are upcasters for events in the batch, it must have the columns ``NEEDED``;
    ``schema_version`` keeps saying what was written. Columns without such events are not copied.
    Raises ``IncompatibleSchema`` when an upcaster gives what does not fit.
    """
    for place, name in enumerate(batch.schema.names):
        if name in registry:
            struct = batch.column(place)
            newest = _newest(batch, struct, registry[name])
            if newest is not struct:
                batch = batch.set_column(place, pa.field(name, newest.type), newest)
    return batch


def _newest(batch: pa.RecordBatch, struct: pa.StructArray, category: Category) -> pa.StructArray:
    if category.upcast_before > 1 and len(batch):
        versions = batch.column("schema_version")
        if pc.min(versions).as_py() < category.upcast_before:
            old = pc.and_(
                pc.less(versions, category.upcast_before),
                pc.equal(batch.column("category"), category.name),
            )
            if old.true_count:
                return _mixed(batch, struct, category, old)
    return with_fields(struct, category)


def _mixed(
    batch: pa.RecordBatch, struct: pa.StructArray, category: Category, old: pa.Array
) -> pa.StructArray:
    """The column with its old events upcast, version by version, each in its place."""
    versions, types = batch.column("schema_version"), batch.column("type")
    parts, places = [], []
    for version in sorted(pc.unique(versions.filter(old)).to_pylist()):
        chosen = pc.and_(old, pc.equal(versions, version))
        if chosen.true_count == len(batch):
            return _upcast(struct, types, category, version)
        parts.append(_upcast(struct.filter(chosen), types.filter(chosen), category, version))
        places.append(pc.indices_nonzero(chosen).to_numpy())
    others = pc.invert(old)
    parts.append(with_fields(struct.filter(others), category))
    places.append(pc.indices_nonzero(others).to_numpy())
    order = np.empty(len(batch), np.int64)
    order[np.concatenate(places)] = np.arange(len(batch))
    mixed: pa.StructArray = pa.concat_arrays(parts).take(pa.array(order))
    return mixed


def with_fields(struct: pa.StructArray, category: Category) -> pa.StructArray:
    """The column with the category's fields: those that it lacks are null, others left out.

    Such others come from a newer schema version that only added fields.
    """
    if struct.type == category.struct:
        return struct
    columns = [
        pa.nulls(len(struct), f.type)
        if (place := struct.type.get_field_index(f.name)) < 0
        else struct.field(place).cast(f.type)
        for f in category.struct
    ]
    absent = struct.is_null() if struct.null_count else None
    return pa.StructArray.from_arrays(columns, fields=[*category.struct], mask=absent)


def _upcast(
    struct: pa.StructArray, types: pa.Array, category: Category, version: int
) -> pa.StructArray:
    """The data of events of one category and schema version, as the newest version has them."""
    written = pa.RecordBatch.from_arrays(struct.flatten(), schema=pa.schema([*struct.type]))
    fields = chained(written, types, category, version)
    origin = f"category {category.name!r}, events of schema version {version}, upcast"
    for event_type in category.types:
        here = pc.equal(types, event_type.name) if event_type.required else None
        for name in event_type.required:
            if pc.and_(here, fields.column(name).is_null()).true_count:
                raise IncompatibleSchema(
                    f"{origin}: {event_type.name} requires {name!r}, and one lacks it; let the "
                    "upcaster fill it"
                )
    cleared = set(pc.unique(fields.column("cleared").flatten()).to_pylist())
    for name in cleared - set(category.fields.names):
        raise IncompatibleSchema(
            f"{origin}: {name!r} is cleared, but is no field; let the upcaster see to `cleared`"
        )
    for name in cleared & category.required:
        raise IncompatibleSchema(
            f"{origin}: {name!r} is cleared, but required; let the upcaster fill it"
        )
    return pa.StructArray.from_arrays(fields.columns, fields=[*category.struct])


def chained(
    fields: pa.RecordBatch,
    types: pa.Array,
    category: Category,
    version: int,
    *,
    strict: bool = False,
) -> pa.RecordBatch:
    """Fields as a schema version declared them, upcast from version to version to the newest.

    A column that the next version does not have is an error when it has values; with ``strict``
    also when it has none.
    """
    origin = f"category {category.name!r}, events of schema version {version}"
    for number in sorted(n for n in category.upcasters if n >= version):
        upcaster = category.upcasters[number]
        fields = _fitted(
            fields, upcaster.schema, f"{origin}, before the upcaster from {number}", strict
        )
        origin = f"category {category.name!r}, the upcaster from schema version {number}"
        fields = _applied(upcaster, fields, types, origin)
    return _fitted(fields, pa.schema([*category.struct]), origin, strict)


def _applied(
    upcaster: Upcaster, fields: pa.RecordBatch, types: pa.Array, origin: str
) -> pa.RecordBatch:
    try:
        given = upcaster.apply(fields, types)
    except MISTAKES as error:
        raise IncompatibleSchema(f"{origin}, failed: {_one_line(error)}") from error
    if not isinstance(given, pa.RecordBatch):
        raise IncompatibleSchema(f"{origin}, gives {type(given).__name__}, not a RecordBatch")
    if len(given) != len(fields):
        raise IncompatibleSchema(
            f"{origin}, gives {len(given)} lines for {len(fields)} events; it must keep each"
        )
    return given


def _fitted(fields: pa.RecordBatch, schema: pa.Schema, origin: str, strict: bool) -> pa.RecordBatch:
    """The fields in the order of a schema; those that are missing are null."""
    names = fields.schema.names
    for place, name in enumerate(names):
        if name in names[:place]:
            raise IncompatibleSchema(f"{origin}: {name!r} is there twice")
        if name not in schema.names and (strict or fields.column(place).null_count < len(fields)):
            raise IncompatibleSchema(
                f"{origin}: {name!r} is no field of the next version; rename or drop it"
            )
    columns = []
    for field in schema:
        column = fields.column(field.name) if field.name in names else pa.nulls(len(fields))
        if not (
            column.type == field.type
            or pa.types.is_null(column.type)
            or (column.type in TEXTS and field.type in TEXTS)
        ):
            raise IncompatibleSchema(f"{origin}: {field.name!r} is {column.type}, not {field.type}")
        columns.append(column.cast(field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _one_line(error: Exception) -> str:
    """What another library says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
