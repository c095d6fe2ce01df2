"""Digests: the canonical form of an event, and the chain over the commits.

The canonical form is text, so that it does not depend on how an event is stored. It is the
concatenation of

1. ``stet-1;``
2. the envelope in the order of ``ENVELOPE`` without ``category`` and ``digest``: each value in
   its text form as ``<length in bytes>:<text>``, and ``-`` for a value that is absent;
3. the data: for each field that the event carries, by the name's order, ``cleared`` among them,
   the name and the value, both as ``<length in bytes>:<text>``.

Text forms: a string is itself; a whole number is decimal; an instant is its microseconds since
1970 in UTC, a day its days since then; true and false are those words; a floating-point number is
the decimal of its IEEE 754 bits read as a signed 64-bit integer; a list is its items, each as
``<length in bytes>:<text>``. A field that is absent leaves no trace, so a category that gains a
field keeps its digests.

An event's digest is the SHA-256 of its canonical form in UTF-8. A commit's digest is the SHA-256
of the previous commit's digest (32 zero bytes before the first) followed by its events' digests.
Everything here works on columns; only the hashing itself is a loop.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

NO_DIGEST = bytes(32)
STRING = pa.large_string()
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
    parts = [pa.scalar("stet-1;", STRING)]
    parts += [pc.fill_null(_measured(_as_text(events.column(column))), "-") for column in CHAINED]
    for struct in _structs(events):
        parts += _fields(struct)
    canonical = _join(*parts).cast(pa.large_binary())
    sha256 = hashlib.sha256
    return pa.array([sha256(form).digest() for form in canonical.to_pylist()], pa.binary(32))


def chain(previous: bytes, digests: pa.Array) -> bytes:
    """The digest of a commit: over the previous commit's and those of its events."""
    state = hashlib.sha256(previous)
    for digest in digests.to_pylist():
        state.update(digest)
    return state.digest()


def _structs(events: pa.RecordBatch) -> list[pa.StructArray]:
    return [column for column in events.columns if pa.types.is_struct(column.type)]


def _fields(struct: pa.StructArray) -> list[Any]:
    """For each field by name: its name and value where the event carries it, else nothing."""
    columns = dict(zip([f.name for f in struct.type], struct.flatten(), strict=True))
    parts = []
    for name in sorted(columns):
        if columns[name].null_count == len(columns[name]):
            continue
        prefix = pa.scalar(f"{len(name.encode())}:{name}", STRING)
        parts.append(pc.fill_null(_join(prefix, _measured(_as_text(columns[name]))), ""))
    return parts


def _join(*parts: Any) -> pa.Array:
    return pc.binary_join_element_wise(*parts, pa.scalar("", STRING))


def _measured(texts: pa.Array) -> pa.Array:
    """``<length in bytes>:<text>`` of each text; null stays null."""
    lengths = pc.binary_length(texts).cast(STRING)
    return pc.binary_join_element_wise(lengths, texts, pa.scalar(":", STRING))


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
    items = _measured(_as_text(column.flatten()))
    lengths = pc.fill_null(pc.list_value_length(column), 0).cast(pa.int64())
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)])
    lists = pa.LargeListArray.from_arrays(offsets, items)
    joined = pc.binary_join(lists, pa.scalar("", STRING))
    return pc.if_else(column.is_valid(), joined, pa.scalar(None, STRING))
