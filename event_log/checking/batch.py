"""Batches: checked events as columns, waiting for their place in the log.

Events become Arrow columns while they are added, so that a batch of a hundred thousand costs the
memory of its text and not that of its Python objects. Events that come as columns stay columns.
"""

from __future__ import annotations

import bisect
import os
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import uuid_utils

from event_log.category import INSTANT, Registry
from event_log.checking import arrow, columns
from event_log.checking.one_event import Validator
from event_log.digests.canonical import CHAINED
from event_log.digests.digest import canonical_forms
from event_log.errors import InvalidEvent
from event_log.event import NewEvent

CHUNK = 4096
"""Events kept as Python objects before they become columns."""

COLUMNS = pa.schema(
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
"""The envelope's columns before the events have their place in the log."""
CATEGORY = COLUMNS.get_field_index("category")
HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), "S2")
GROUPS = ((0, 0, 4), (9, 4, 6), (14, 6, 8), (19, 8, 10), (24, 10, 16))
"""For each group of digits: its place in the text, and the bytes that it shows."""
Line = tuple[tuple[Any, ...], Mapping[str, Any]]
"""One event: the values of ``COLUMNS``, and its data."""


class Batch:
    """Events to append together, all or nothing.

    An event that is already in the batch, with the same id and content, is not added again;
    ``repeated`` counts these.
    """

    def __init__(self, registry: Registry, validator: Validator | None = None) -> None:
        self._registry = registry
        self._validator = validator or Validator(registry)
        self._lines: list[Line] = []
        self._chunks: list[pa.RecordBatch] = []
        self._ids: dict[str, int] = {}
        self._id_arrays: list[pa.Array] = []
        self._full = 0
        self._attempted = False
        self._repeats: list[int] = []

    def __len__(self) -> int:
        return self._full + len(self._lines)

    @property
    def repeated(self) -> int:
        """The number of events that were not added because the batch had them."""
        return len(self._repeats)

    @property
    def lines(self) -> list[Line] | None:
        """The events as Python objects while they are few; None once they are columns."""
        return None if self._chunks else self._lines

    def streams(self) -> list[str]:
        """Return the streams of its events, each once."""
        if self.lines is not None:
            return list(dict.fromkeys(envelope[1] for envelope, _ in self.lines))
        streams: list[str] = self.table().column("stream").unique().to_pylist()
        return streams

    def ids_to_look_up(self) -> Collection[str] | pa.Array:
        """Return the ids that the log may have: on the first attempt, only those of the caller.

        From the second attempt on also the ids made here: the first attempt may have written them
        and failed afterwards.
        """
        if self._attempted:
            return self.table().column("event_id").combine_chunks()
        self._attempted = True
        if self._id_arrays:
            return pa.concat_arrays([*self._id_arrays, pa.array([*self._ids], pa.string())])
        return list(self._ids)

    def position(self, event_id: str) -> int:
        """Return the place of an event among all that were passed to ``add``, from 0."""
        place: int = pc.index(self.table().column("event_id"), event_id).as_py()
        return place + bisect.bisect_right(self._repeats, place)

    def add(self, event: NewEvent) -> None:
        """Validate an event and add it; raises ``InvalidEvent`` and leaves the batch unchanged."""
        category = self._validator.category(event)
        data = self._validator.data(event, category)
        event_id, occurred_at, rest = self._validator.envelope(event)
        known = (event.stream, category.name, event.type, category.schema_version, occurred_at)
        if event_id is None:
            event_id = str(uuid_utils.uuid7())
        else:
            content = _content(known, rest, data)
            if event_id in self._ids:
                if self._ids[event_id] != content:
                    raise _twice(event_id)
                self._repeats.append(len(self))
                return
            self._ids[event_id] = content
        self._lines.append(((event_id, *known, *rest), data))
        if len(self._lines) == CHUNK:
            self._seal_chunk()

    def add_columns(self, events: pa.Table) -> None:
        """Validate a table of events, and add them to this empty batch.

        ``columns.checked`` describes the table.
        """
        arrow.check_columns(events, self._registry)
        self._add_checked(events)

    def _add_checked(self, events: pa.Table) -> None:
        try:
            table = together(columns.in_parts(events, self._registry), self._registry)
        except InvalidEvent as error:
            if error.position:  # an earlier event may contradict another with the same id
                Batch(self._registry)._add_checked(events.slice(0, error.position))
            raise
        ids = table.column("event_id")
        if ids.null_count < len(ids):
            table = self._without_repeats(table)
            ids = table.column("event_id")
            self._id_arrays.append(ids.drop_null().combine_chunks())
        if ids.null_count:
            complete = pc.coalesce(ids, pa.chunked_array([uuid7s(len(ids))]))
            table = table.set_column(0, "event_id", complete)
        self._chunks += table.combine_chunks().to_batches()
        self._full += len(table)

    def _without_repeats(self, table: pa.Table) -> pa.Table:
        """Drop events whose id came before in the table; they must have the same content."""
        ids = table.column("event_id").combine_chunks()
        codes = pc.fill_null(ids.dictionary_encode().indices, -1).to_numpy(zero_copy_only=False)
        _, firsts, place = np.unique(codes, return_index=True, return_inverse=True)
        again = np.flatnonzero((firsts[place] != np.arange(len(codes))) & (codes >= 0))
        if not len(again):
            return table
        same = pc.equal(_forms(table.take(again)), _forms(table.take(firsts[place[again]])))
        other = pc.index(same, False).as_py()
        if other >= 0:
            error = _twice(ids[again[other]].as_py())
            raise InvalidEvent(error.field, error.reason, int(again[other]))
        self._repeats += (again - np.arange(len(again))).tolist()
        return table.take(np.setdiff1d(np.arange(len(codes)), again))

    def table(self) -> pa.Table:
        """Return the events as one table: ``COLUMNS``, then a struct for each category."""
        self._seal_chunk()
        return _joined(self._chunks, self._registry)

    def _seal_chunk(self) -> None:
        if self._lines:
            self._chunks.append(as_columns(self._lines, self._registry))
            self._full += len(self._lines)
            self._lines = []


