"""Batches: checked events as columns, waiting for their place in the log.

Events become Arrow columns while they are added, so that a batch of a hundred thousand costs the
memory of its text and not that of its Python objects.
"""

from __future__ import annotations

import bisect
from collections.abc import Collection
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import uuid_utils

from event_log.category import INSTANT, Registry
from event_log.event import NewEvent
from event_log.validation import Validator

CHUNK = 4096
"""Events that are Python objects at a time."""

GIVEN = pa.schema(
    [
        ("event_id", pa.string()),
        ("stream", pa.string()),
        ("category", pa.string()),
        ("type", pa.string()),
        ("schema_version", pa.int64()),
        ("occurred_at", INSTANT),
        ("actor", pa.string()),
        ("correlation_id", pa.string()),
        ("causation_id", pa.string()),
    ]
)
"""The envelope's columns that are known before the events have their place."""


class Batch:
    """Events to be appended together, all or nothing.

    An id that was added before is not added again: such an event is counted by ``repeated``.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._validator = Validator(registry)
        self._lines: list[tuple[Any, ...]] = []
        self._data: dict[str, list[Any]] = {}
        self._chunks: list[pa.RecordBatch] = []
        self._ids: set[str] = set()
        self._full = 0
        self._attempted = False
        self._repeats: list[int] = []

    def __len__(self) -> int:
        return self._full + len(self._lines)

    @property
    def repeated(self) -> int:
        """How many events were left out because the batch had their ids already."""
        return len(self._repeats)

    def ids_to_look_up(self) -> Collection[str]:
        """The ids that the log may have: at first only those that came with their events.

        From the second time on also those that were made here: the first attempt may have
        written them and failed after that.
        """
        if not self._attempted:
            self._attempted = True
            return self._ids
        ids: list[str] = self.table().column("event_id").to_pylist()
        return ids

    def position(self, event_id: str) -> int:
        """The place of an event among all that were handed to ``add``, from 0."""
        place: int = pc.index(self.table().column("event_id"), event_id).as_py()
        return place + bisect.bisect_right(self._repeats, place)

    def add(self, event: NewEvent) -> None:
        """Check an event and add it; raises ``InvalidEvent`` and leaves the batch as it was."""
        category = self._validator.category(event)
        data = self._validator.data(event, category)
        event_id, occurred_at, rest = self._validator.envelope(event)
        if event_id is None:
            event_id = str(uuid_utils.uuid7())
        elif event_id in self._ids:
            self._repeats.append(len(self))
            return
        else:
            self._ids.add(event_id)
        place = len(self._lines)
        self._lines.append(
            (
                event_id,
                event.stream,
                category.name,
                event.type,
                category.schema_version,
                occurred_at,
                *rest,
            )
        )
        column = self._data.setdefault(category.name, [])
        column.extend([None] * (place - len(column)))
        column.append(data)
        if len(self._lines) == CHUNK:
            self._seal_chunk()

    def table(self) -> pa.Table:
        """All events as one table: the columns of ``GIVEN``, then a struct for each category."""
        self._seal_chunk()
        present = [n for n in self._registry if any(n in c.schema.names for c in self._chunks)]
        structs = [pa.field(n, self._registry[n].struct) for n in present]
        schema = pa.schema([*GIVEN, *structs])
        return pa.Table.from_batches([_widened(chunk, schema) for chunk in self._chunks], schema)

    def _seal_chunk(self) -> None:
        if not self._lines:
            return
        count = len(self._lines)
        columns = zip(*self._lines, strict=True)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, GIVEN, strict=True)]
        fields = list(GIVEN)
        for name, values in self._data.items():
            values.extend([None] * (count - len(values)))
            struct = self._registry[name].struct
            arrays.append(pa.array(values, struct))
            fields.append(pa.field(name, struct))
        self._chunks.append(pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields)))
        self._full += count
        self._lines = []
        self._data = {}


def _widened(chunk: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    arrays = [
        chunk.column(f.name) if f.name in chunk.schema.names else pa.nulls(len(chunk), f.type)
        for f in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
