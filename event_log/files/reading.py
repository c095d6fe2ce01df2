"""Reading events from files, as Arrow batches or as ``Event`` objects."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from event_log import machine
from event_log.category import ENVELOPE, Registry
from event_log.checking.one_event import possible
from event_log.errors import DamagedLog
from event_log.event import Event
from event_log.files import commit
from event_log.files.as_events import events
from event_log.files.layout import Commits, Segment
from event_log.files.manifest import Group, span_of
from event_log.files.selection import BATCH_EVENTS, Selection
from event_log.schemas.upcast import to_read, upcast

T = TypeVar("T")


def log_schema(registry: Registry) -> pa.Schema:
    """Return the schema of a scan with all columns: the envelope, then every category's struct."""
    return pa.schema([*ENVELOPE, *(pa.field(n, c.struct) for n, c in registry.items())])


Shape = Callable[[pa.RecordBatch], pa.RecordBatch]
"""Converts a batch of a file to the wanted columns."""


def batches(commits: Commits, selection: Selection, registry: Registry) -> Iterator[pa.RecordBatch]:
    """Yield the events of a selection, in order; a column that a file lacks is null.

    Only the selected columns are read, and only files that can hold selected events.
    """
    wanted, types = selection.columns or (), log_schema(registry)
    newest = {name: n for name, n in commits.newest_schemas.items() if name in wanted}
    commits.schemas.check_readable(newest, registry)
    selection = replace(selection, columns=to_read(wanted, registry))

    def shape(batch: pa.RecordBatch) -> pa.RecordBatch:
        return _shaped(upcast(batch, registry), wanted, types)

    while True:
        seen, last = commits.manifest, selection.after
        try:
            for end, batch in _in_segments(commits, selection, shape):
                yield batch
                last = end
            return
        except DamagedLog:
            if not commits.overtaken(seen):
                raise
            # The other events were sealed and their commits removed meanwhile: read the new files.
            selection = selection.behind(last)


def _in_segments(
    commits: Commits, selection: Selection, shape: Shape
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield the events of a selection in order, each batch with its last sequence."""
    for segment in commits.segments(selection.after, selection.until):
        if not selection.wants(segment.first, segment.last):
            continue
        if segment.group is not None:
            yield from _in_order(commits, segment.group, selection, shape)
            continue
        for batch in in_commit(commits, segment, selection):
            if len(batch):
                yield batch.column("sequence")[-1].as_py(), shape(batch)


def in_commit(commits: Commits, segment: Segment, selection: Selection) -> Iterator[pa.RecordBatch]:
    """Yield the events of an open commit, in order, as they were written."""
    path = commits.locate(commit.name_of(segment.first))
    with commit.reader(path) as file:
        following = segment.first + file.metadata.num_rows
        if following != segment.last + 1:
            raise commits.missing(commit.name_of(following))
        names = file.schema_arrow.names
        wanted = selection.categories
        if wanted is not None and not any(name in names for name in wanted):
            return
        yield from selection.read(file, path, [group for group, _ in selection.groups(file)])


def in_group(
    commits: Commits, group: Group, selection: Selection
) -> Iterator[tuple[int, list[pa.RecordBatch]]]:
    """Yield each span of a sealed group with the batches of its files, as they were written."""
    with ExitStack() as opened:
        files = []
        for sealed in filter(selection.within, group.files):
            path = commits.locate(sealed.name)
            file = opened.enter_context(commit.reader(path, kept=True))
            spans: dict[int, list[int]] = {}
            for number, first in selection.groups(file):
                spans.setdefault(span_of(first), []).append(number)
            files.append((path, file, spans))
        for span in sorted({span for _, _, spans in files for span in spans}):
            here = [
                batch
                for path, file, spans in files
                for batch in selection.read(file, path, spans.get(span, []))
            ]
            yield span, [batch for batch in here if len(batch)]


def whole(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield all events of one file, as they were written."""
    with commit.reader(path) as file:
        everything = Selection(None, 0, 2**63 - 1)
        yield from everything.read(file, path, list(range(file.num_row_groups)))


def written(commits: Commits, sequence: int) -> pa.RecordBatch:
    """Return one event as it was written, not upcast: a batch of one line."""
    return commits.again(lambda: _written(commits, sequence))


def _written(commits: Commits, sequence: int) -> pa.RecordBatch:
    selection = Selection(None, sequence - 1, sequence)
    segment = commits.segments(sequence - 1, sequence)[0]
    if segment.group is None:
        read = list(in_commit(commits, segment, selection))
    else:
        read = [b for _, batches in in_group(commits, segment.group, selection) for b in batches]
    return next(batch for batch in read if len(batch))


def _in_order(
    commits: Commits, group: Group, selection: Selection, shape: Shape
) -> Iterator[tuple[int, pa.RecordBatch]]:
    for unordered in _ahead(batches for _, batches in in_group(commits, group, selection)):
        if not unordered:
            continue
        sequences = pa.chunked_array([batch.column("sequence") for batch in unordered])
        table = pa.Table.from_batches([shape(batch) for batch in unordered]).combine_chunks()
        order = pc.sort_indices(sequences)
        place = 0
        for batch in table.take(order).to_batches(BATCH_EVENTS):
            place += len(batch)
            yield sequences[order[place - 1].as_py()].as_py(), batch


def _ahead(items: Generator[T, None, None]) -> Iterator[T]:
    """Yield the items, and compute the next in a thread meanwhile."""
    with closing(items), ThreadPoolExecutor(1) as pool:  # closed after the thread has ended
        following = pool.submit(next, items, None)
        while (item := following.result()) is not None:
            following = pool.submit(next, items, None)
            yield item


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


def of_stream(
    commits: Commits, stream: str, sequences: Sequence[int], registry: Registry
) -> Iterator[Event]:
    """Yield the events of one stream at known sequences; reads only files that hold them."""
    category = stream.partition("/")[0]
    columns = [*ENVELOPE.names, *([category] if category in registry else [])]
    selections = [
        Selection.of(columns, piece, [category], [stream])
        for piece in _by_segment(commits, np.array(sequences, np.int64))
    ]

    def read(selection: Selection) -> list[pa.RecordBatch]:
        return list(batches(commits, selection, registry))

    for of_segment in _mapped(read, selections):
        for batch in of_segment:
            yield from (event for event in events(batch) if event.stream == stream)


def _by_segment(commits: Commits, sequences: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the sequences of each segment that holds some; the others are not looked at."""
    while len(sequences):
        end = np.searchsorted(sequences, commits.holding(int(sequences[0])).last, "right")
        yield sequences[:end]
        sequences = sequences[end:]


def _mapped(read: Callable[[Selection], T], selections: Sequence[Selection]) -> Iterator[T]:
    """Read selections side by side: each segment has to decode a row group for the stream."""
    if len(selections) < 2:
        yield from map(read, selections)
        return
    with ThreadPoolExecutor(machine.threads()) as pool:
        yield from pool.map(read, selections)


def only(
    events: Iterable[pa.RecordBatch], wanted: Mapping[str, Sequence[str] | None]
) -> Iterator[pa.RecordBatch]:
    """Yield the events whose columns have one of the wanted values; None means any."""
    values = {
        column: pa.array(possible(names), pa.string()) for column, names in wanted.items() if names
    }
    for batch in events:
        for column, value_set in values.items():
            batch = batch.filter(pc.is_in(batch.column(column), value_set))
        if len(batch):
            yield batch