def as_columns(lines: Iterable[Line], registry: Registry) -> pa.RecordBatch:
    """Return valid events as one batch: ``COLUMNS``, then a struct for each category."""
    envelopes, data = zip(*lines, strict=True)
    arrays = [
        pa.array(c, f.type) for c, f in zip(zip(*envelopes, strict=True), COLUMNS, strict=True)
    ]
    fields = list(COLUMNS)
    categories = [envelope[CATEGORY] for envelope in envelopes]
    for name in dict.fromkeys(categories):
        struct = registry[name].struct
        of_category = [d if c == name else None for d, c in zip(data, categories, strict=True)]
        arrays.append(pa.array(of_category, struct))
        fields.append(pa.field(name, struct))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _joined(chunks: list[pa.RecordBatch], registry: Registry) -> pa.Table:
    present = [n for n in registry if any(n in c.schema.names for c in chunks)]
    schema = pa.schema([*COLUMNS, *(pa.field(n, registry[n].struct) for n in present)])
    return pa.Table.from_batches([_widened(chunk, schema) for chunk in chunks], schema)


def together(tables: list[pa.Table], registry: Registry) -> pa.Table:
    """Join tables of events into one that has the structs of all."""
    return _joined([batch for table in tables for batch in table.to_batches()], registry)


def _widened(chunk: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    arrays = [
        chunk.column(f.name) if f.name in chunk.schema.names else pa.nulls(len(chunk), f.type)
        for f in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _forms(events: pa.Table) -> pa.Array:
    """Return the canonical forms of events that have no place in the log yet."""
    names = [*CHAINED, *(field.name for field in events.schema if pa.types.is_struct(field.type))]
    absent = pa.nulls(len(events), pa.int64())
    known = events.schema.names
    arrays = [events.column(n).combine_chunks() if n in known else absent for n in names]
    return canonical_forms(pa.RecordBatch.from_arrays(arrays, names=names))


def _content(known: tuple[Any, ...], rest: list[str | None], data: Mapping[str, Any]) -> int:
    """Return the hash of what an event says. Numbers go as text: -1 and -2 hash the same."""
    fields = frozenset([(n, v if type(v) is str else repr(v)) for n, v in data.items()])
    return hash((*known[:-1], repr(known[-1]), *rest, fields))


def _twice(event_id: str) -> InvalidEvent:
    return InvalidEvent(
        "event_id", f"{event_id!r} comes twice in this append, with different content"
    )


def uuid7s(count: int) -> pa.Array:
    """Return a number of UUIDs of version 7 (RFC 9562), each greater than the one before it.

    The millisecond is followed by a counter of 32 bits that begins at random (section 6.2,
    method 1), and by 42 random bits.

    >>> ids = uuid7s(3).to_pylist()
    >>> ids == sorted(set(ids)), ids[0][14]
    (True, '7')
    """
    random = np.frombuffer(os.urandom(16 * count), np.uint8).reshape(count, 16).copy()
    start = int.from_bytes(os.urandom(4), "big") >> 1
    counter = np.arange(start, start + count, dtype=np.uint64)
    random[:, :6] = np.frombuffer((time.time_ns() // 1_000_000).to_bytes(6, "big"), np.uint8)
    random[:, 6] = 0x70 | (counter >> 28)
    random[:, 7] = counter >> 20 & 0xFF
    random[:, 8] = 0x80 | (counter >> 14 & 0x3F)
    random[:, 9] = counter >> 6 & 0xFF
    random[:, 10] = (counter & 0x3F) << 2 | (random[:, 10] & 3)
    text = np.full((count, 36), ord("-"), np.uint8)
    for place, first, end in GROUPS:
        digits = HEX[random[:, first:end]].view(np.uint8).reshape(count, -1)
        text[:, place : place + digits.shape[1]] = digits
    offsets = np.arange(0, 36 * (count + 1), 36, dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    return pa.StringArray.from_buffers(count, buffers[1], buffers[2])
