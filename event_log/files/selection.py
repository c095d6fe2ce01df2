"""Selections: which columns and events of the log to read, and which parts of files have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from event_log.files import commit
from event_log.files.manifest import SealedFile

BATCH_EVENTS = 16_384


@dataclass(frozen=True)
class Selection:
    """Columns and events to read: ``after < sequence <= until``, and possibly fewer.

    Events of other ``categories`` and ``streams`` may be left out, but need not. ``among`` (sorted)
    has the only wanted sequences.
    """

    columns: Sequence[str] | None
    """None means all columns of a file, as it was written."""
    after: int
    until: int
    categories: Sequence[str] | None = None
    streams: Sequence[str] | None = None
    among: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        columns: Sequence[str],
        sequences: np.ndarray,
        categories: Sequence[str] | None = None,
        streams: Sequence[str] | None = None,
    ) -> Selection:
        """Select the events at these sequences; their categories and streams if known."""
        among = np.sort(sequences)
        first, last = (int(among[0]), int(among[-1])) if len(among) else (1, 0)
        return cls(columns, first - 1, last, categories, streams, among)

    def wants(self, first: int, last: int) -> bool:
        """Return whether an event between two sequences is selected."""
        if self.among is not None:
            place = int(np.searchsorted(self.among, first))
            return place < len(self.among) and bool(self.among[place] <= last)
        return first <= self.until and last > self.after

    def behind(self, sequence: int) -> Selection:
        """Return the selection without the events up to a sequence."""
        among = None if self.among is None else self.among[self.among > sequence]
        return replace(self, after=max(self.after, sequence), among=among)

    def within(self, file: SealedFile) -> bool:
        """Return whether a sealed file can hold selected events."""
        known = self.categories is None or file.category in self.categories
        return known and self.wants(file.first, file.last)

    def groups(self, file: pq.ParquetFile) -> Iterator[tuple[int, int]]:
        """Yield the row groups that can hold selected events, each with its first sequence."""
        stream = file.schema_arrow.names.index("stream")
        for number in range(file.num_row_groups):
            group = file.metadata.row_group(number)
            sequences = group.column(0).statistics
            if not self.wants(sequences.min, sequences.max):
                continue
            if self.streams is None or self._may_hold(group.column(stream).statistics):
                yield number, sequences.min

    def _may_hold(self, names: Any) -> bool:
        """Return whether a row group can hold one of the streams, by its statistics."""
        if names is None or not names.has_min_max:
            return True
        return any(names.min <= wanted <= names.max for wanted in self.streams or ())

    def read(self, file: pq.ParquetFile, path: Path, groups: list[int]) -> Iterator[pa.RecordBatch]:
        """Yield the selected events of row groups, with the selected columns that the file has."""
        names = file.schema_arrow.names
        columns = names if self.columns is None else self.columns
        wanted = [*dict.fromkeys(["sequence", *(name for name in columns if name in names)])]
        try:
            for batch in file.iter_batches(BATCH_EVENTS, row_groups=groups, columns=wanted):
                inside = self._inside(batch.column("sequence"))
                yield batch if inside is None else batch.filter(inside)
        except commit.UNREADABLE as error:
            raise commit.unreadable(path, error) from None

    def _inside(self, sequences: pa.Array) -> pa.BooleanArray | None:
        """Return which events are selected; None for all of them.

        This uses numpy and buffers alone. The first Python value that is converted to Arrow makes
        Arrow import pandas, which would delay the first read of a new process.
        """
        start = sequences.offset
        here = np.frombuffer(sequences.buffers()[1], np.int64)[start : start + len(sequences)]
        if self.among is not None:
            places = np.searchsorted(self.among, here).clip(max=len(self.among) - 1)
            inside = self.among[places] == here
        else:
            inside = (here > self.after) & (here <= self.until)
        if inside.all():
            return None
        bits = pa.py_buffer(np.packbits(inside, bitorder="little"))
        return pa.BooleanArray.from_buffers(pa.bool_(), len(inside), [None, bits])
