"""The canonical form of an event: its content as bytes, independent of how it is stored.

For each value that the event has, it concatenates

    <name> <type: one byte> <length of the value: 32 bits, little endian> <value>

first the envelope in the order of ``CHAINED``, then the data: the fields that the event carries,
``cleared`` among them, sorted by the code points of their names, each name with a ``.`` before it
(``.headline``). An absent value adds no bytes, so adding a field to a category keeps its digests.
The type tells how to read the bytes; without it a file with a changed type could have the same
digest. No name has a byte below 0x20. The types are

- 0x01, a string: its UTF-8;
- 0x02, a whole number: 8 bytes, two's complement;
- 0x03, an instant: its microseconds since 1970 in UTC, written as a whole number;
- 0x04, a day: its days since 1970 in 4 bytes, two's complement;
- 0x05, true or false: one byte, 1 or 0;
- 0x06, a floating-point number: its 8 bytes of IEEE 754; a NaN is always 0x7FF8000000000000;
- 0x10 and one of these, a list: its items one after another, each as ``<length: 32 bits> <value>``;
  an item that is null is the length 0xFFFFFFFF and nothing after it.

All numbers are little endian. The functions work on columns, without the interpreter's lock.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from event_log.category import INSTANT, TEXT
from event_log.errors import EventLogError

Numbers = npt.NDArray[Any]
Offsets = npt.NDArray[np.int64]

NULL_ITEM = 0xFFFF_FFFF
QUIET_NAN = 0x7FF8_0000_0000_0000
BYTES = pa.large_binary()
EMPTY = pa.py_buffer(b"")
STRING, INTEGER, MOMENT, DAY, BOOLEAN, NUMBER = range(1, 7)
LIST = 0x10
KINDS = (
    (pa.string(), STRING, None),
    (TEXT, STRING, None),
    (pa.int64(), INTEGER, "<i8"),
    (INSTANT, MOMENT, "<i8"),
    (pa.date32(), DAY, "<i4"),
    (pa.bool_(), BOOLEAN, "u1"),
    (pa.float64(), NUMBER, "<i8"),
)
"""The byte of each type, and numpy's type for values of a fixed size."""
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
"""The envelope's columns in the canonical form, in order."""


def joined(events: pa.RecordBatch, start: bytes) -> pa.LargeBinaryArray:
    """Return ``start`` and the canonical form of each event; the batch must not be empty."""
    parts = _Parts(len(events), start)
    for name in CHAINED:
        parts.add(name, events.column(name))
    for column in events.columns:
        if pa.types.is_struct(column.type):
            names = [f".{field.name}" for field in column.type]
            fields = zip(names, column.flatten(), strict=True)
            for name, field in sorted(fields, key=itemgetter(0)):
                parts.add(name, field)
    return parts.joined()


class _Parts:
    """Columns of bytes to join event by event.

    Neighbouring values of a fixed size are put into one column, so that the join has few
    arguments: each argument costs as much as some fifty bytes.
    """

    def __init__(self, count: int, start: bytes = b"") -> None:
        self._count = count
        self._columns: list[pa.LargeBinaryArray] = []
        self._side_by_side = bytearray(start)
        self._numbers: list[tuple[int, Numbers]] = []

    def add(self, name: str, column: pa.Array) -> None:
        """Add a value with its name and length, for the events that have it."""
        if column.null_count == self._count:
            return
        valid = _validity(column)
        if valid:
            self._end_column()
        kind, form = _kind(column.type, name)
        self._side_by_side += name.encode() + bytes([kind])
        if form is None:
            offsets, data = _as_bytes(column, name)
            self._add_numbers(_lengths(offsets, column, name))
            self._end_column(valid)
            self._columns.append(_binary(offsets, data, valid))
        else:
            numbers = _as_numbers(column, form)
            self._side_by_side += numbers.itemsize.to_bytes(4, "little")
            self._add_numbers(numbers)
            if valid:
                self._end_column(valid)

    def add_items(self, name: str, items: pa.Array) -> None:
        """Add the items of lists with their lengths."""
        valid = _validity(items)
        _, form = _kind(items.type, name)
        if form is None:
            offsets, data = _as_bytes(items, name)
            self._add_numbers(_lengths(offsets, items, name, NULL_ITEM))
            self._end_column()
            self._columns.append(_binary(offsets, data, valid))
            return
        numbers = _as_numbers(items, form)
        if valid:
            lengths = np.where(is_valid(items), numbers.itemsize, NULL_ITEM)
            self._add_numbers(lengths.astype("<u4"))
            self._end_column()
        else:
            self._side_by_side += numbers.itemsize.to_bytes(4, "little")
        self._add_numbers(numbers)
        self._end_column(valid)

    def joined(self) -> pa.LargeBinaryArray:
        """Return the joined columns."""
        self._end_column()
        if len(self._columns) == 1 and not self._columns[0].null_count:
            return self._columns[0]
        # Not a constant, because the first scalar of a process makes Arrow import pandas.
        nothing = pa.scalar(b"", BYTES)
        return pc.binary_join_element_wise(*self._columns, nothing, null_handling="skip")

    def _add_numbers(self, numbers: Numbers) -> None:
        self._numbers.append((len(self._side_by_side), numbers))
        self._side_by_side += bytes(numbers.itemsize)

    def _end_column(self, valid: pa.Buffer | None = None) -> None:
        """Make the values side by side a column, null where ``valid`` has a zero bit."""
        width = len(self._side_by_side)
        if not width:
            return
        data = self._side_by_side * self._count
        for place, numbers in self._numbers:
            np.ndarray(self._count, numbers.dtype, data, place, (width,))[:] = numbers
        offsets = np.arange(0, len(data) + 1, width)
        self._columns.append(_binary(offsets, pa.py_buffer(data), valid))
        self._side_by_side, self._numbers = bytearray(), []


