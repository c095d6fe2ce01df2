"""The runs of an index: written from columns, merged when there are many, deleted when replaced.

Runs are merged like the tiers of a log-structured merge tree: eight neighbours of about the same
size become one. So n events have at most about seven runs for each power of eight, and an event is
written once for each power. A run never changes. Only the list in the index's database decides
which runs are used. A file that is not in the list is not listed yet, or no longer, or was left by
a process that was killed.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from event_log.errors import DamagedLog
from event_log.index.database import Listed
from event_log.index.hashing import Hashes, Hashing, Places, one
from event_log.index.run_file import PLACE, Run, low_mask, mark_of, write
from event_log.storage.folder import STALE_SECONDS

FAN = 8
"""Neighbours of about the same size that are merged; a power of two."""


class Columns:
    """The hashed ids and streams of the events after a sequence, added in any order."""

    def __init__(self, hashing: Hashing, after: int, until: int) -> None:
        count = until - after
        self._hashing = hashing
        self._first = after + 1
        self._mask = low_mask(count)
        self._ids = np.zeros(count, np.uint64)
        self._streams = np.zeros(count, np.uint64)
        self._places = np.zeros(count, PLACE)

    def add_ids(self, sequences: pa.Array, event_ids: pa.Array) -> None:
        """Add the ids of events."""
        where, places = self._placed(sequences)
        self._ids[where] = self._hashing.ids(event_ids) & ~self._mask | places

    def add_streams(self, sequences: pa.Array, streams: pa.Array, versions: pa.Array) -> None:
        """Add the streams and versions of events."""
        where, places = self._placed(sequences)
        hashes, checks = self._hashing.streams(streams)
        self._streams[where] = hashes & ~self._mask | places
        self._places["check"][where] = checks
        self._places["version"][where] = versions.to_numpy(zero_copy_only=False)

    def _placed(self, sequences: pa.Array) -> tuple[slice | Places, Hashes]:
        """Return the places of events, as a slice if in order, and as the keys' lower bits."""
        places = sequences.to_numpy(zero_copy_only=False) - self._first
        if not len(places):
            return places, places.astype(np.uint64)
        first, last = int(places[0]), int(places[-1])
        if not 0 <= places.min() <= places.max() < len(self._ids):
            raise DamagedLog(
                f"beside {self._first} to {self._first + len(self._ids) - 1} there are sequences "
                "that are not of these commits; verify the log"
            )
        in_order = last - first == len(places) - 1 and bool((np.diff(places) == 1).all())
        return slice(first, last + 1) if in_order else places, places.astype(np.uint64)

    def check(self, until: int) -> None:
        """Raise ``DamagedLog`` when an event through a sequence is missing."""
        there = self._places["version"][: until - self._first + 1] != 0
        if not there.all():
            missing = int(np.argmin(there)) + self._first
            raise DamagedLog("the event is missing; restore the log from a backup", missing)

    def arrays(self) -> list[npt.NDArray[Any]]:
        """Return the arrays for ``run_file.write``; ``DamagedLog`` if an event is missing."""
        self.check(self._first + len(self._ids) - 1)
        self._ids.sort()
        self._streams.sort()
        return [self._ids, self._streams, self._places]


