"""Upcasters: how events of an earlier schema version are to be read in the next one.

The log's files are never rewritten. What an upcaster says is done to columns whenever events are
read, so that replay stays vectorised, however old the events are.
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
"""Takes the fields of some events, ``cleared`` the last, and the types of these events (strings);
gives the fields changed, one line for each event in the same order."""


class Upcaster:
    """What turns events of one schema version into those of the next.

    ``fields`` are those of the earlier version, as its category declared them. Each step takes
    the columns that the one before it gave: ``renamed``, ``filled``, ``dropped``, or a function of
    yours over columns (a ``Step``), which has to see to the names in ``cleared`` as well. A field
    that the last step leaves out is absent; one that the next version does not have is an error.

    Raise ``code_version`` when what the steps call was mended: what was made with them before is
    then made anew. That a function given as a step was changed is seen without.

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
        """The fields of events of the next version, from those (``schema``) of this one."""
        for step in self.steps:
            fields = step(fields, types)
        return fields

    @property
    def digest(self) -> str:
        """Differs when the fields, the steps or ``code_version`` do; hexadecimal."""
        seen = [str(self.fields.remove_metadata()), str(self.code_version)]
        seen += [_seen(step) for step in self.steps]
        return hashlib.sha256("\0".join(seen).encode()).hexdigest()


def _seen(value: Any) -> str:
    """What a step does, as far as that shows, and the same in every process.

    These are its instructions, its constants, and what it encloses.
    """
    if isinstance(value, CodeType):
        return repr((value.co_code.hex(), value.co_names, _seen(value.co_consts)))
    if isinstance(value, Set):
        return repr(sorted(map(_seen, value)))
    if isinstance(value, tuple):
        return repr([_seen(item) for item in value])
    code = getattr(value, "__code__", None)
    if code is None:
        return ADDRESS.sub("", repr(value))
    enclosed = [_seen(cell.cell_contents) for cell in value.__closure__ or ()]
    return repr((value.__qualname__, _seen(code), _seen(value.__defaults__), enclosed))


def renamed(old: str, new: str) -> Step:
    """The step that gives a field another name, also where it is cleared."""

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
    """The step that leaves a field out, also where it is cleared."""

    def step(fields: pa.RecordBatch, types: pa.Array) -> pa.RecordBatch:  # noqa: ARG001
        return _without_cleared(fields.remove_column(_place(fields, name)), name)

    return step


def filled(name: str, value: Any, types: Collection[str]) -> Step:
    """The step that lets a field never be empty, so that it can be required from now on.

    Events of the given types that lack it get the value (a ``pyarrow.Scalar`` where its type does
    not follow from it), and so does every event that clears it. Events of other types are left
    alone: a revision without the field does not change it.
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
    """Whether each event clears the field."""
    owners = np.repeat(np.arange(len(cleared)), _lengths(cleared))
    found = np.zeros(len(cleared), bool)
    found[owners[pc.equal(cleared.flatten(), name).to_numpy(zero_copy_only=False)]] = True
    return pa.array(found)


def _without_cleared(fields: pa.RecordBatch, name: str) -> pa.RecordBatch:
    cleared = fields.column("cleared")
    items, lengths = cleared.flatten(), _lengths(cleared)
    others = pc.not_equal(items, name)
    owners = np.repeat(np.arange(len(cleared)), lengths)
    kept = owners[others.to_numpy(zero_copy_only=False)]
    return _with_cleared(fields, items.filter(others), np.bincount(kept, minlength=len(cleared)))


def _with_cleared(fields: pa.RecordBatch, items: pa.Array, lengths: Any) -> pa.RecordBatch:
    """The fields with other names cleared: so many of the items for each event."""
    place = fields.schema.get_field_index("cleared")
    offsets = np.zeros(len(fields) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    absent = fields.column(place).is_null()
    cleared = pa.ListArray.from_arrays(pa.array(offsets), items, CLEARED.type, mask=absent)
    return fields.set_column(place, CLEARED, cleared)
