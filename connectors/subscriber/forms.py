"""How an event's data looks to a subscriber: as JSON has it, in the newest form that it knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from connectors.cloud_event_form import carried
from connectors.subscriber.message import Message
from event_log import ENVELOPE, INSTANT, Category, IncompatibleSchema, Registry, instant_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CARRIED = [name for name in ENVELOPE.names if name not in ("category", "digest")]
"""The columns of the envelope that a message has, in its order."""
STREAM = CARRIED.index("stream")


def plain(value: Any) -> Any:
    """A value as JSON has it: instants and days as text.

    >>> plain(date(1851, 10, 18)), plain(3)
    ('1851-10-18', 3)
    """
    if isinstance(value, datetime):
        return instant_text(value)
    return value.isoformat() if isinstance(value, date) else value


def messages(batch: pa.RecordBatch, registry: Registry) -> Iterator[tuple[Message, bool]]:
    """The messages of a batch of the log that has all columns, and whether the category is known.

    A category that this program does not know has no column, and its events no data.
    """
    envelopes = zip(*(_values(batch.column(name)) for name in CARRIED), strict=True)
    data: dict[str, list[dict[str, Any]]] = {}
    for place, envelope in enumerate(envelopes):
        category = envelope[STREAM].partition("/")[0]
        known = category in batch.schema.names
        if known and category not in data:
            data[category] = carried(batch.column(category))
        told = Message(*(*envelope, data[category][place] if known else {}))
        if known and told.schema_version != registry[category].schema_version:
            told = replace(told, schema_version=registry[category].schema_version)
        yield told, known


def _values(column: pa.Array) -> list[Any]:
    if column.type != INSTANT:
        values: list[Any] = column.to_pylist()
        return values
    microseconds = column.view(pa.int64()).to_pylist()
    return [None if m is None else EPOCH + timedelta(microseconds=m) for m in microseconds]


def newest(message: Message, registry: Registry) -> Message:
    """The message with its data in the newest form that the categories know.

    Raises ``IncompatibleSchema`` for a form that they do not know yet.
    """
    category = registry.owner.get(message.type)
    if category is None:
        raise IncompatibleSchema(
            f"{message.type!r} is no event type of this program's categories; install the newer one"
        )
    if message.schema_version > category.schema_version:
        raise IncompatibleSchema(
            f"category {category.name!r}: an event of schema version {message.schema_version} came,"
            f" and this program knows {category.schema_version}; install the newer one"
        )
    if message.schema_version == category.schema_version:
        return message
    data: Mapping[str, Any] = message.data
    for version in range(message.schema_version, category.schema_version):
        if version in category.upcasters:
            data = _converted(data, message.type, category, version)
    return replace(message, data=data, schema_version=category.schema_version)


def _converted(
    data: Mapping[str, Any], event_type: str, category: Category, version: int
) -> dict[str, Any]:
    upcaster = category.upcasters[version]
    schema = upcaster.schema
    typed = {name: _typed(value, schema.field(name).type) for name, value in data.items()}
    batch = pa.RecordBatch.from_pylist([typed], schema=schema)
    converted = upcaster.apply(batch, pa.array([event_type])).to_pylist()[0]
    return {name: plain(value) for name, value in converted.items() if value is not None}


def _typed(value: Any, kind: pa.DataType) -> Any:
    if kind == INSTANT:
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if kind == pa.date32() else value