class RunFiles:
    """The files of the runs in one folder, and the runs that this process has open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: dict[str, Run] = {}

    def write(self, mark: bytes, first: int, arrays: list[npt.NDArray[Any]]) -> Listed:
        """Write a run, and return its entry for the list."""
        last = first + len(arrays[0]) - 1
        name = f"{first}-{last}-{os.urandom(8).hex()}.run"
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            write(self._folder / name, mark, first, arrays)
        except BaseException:
            self.delete([name])
            raise
        return first, last, name

    def open(self, mark: bytes, listed: Sequence[Listed]) -> list[Run]:
        """Open the listed runs, and close all others.

        Raises ``FileNotFoundError`` for a run that was merged or deleted, and
        ``DamagedEventIndex`` for one that does not match the list.
        """
        kept, self._opened = self._opened, {}
        opened = {}
        for first, last, name in listed:
            run = kept.get(name)
            if run is None or run.mark != mark or not run.is_there():
                run = Run(self._folder / name, mark, first, last)
            opened[name] = run
        self._opened = opened
        return list(opened.values())

    def delete(self, names: Iterable[str]) -> None:
        """Delete the files of runs that are not listed; a file that stays does no harm."""
        for name in names:
            with contextlib.suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)

    def clean(self, mark: bytes, listed: Sequence[Listed]) -> None:
        """Delete files that are not listed and never will be: they are old, or of another key."""
        oldest = time.time() - STALE_SECONDS
        names = {name for *_, name in listed}
        for path in self._paths():
            with contextlib.suppress(OSError):  # another process cleans as well
                if path.name not in names and (
                    path.stat().st_mtime < oldest or mark_of(path) not in (mark, None)
                ):
                    path.unlink()

    def delete_all(self) -> None:
        """Delete the files of all runs."""
        self.delete(path.name for path in self._paths())

    def _paths(self) -> list[Path]:
        try:
            return list(self._folder.iterdir())
        except FileNotFoundError:
            return []


def due(counts: Sequence[int]) -> slice | None:
    """Return which neighbours to merge, given the runs' numbers of events, oldest first.

    No run may be of a lower tier than one after it, and ``FAN`` of one tier are too many.
    """
    tiers = [(count.bit_length() - 1) // (FAN.bit_length() - 1) for count in counts]
    for start, tier in enumerate(tiers):
        higher = [place for place in range(start + 1, len(tiers)) if tiers[place] > tier]
        if higher:
            return slice(start, higher[-1] + 1)
    for start, tier in enumerate(tiers):
        if tiers[start : start + FAN] == [tier] * FAN:
            return slice(start, start + FAN)
    return None


def merged(runs: Sequence[Run]) -> list[npt.NDArray[Any]]:
    """Return the arrays of one run with the events of these neighbours; checks each block."""
    first, count = runs[0].first, sum(run.count for run in runs)
    mask = low_mask(count)
    arrays: list[npt.NDArray[Any]] = []
    for kind in ("ids", "streams"):
        keys = np.empty(count, np.uint64)
        for run in runs:
            start = run.first - first
            part = getattr(run, kind).part(0, run.count)
            low = (part & run.mask) + np.uint64(start)
            keys[start : start + run.count] = (part & ~mask) | low
        keys.sort()
        arrays.append(keys)
    arrays.append(np.concatenate([run.places.part(0, run.count) for run in runs]))
    return arrays


def candidates(runs: Sequence[Run], hashing: Hashing, event_ids: pa.Array) -> tuple[Places, Places]:
    """Return the ids that the runs may have, as places, and for each a possible sequence."""
    numbers, sequences_of_runs = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    if not runs or not len(event_ids):
        return numbers[0], sequences_of_runs[0]
    hashes = hashing.ids(event_ids)
    order = _order(hashes)
    for run in runs:
        places, sequences = run.candidates(hashes[order])
        numbers.append(order[places])
        sequences_of_runs.append(sequences)
    return np.concatenate(numbers), np.concatenate(sequences_of_runs)


def versions(runs: Sequence[Run], hashing: Hashing, streams: pa.Array) -> dict[str, int]:
    """Return the last version of those streams that are in the runs."""
    if not runs or not len(streams):
        return {}
    hashes, checks = hashing.streams(streams)
    newest = np.zeros(len(streams), np.int64)
    left = _order(hashes)
    for run in reversed(runs):
        newest[left] = run.versions(hashes[left], checks[left])
        left = left[newest[left] == 0]
    there = np.flatnonzero(newest)
    names = streams.take(pa.array(there)).to_pylist()
    return dict(zip(names, newest[there].tolist(), strict=True))


def sequences(runs: Sequence[Run], hashing: Hashing, stream: str) -> list[int]:
    """Return the sequences of a stream's events in the runs, in order."""
    (hashed,), (check,) = hashing.streams(one(stream))
    in_order: list[int] = []
    for run in runs:
        in_order += run.sequences(hashed, check).tolist()
    return in_order


def _order(hashes: Hashes) -> Places:
    """Return the places of hashes in about their order, so that searches are near each other.

    Sorting keys with their places in the lowest bits is five times as fast as ``argsort``.
    """
    mask = low_mask(len(hashes))
    keys = hashes & ~mask | np.arange(len(hashes), dtype=np.uint64)
    keys.sort()
    order: Places = (keys & mask).astype(np.int64)
    return order
