"""Reading events out of commits: as Arrow batches for machines, as ``Event`` for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from event_log import commit
from event_log.category import ENVELOPE, Registry
from event_log.errors import DamagedLog, EventLogError
from event_log.event import Event
from event_log.upcast import to_read, upcast
from event_log.validation import possible

BATCH_EVENTS = 4096


def batches(
    path: Path,
    columns: Sequence[str],
    after: int,
    until: int,
    types: pa.Schema,
    registry: Registry | None = None,
) -> Iterator[pa.RecordBatch]:
    """The events of one file with ``after < sequence <= until``, with the columns asked for.

    ``types`` has the type of every column; one that the file lacks is null.
    """
    file = commit.reader(path)
    asked = to_read(columns, registry) if registry else columns
    present = [name for name in asked if name in file.schema_arrow.names]
    groups = [group for group in range(file.num_row_groups) if _overlaps(file, group, after, until)]
    wanted = [*dict.fromkeys(["sequence", *present])]
    try:
        for batch in file.iter_batches(
            BATCH_EVENTS, row_groups=groups, columns=wanted, use_threads=False
        ):
            sequences = batch.column("sequence")
            inside = pc.and_(pc.greater(sequences, after), pc.less_equal(sequences, until))
            if inside.false_count:
                batch = batch.filter(inside)
            yield _shaped(upcast(batch, registry) if registry else batch, columns, types)
            if sequences[-1].as_py() >= until:
                return
    except commit.UNREADABLE as error:
        first = commit.first_of(path.name)
        raise DamagedLog(
            f"{path} cannot be read ({error}); restore it from a backup", first
        ) from None


def _overlaps(file: Any, group: int, after: int, until: int) -> bool:
    statistics = file.metadata.row_group(group).column(0).statistics
    return bool(statistics.max > after and statistics.min <= until)


def _shaped(batch: pa.RecordBatch, columns: Sequence[str], types: pa.Schema) -> pa.RecordBatch:
    fields = [types.field(name) for name in columns]
    arrays = [
        _as_type(batch.column(f.name), f.type)
        if f.name in batch.schema.names
        else pa.nulls(len(batch), f.type)
        for f in fields
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _as_type(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.cast(kind)


def schema(registry: Registry) -> pa.Schema:
    """The envelope, then every category's struct: what a scan of everything gives."""
    return pa.schema([*ENVELOPE, *(pa.field(n, c.struct) for n, c in registry.items())])


def events(batch: pa.RecordBatch) -> Iterator[Event]:
    """The events of a batch of all columns, as objects."""
    envelope = [batch.column(name).to_pylist() for name in ENVELOPE.names]
    structs = {
        name: batch.column(name) for name in batch.schema.names if name not in ENVELOPE.names
    }
    envelopes: Iterable[Any] = zip(*envelope, strict=True)
    for place, values in enumerate(envelopes):
        if values[3] not in structs:
            raise EventLogError(
                f"sequence {values[0]}: {values[3]!r} is none of the categories that this log "
                f"was opened with ({', '.join(structs)})"
            )
        data = structs[values[3]][place].as_py() or {}
        carried = {k: v for k, v in data.items() if v is not None}
        yield Event(*(*values, carried))


def only(
    found: Iterable[pa.RecordBatch], wanted: Mapping[str, Sequence[str] | None]
) -> Iterator[pa.RecordBatch]:
    """The batches with only those events whose columns have a wanted value; None is any."""
    values = {
        column: pa.array(possible(names), pa.string()) for column, names in wanted.items() if names
    }
    for batch in found:
        for column, value_set in values.items():
            batch = batch.filter(pc.is_in(batch.column(column), value_set))
        if len(batch):
            yield batch