def _kind(kind: pa.DataType, name: str) -> tuple[int, str | None]:
    """Return the byte of a type, and numpy's type; None for values that vary in size."""
    if pa.types.is_list(kind) and not pa.types.is_list(kind.value_type):
        return LIST | _kind(kind.value_type, name)[0], None
    for known, byte, form in KINDS:
        if kind == known:
            return byte, form
    raise EventLogError(f"{name.removeprefix('.')}: the log keeps no values of the type {kind}")


def _as_bytes(column: pa.Array, name: str) -> tuple[Offsets, pa.Buffer]:
    """Return the offsets and the buffer of the bytes of each string or list."""
    places = _offsets(column)
    if not pa.types.is_list(column.type):
        return places, column.buffers()[2] or EMPTY
    items = column.values.slice(places[0], places[-1] - places[0])
    if not len(items):
        return np.zeros_like(places), EMPTY
    parts = _Parts(len(items))
    parts.add_items(name, items)
    joined = parts.joined()
    return _offsets(joined)[places - places[0]], joined.buffers()[2]


def _as_numbers(column: pa.Array, form: str) -> Numbers:
    """Return the values as they are written; any number where the column is null."""
    is_float = column.type == pa.float64()
    if column.type == pa.bool_():
        column = column.cast(pa.uint8())
    offset = column.offset * np.dtype(form).itemsize
    numbers = np.frombuffer(column.buffers()[1], form, len(column), offset)
    if is_float:
        unordered = np.isnan(numbers.view("<f8"))
        if unordered.any():
            return np.where(unordered, QUIET_NAN, numbers)
    return numbers


def _lengths(offsets: Offsets, column: pa.Array, name: str, absent: int = 0) -> Numbers:
    """Return the length of each value as it is written, and ``absent`` for nulls."""
    lengths = offsets[1:] - offsets[:-1]
    if lengths.max() >= NULL_ITEM:
        raise EventLogError(f"{name.removeprefix('.')}: a value of 4 GiB cannot be kept")
    if column.null_count:
        lengths = np.where(is_valid(column), lengths, absent)
    return lengths.astype("<u4")


def is_valid(column: pa.Array) -> npt.NDArray[np.bool_]:
    """Return whether each value is not null."""
    valid: npt.NDArray[np.bool_] = column.is_valid().to_numpy(zero_copy_only=False)
    return valid


def _validity(column: pa.Array) -> pa.Buffer | None:
    """Return a bitmap of the values that are not null; None when there are no nulls."""
    if not column.null_count:
        return None
    return pa.py_buffer(np.packbits(is_valid(column), bitorder="little"))


def _offsets(column: pa.Array) -> Offsets:
    """Return where each value of a string, list or binary array begins and the last one ends."""
    form = np.dtype("<i8" if column.type in (TEXT, BYTES) else "<i4")
    offset = column.offset * form.itemsize
    places = np.frombuffer(column.buffers()[1], form, len(column) + 1, offset)
    return places.astype(np.int64, copy=False)


def _binary(offsets: Offsets, data: pa.Buffer, valid: pa.Buffer | None) -> pa.LargeBinaryArray:
    """Return an array over existing bytes, without copying."""
    buffers = [valid, pa.py_buffer(offsets), data]
    return pa.LargeBinaryArray.from_buffers(BYTES, len(offsets) - 1, buffers)
