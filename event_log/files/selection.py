"""Parts of the log: what of it is asked for, and what of a file has to be read for that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from event_log.errors import DamagedLog
from event_log.files import commit
from event_log.files.manifest import SealedFile

BATCH_EVENTS = 16_384


@dataclass(frozen=True)
class Selection:
    """What of the log is asked for: columns, ``after < sequence <= until``, and perhaps less.

    ``categories`` and ``streams`` say what is enough to read, ``among`` (sorted) the only
    sequences that are wanted.
    """

    columns: Sequence[str] | None
    """None stands for all that a file has, as it is written."""
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
        """Just the events of these sequences; their categories and streams if they are known."""
        among = np.sort(sequences)
        first, last = (int(among[0]), int(among[-1])) if len(among) else (1, 0)
        return cls(columns, first - 1, last, categories, streams, among)

    def wants(self, first: int, last: int) -> bool:
        """Whether anything between two sequences is asked for."""
        if self.among is not None:
            place = int(np.searchsorted(self.among, first))
            return place < len(self.among) and bool(self.among[place] <= last)
        return first <= self.until and last > self.after

    def behind(self, sequence: int) -> Selection:
        """What is left of it after a sequence."""
        among = None if self.among is None else self.among[self.among > sequence]
        return replace(self, after=max(self.after, sequence), among=among)

    def within(self, file: SealedFile) -> bool:
        """Whether a sealed file can hold any of it."""
        known = self.categories is None or file.category in self.categories
        return known and self.wants(file.first, file.last)

    def groups(self, file: pq.ParquetFile) -> Iterator[tuple[int, int]]:
        """The row groups that can hold any of it, each with its first sequence."""
        stream = file.schema_arrow.names.index("stream")
        for number in range(file.num_row_groups):
            group = file.metadata.row_group(number)
            sequences = group.column(0).statistics
            if not self.wants(sequences.min, sequences.max):
                continue
            if self.streams is None or self._may_hold(group.column(stream).statistics):
                yield number, sequences.min

    def _may_hold(self, names: Any) -> bool:
        """Whether one of the streams can be in a row group, by its statistics of the names."""
        if names is None or not names.has_min_max:
            return True
        return any(names.min <= wanted <= names.max for wanted in self.streams or ())

    def read(self, file: pq.ParquetFile, path: Path, groups: list[int]) -> Iterator[pa.RecordBatch]:
        """The events of row groups that are asked for, with the columns that the file has."""
        names = file.schema_arrow.names
        columns = names if self.columns is None else self.columns
        wanted = [*dict.fromkeys(["sequence", *(name for name in columns if name in names)])]
        try:
            for batch in file.iter_batches(BATCH_EVENTS, row_groups=groups, columns=wanted):
                inside = self._inside(batch.column("sequence"))
                yield batch if inside is None else batch.filter(inside)
        except commit.UNREADABLE as error:
            raise DamagedLog(
                f"{path} cannot be read ({error}); restore it from a backup", commit.begins(path)
            ) from None

    def _inside(self, sequences: pa.Array) -> pa.BooleanArray | None:
        """Which events are asked for; None for all of them.

        With numpy and buffers alone: the first Python value that is turned into an Arrow one lets
        Arrow import pandas, for which who asks a cold process for one stream would wait.
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
