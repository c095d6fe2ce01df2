"""Arrow batches as ``Event`` objects, for people and for rules on single events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pyarrow as pa

from event_log.category import ENVELOPE, INSTANT
from event_log.dates import EPOCH
from event_log.errors import EventLogError
from event_log.event import Event


def events(batch: pa.RecordBatch) -> Iterator[Event]:
    """Yield the events of a batch that has all columns, as objects."""
    envelopes = zip(*(_values(batch.column(name)) for name in ENVELOPE.names), strict=True)
    structs = {name: None for name in batch.schema.names if name not in ENVELOPE.names}
    data: dict[str, list[dict[str, Any]]] = {}
    for place, values in enumerate(envelopes):
        category = values[3]
        if category not in structs:
            raise EventLogError(
                f"sequence {values[0]}: {category!r} is none of the categories that this log "
                f"was opened with ({', '.join(structs)})"
            )
        if category not in data:
            data[category] = _data(batch.column(category))
        yield Event(*(*values, data[category][place]))


def _data(struct: pa.StructArray) -> list[dict[str, Any]]:
    """Return for each event the fields that it carries."""
    data: list[dict[str, Any]] = [{} for _ in range(len(struct))]
    for field, column in zip(struct.type, struct.flatten(), strict=True):
        if column.null_count < len(column):
            for carried, value in zip(data, _values(column), strict=True):
                if value is not None:
                    carried[field.name] = value
    return data


def _values(column: pa.Array) -> list[Any]:
    """Return a column as Python values, instants without pandas, which Arrow would import."""
    if column.type != INSTANT:
        values: list[Any] = column.to_pylist()
        return values
    microseconds = column.view(pa.int64()).to_pylist()
    return [None if m is None else EPOCH + timedelta(microseconds=m) for m in microseconds]
