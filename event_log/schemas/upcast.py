"""Upcasting: convert events of any schema version to the newest one.

Every batch is upcast when it is read. Verification and sealing do not upcast, because an event's
digest covers it as it was written.
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
"""The envelope's columns that upcasting needs, beside the categories' structs."""
MISTAKES = (
    pa.ArrowException,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""The errors of a step that does not fit its columns."""
TEXTS = (pa.string(), pa.large_string())


def needs_upcast(schema_versions: Mapping[str, Sequence[int]], registry: Registry) -> bool:
    """Return whether a file with events of these schema versions needs upcasters.

    ``schema_versions`` has the sorted versions of each category in the file. If this is False, the
    structs only need the fields that were added since, as nulls.
    """
    return any(
        versions and name in registry and versions[0] < registry[name].upcast_before
        for name, versions in schema_versions.items()
    )


def to_read(columns: Sequence[str], registry: Registry) -> list[str]:
    """Return the columns to read for these: with upcasters, also those in ``NEEDED``.

    >>> to_read(["sequence", "stream"], Registry(()))
    ['sequence', 'stream']
    """
    upcasts = any(name in registry and registry[name].upcasters for name in columns)
    return [*dict.fromkeys([*columns, *(NEEDED if upcasts else ())])]


def upcast(batch: pa.RecordBatch, registry: Registry) -> pa.RecordBatch:
    """Return the events with every struct column in its category's newest schema version.

    If there are upcasters for events in the batch, it must have the columns ``NEEDED``.
    ``schema_version`` stays as written. Columns without such events are not copied. Raises
    ``IncompatibleSchema`` when the result of an upcaster does not fit the next version.
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
    """Return the column with its old events upcast, version by version, in place."""
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
    """Return the column with the category's fields: missing ones are null, others left out.

    The others come from a newer schema version that only added fields.
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
    """Upcast the data of events of one category and schema version to the newest version."""
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
    """Upcast fields of a schema version, version by version, to the newest.

    A column with values that the next version lacks is an error; with ``strict`` also one without
    values.
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
        changed = upcaster.apply(fields, types)
    except MISTAKES as error:
        raise IncompatibleSchema(f"{origin}, failed: {_one_line(error)}") from error
    if not isinstance(changed, pa.RecordBatch):
        raise IncompatibleSchema(f"{origin}, gives {type(changed).__name__}, not a RecordBatch")
    if len(changed) != len(fields):
        raise IncompatibleSchema(
            f"{origin}, gives {len(changed)} lines for {len(fields)} events; it must keep each"
        )
    return changed


def _fitted(fields: pa.RecordBatch, schema: pa.Schema, origin: str, strict: bool) -> pa.RecordBatch:
    """Return the fields in the order of a schema; missing ones are null."""
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
    """Return the message of another library's error on one line."""
    return " ".join(str(error).split()) or type(error).__name__
