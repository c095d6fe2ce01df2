"""Upcasters: convert events of an earlier schema version to the next version when they are read.

The log's files are never rewritten. An upcaster works on columns, so replay stays vectorised
however old the events are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Set
from types import CodeType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

CLEARED = pa.field("cleared", pa.list_(pa.string()))
"""The last column of every category: the names of the fields that an event empties."""

ADDRESS = re.compile(" at 0x[0-9a-f]+")

Step = Callable[[pa.RecordBatch, pa.Array], pa.RecordBatch]
"""A function of the fields of some events, ``cleared`` last, and of their types (strings). It
returns the converted fields, one line for each event, in the same order."""


class Upcaster:
    """Converts events of one schema version to the next, by steps over columns.

    ``fields`` are those of the earlier version, as its category declared them, and then its
    annotations: the steps treat both alike. Each step takes the columns that the previous step
    returned: ``renamed``, ``filled``, ``dropped``, or your own function over columns (a ``Step``),
    which must also convert the names in ``cleared``. A field that the last step leaves out is
    absent. A field that the next version lacks is an error.

    Raise ``code_version`` when you change code that the steps call: results of the old code are
    then built again. A change of the step function itself is detected.

    >>> tag = pa.schema([("label", pa.string())])
    >>> upcaster = Upcaster(tag, renamed("label", "name"))
    >>> events = pa.record_batch([pa.array(["Whales", None]), pa.array([None, ["label"]])],
    ...                          pa.schema([*tag, CLEARED]))
    >>> upcaster.apply(events, pa.array(["TagDefined", "TagRevised"])).to_pylist()
    [{'name': 'Whales', 'cleared': None}, {'name': None, 'cleared': ['name']}]
    """

    def __init__(self, fields: pa.Schema, *steps: Step, code_version: int = 1) -> None:
        self.fields = fields
        self.steps = steps
        self.code_version = code_version
        self.schema = pa.schema([*fields, CLEARED])

    def apply(self, fields: pa.RecordBatch, types: pa.Array) -> pa.RecordBatch:
        """Convert the fields of events from this version (``schema``) to the next."""
        for step in self.steps:
            fields = step(fields, types)
        return fields

    @property
    def digest(self) -> str:
        """A hash of the fields, the steps and ``code_version``, hexadecimal."""
        parts = [str(self.fields.remove_metadata()), str(self.code_version)]
        parts += [_description(step) for step in self.steps]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _description(value: Any) -> str:
    """Return text that identifies a step's code, the same in every process.

    It has the step's instructions, its constants, and the values that it encloses.
    """
    if isinstance(value, CodeType):
        return repr((value.co_code.hex(), value.co_names, _description(value.co_consts)))
    if isinstance(value, Set):
        return repr(sorted(map(_description, value)))
    if isinstance(value, tuple):
        return repr([_description(item) for item in value])
    code = getattr(value, "__code__", None)
    if code is None:
        return ADDRESS.sub("", repr(value))
    enclosed = [_description(cell.cell_contents) for cell in value.__closure__ or ()]
    return repr(
        (value.__qualname__, _description(code), _description(value.__defaults__), enclosed)
    )


def renamed(old: str, new: str) -> Step:
    """Return a step that renames a field, also in ``cleared``."""

    def step(fields: pa.RecordBatch, types: pa.Array) -> pa.RecordBatch:  # noqa: ARG001
        names = fields.schema.names
        names[_place(fields, old)] = new
        fields = fields.rename_columns(names)
        cleared = fields.column("cleared")
        items = cleared.flatten()
        return _with_cleared(
            fields, pc.if_else(pc.equal(items, old), new, items), _lengths(cleared)
        )

    return step


def dropped(name: str) -> Step:
    """Return a step that drops a field, also from ``cleared``."""

    def step(fields: pa.RecordBatch, types: pa.Array) -> pa.RecordBatch:  # noqa: ARG001
        return _without_cleared(fields.remove_column(_place(fields, name)), name)

    return step


def filled(name: str, value: Any, types: Collection[str]) -> Step:
    """Return a step that fills a field, so that it can be required from now on.

    Events of these types that lack the field get the value, and so does every event that clears
    it. Pass a ``pyarrow.Scalar`` if the type does not follow from the value. Events of other types
    stay as they are: a revision without the field does not change it.
    """
    scalar, chosen = pa.scalar(value), tuple(sorted(types))

    def step(fields: pa.RecordBatch, types: pa.Array) -> pa.RecordBatch:
        if name not in fields.schema.names:
            fields = fields.add_column(0, name, pa.nulls(len(fields), scalar.type))
        place = _place(fields, name)
        column = fields.column(place)
        wanted = pc.or_(
            pc.is_in(types, pa.array(chosen, types.type)),
            _clearing(fields.column("cleared"), name),
        )
        wanted = pc.and_(wanted, column.is_null())
        column = pc.if_else(wanted, scalar.cast(column.type), column)
        return _without_cleared(fields.set_column(place, name, column), name)

    return step


def _place(fields: pa.RecordBatch, name: str) -> int:
    place: int = fields.schema.get_field_index(name)
    if place < 0:
        raise ValueError(f"there is no {name!r}, but {', '.join(fields.schema.names)}")
    return place


def _lengths(cleared: pa.ListArray) -> np.ndarray[Any, np.dtype[np.int32]]:
    lengths: np.ndarray[Any, np.dtype[np.int32]]
    lengths = pc.fill_null(pc.list_value_length(cleared), 0).to_numpy()
    return lengths


def _clearing(cleared: pa.ListArray, name: str) -> pa.Array:
    """Return whether each event clears the field."""
    owners = np.repeat(np.arange(len(cleared)), _lengths(cleared))
    clears = np.zeros(len(cleared), bool)
    clears[owners[pc.equal(cleared.flatten(), name).to_numpy(zero_copy_only=False)]] = True
    return pa.array(clears)


def _without_cleared(fields: pa.RecordBatch, name: str) -> pa.RecordBatch:
    cleared = fields.column("cleared")
    items, lengths = cleared.flatten(), _lengths(cleared)
    others = pc.not_equal(items, name)
    owners = np.repeat(np.arange(len(cleared)), lengths)
    kept = owners[others.to_numpy(zero_copy_only=False)]
    return _with_cleared(fields, items.filter(others), np.bincount(kept, minlength=len(cleared)))


def _with_cleared(fields: pa.RecordBatch, items: pa.Array, lengths: Any) -> pa.RecordBatch:
    """Return the fields with another ``cleared``: ``lengths`` of the items for each event."""
    place = fields.schema.get_field_index("cleared")
    offsets = np.zeros(len(fields) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    absent = fields.column(place).is_null()
    cleared = pa.ListArray.from_arrays(pa.array(offsets), items, CLEARED.type, mask=absent)
    return fields.set_column(place, CLEARED, cleared)
