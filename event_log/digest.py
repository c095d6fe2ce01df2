"""Digests: the canonical form of an event, and the chain over the commits.

The canonical form is text, so that it does not depend on how an event is stored. It is the
concatenation of

1. ``stet-1;``
2. the envelope in the order of ``ENVELOPE`` without ``category`` and ``digest``: each value in
   its text form as ``<length in bytes>:<text>``, and ``-`` for a value that is absent;
3. the data: for each field that the event carries, by the name's code points, ``cleared`` among
   them, the name and the value, both as ``<length in bytes>:<text>``.

Text forms: a string is itself; a whole number is decimal; an instant is its microseconds since
1970 in UTC, a day its days since then; true and false are those words; a floating-point number is
the decimal of its IEEE 754 bits read as a signed 64-bit integer; a list is its items, each as
``<length in bytes>:<text>``, and ``-`` for one that is null. A field that is absent leaves no
trace, so a category that gains a field keeps its digests.

An event's digest is the SHA-256 of its canonical form in UTF-8. A commit's digest is the SHA-256
of the previous commit's digest (32 zero bytes before the first) followed by its events' digests.
Everything here works on columns; only the hashing itself is a loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

NO_DIGEST = bytes(32)
STRING = pa.large_string()
SEPARATOR, COLON, ABSENT = (pa.scalar(text, STRING) for text in ("", ":", "-"))
CHAINED = (
    "sequence",
    "event_id",
    "stream",
    "version",
    "type",
    "schema_version",
    "recorded_at",
    "occurred_at",
    "actor",
    "correlation_id",
    "causation_id",
)
"""The envelope's columns that the canonical form has, in its order."""


def event_digests(events: pa.RecordBatch) -> pa.Array:
    """The digest of each event of a batch, as 32 bytes; a ``digest`` column is not looked at.

    The batch has the columns of ``CHAINED`` and a struct column for each category in it.
    """
    parts: list[Any] = [pa.scalar("stet-1;", STRING)]
    for name in CHAINED:
        column = events.column(name)
        if column.null_count == len(column):
            parts.append(ABSENT)
        else:
            part = _measured(column)
            parts.append(pc.fill_null(part, ABSENT) if part.null_count else part)
    for column in events.columns:
        if pa.types.is_struct(column.type):
            parts += _fields(column)
    canonical = pc.binary_join_element_wise(*parts, SEPARATOR, null_handling="skip")
    digests = b"".join(sha256(form).digest() for form in _bytes_of(canonical))
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(32), len(events), [None, pa.py_buffer(digests)]
    )


def chain(previous: bytes, digests: Iterable[pa.Array]) -> bytes:
    """The digest of a commit: over the previous commit's and those of its events, in order."""
    state = sha256(previous)
    for array in digests:
        state.update(b"".join(array.to_pylist()))
    return state.digest()


def _bytes_of(texts: pa.Array) -> Iterator[memoryview]:
    """The UTF-8 of each text of a large string array without nulls, not copied."""
    _, offsets, text = texts.buffers()
    places = memoryview(offsets).cast("q")[texts.offset : texts.offset + len(texts) + 1]
    view = memoryview(text)
    return (view[start:end] for start, end in pairwise(places))


def _fields(struct: pa.StructArray) -> list[pa.Array]:
    """For each field by name: its name and value where the event carries it, null elsewhere."""
    columns = dict(zip([f.name for f in struct.type], struct.flatten(), strict=True))
    return [
        _measured(columns[name], f"{len(name.encode())}:{name}")
        for name in sorted(columns)
        if columns[name].null_count < len(struct)
    ]


def _measured(column: pa.Array, prefix: str = "") -> pa.Array:
    """``<length in bytes>:<text>`` of each value after a prefix; null stays null."""
    texts = _as_text(column)
    lengths = pc.binary_length(texts).cast(STRING)
    before = (pa.scalar(prefix, STRING),) if prefix else ()
    return pc.binary_join_element_wise(*before, lengths, COLON, texts, SEPARATOR)


def _as_text(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_list(kind):
        return _list_as_text(column)
    if pa.types.is_timestamp(kind) or pa.types.is_float64(kind):
        column = column.view(pa.int64())
    elif pa.types.is_date32(kind):
        column = column.view(pa.int32())
    return column.cast(STRING)


def _list_as_text(column: pa.ListArray) -> pa.Array:
    items = pc.fill_null(_measured(column.flatten()), ABSENT)
    lengths = pc.fill_null(pc.list_value_length(column), 0).cast(pa.int64())
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)])
    joined = pc.binary_join(pa.LargeListArray.from_arrays(offsets, items), SEPARATOR)
    return (
        pc.if_else(column.is_valid(), joined, pa.scalar(None, STRING))
        if column.null_count
        else joined
    )
