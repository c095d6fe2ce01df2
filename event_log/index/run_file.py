"""A run: the ids and streams of a contiguous range of sequences, sorted by hash, in one file.

It indexes ``count`` events in 32 bytes each, and is searched as a mapped file. It has three arrays:

- ``ids`` and ``streams``: sorted 64-bit keys. The upper bits of a key are the hash's upper bits;
  the lowest ``bits`` are the event's distance from the first sequence. So a stream's events lie
  together in the order of their versions, and sorting needs no permutation.
- ``places``, by sequence: 64 further bits of the stream's hash, and the event's version.

All three are little-endian, in blocks of ``BLOCK_BYTES``. A header and a directory come before
them; the directory has each block's first key and CRC-32. Header and directory have their own
CRC-32, which is checked when a run is opened. A block is checked before its first use: a search for
one name checks two or three blocks, whatever the size of the run, and no run has to be fsynced. A
block that a power failure has left empty is found like any other damage.

The file is mapped and never changes. Its identity is checked before each use, which detects a file
that was deleted, replaced or truncated.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from event_log.index.database import DamagedEventIndex
from event_log.index.hashing import Hashes, Places

HEADER = struct.Struct("<8s8sqqI4x")
"""Magic, the mark of the hashing's key, first sequence, count, CRC-32 of this and the directory."""
MAGIC = b"stetrun1"
BLOCK_BYTES = 16_384
PLACE = np.dtype([("check", "<u8"), ("version", "<i8")])
KEY = np.dtype("<u8")
FEW = 64
"""Up to this many names, each is searched in its own block."""

Blocks = npt.NDArray[np.bool_]


def key_bits(count: int) -> int:
    """Return how many bits of a key identify one of ``count`` events."""
    return max((count - 1).bit_length(), 1)


def low_mask(count: int) -> np.uint64:
    """Return the mask of the bits of a key that identify one of ``count`` events."""
    return np.uint64((1 << key_bits(count)) - 1)


def write(path: Path, mark: bytes, first: int, arrays: list[npt.NDArray[Any]]) -> None:
    """Write the arrays ``ids``, ``streams`` and ``places`` of a run as a new file."""
    count = len(arrays[0])
    fences = [keys[:: BLOCK_BYTES // KEY.itemsize] for keys in arrays[:2]]
    sums = [_sums(array) for array in arrays]
    directory = b"".join(part.tobytes() for part in (*fences, *sums))
    directory += bytes(-len(directory) % 8)
    header = HEADER.pack(MAGIC, mark, first, count, 0)
    checksum = zlib.crc32(directory, zlib.crc32(header))
    with path.open("xb") as file:
        file.write(HEADER.pack(MAGIC, mark, first, count, checksum))
        file.write(directory)
        for array in arrays:
            file.write(array.data)


def mark_of(path: Path) -> bytes | None:
    """Return the mark of the key of a file's hashes; None when the file is not whole yet."""
    with path.open("rb") as file:
        start = file.read(HEADER.size)
    return HEADER.unpack(start)[1] if len(start) == HEADER.size else None


def _sums(array: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    content = array.view("u1").data
    starts = range(0, len(content), BLOCK_BYTES)
    return np.array([zlib.crc32(content[s : s + BLOCK_BYTES]) for s in starts], "<u4")


class Checked:
    """One array of a run; each block is checked before its first use."""

    def __init__(self, whole: npt.NDArray[Any], sums: npt.NDArray[np.uint32], path: Path) -> None:
        self.whole = whole
        self._sums = sums
        self._path = path
        self._each = BLOCK_BYTES // whole.itemsize
        self.unchecked = np.ones(len(sums), np.bool_)

    def take(self, places: Places) -> npt.NDArray[Any]:
        """Return the items at these places."""
        self.check(places // self._each)
        return self.whole[places]

    def part(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return the items from one place up to another."""
        self.check(slice(start // self._each, -(-stop // self._each)))
        return self.whole[start:stop]

    def check(self, blocks: Places | slice) -> None:
        """Check unchecked blocks; raises ``DamagedEventIndex`` when one is damaged."""
        wanted = np.zeros_like(self.unchecked)
        wanted[blocks] = True
        for block in np.flatnonzero(wanted & self.unchecked).tolist():
            start = block * self._each
            content = self.whole[start : start + self._each].view("u1")
            if zlib.crc32(content.data) != self._sums[block]:
                raise DamagedEventIndex(f"{self._path} is damaged")
            self.unchecked[block] = False


class SortedKeys(Checked):
    """Sorted keys, and the first key of each block, which tells the block of a key."""

    def __init__(
        self,
        whole: Hashes,
        sums: npt.NDArray[np.uint32],
        path: Path,
        fences: Hashes,
    ) -> None:
        super().__init__(whole, sums, path)
        self._fences = fences

    def search(self, keys: Hashes, side: Literal["left", "right"]) -> Places:
        """Return for each key how many keys are below it ("left"), or not above it ("right")."""
        if len(keys) > FEW:
            self.check(slice(None))  # the search may read any of them
            return np.searchsorted(self.whole, keys, side)
        blocks = np.maximum(np.searchsorted(self._fences, keys, side) - 1, 0)
        self.check(blocks)
        starts = (blocks * self._each).tolist()
        positions = [
            start + int(np.searchsorted(self.whole[start : start + self._each], key, side))
            for start, key in zip(starts, keys, strict=True)
        ]
        return np.array(positions, np.int64)


class Run:
    """An opened run of events with consecutive sequences; the module describes the file."""

    def __init__(self, path: Path, mark: bytes, first: int, last: int) -> None:
        self.path = path
        self.mark = mark
        self.first = first
        self.count = last - first + 1
        self.mask = low_mask(self.count)
        try:
            with path.open("rb") as file:
                self._identity = _identity(os.fstat(file.fileno()))
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (ValueError, IsADirectoryError):
            raise DamagedEventIndex(f"{path} is empty, or no file") from None
        self._read(content)

    def _read(self, content: mmap.mmap) -> None:
        count, place = self.count, HEADER.size
        key_blocks = -(-count * KEY.itemsize // BLOCK_BYTES)
        place_blocks = -(-count * PLACE.itemsize // BLOCK_BYTES)
        shapes: list[tuple[np.dtype[Any], int]] = [(KEY, key_blocks)] * 2
        shapes += [(np.dtype("<u4"), blocks) for blocks in (key_blocks, key_blocks, place_blocks)]
        directory = sum(kind.itemsize * length for kind, length in shapes)
        start = place + directory + -directory % 8
        if len(content) != start + count * (2 * KEY.itemsize + PLACE.itemsize):
            raise DamagedEventIndex(f"{self.path} does not have the size of {count} events")
        header = HEADER.pack(MAGIC, self.mark, self.first, count, 0)
        checksum = zlib.crc32(content[place:start], zlib.crc32(header))
        if content[:place] != HEADER.pack(MAGIC, self.mark, self.first, count, checksum):
            raise DamagedEventIndex(
                f"{self.path} is not the run of {count} events from {self.first}"
            )
        parts: list[npt.NDArray[Any]] = []
        for kind, length in shapes:
            parts.append(np.frombuffer(content, kind, length, place))
            place += kind.itemsize * length
        id_fences, stream_fences, *sums = parts
        arrays: list[npt.NDArray[Any]] = [
            np.frombuffer(content, kind, count, start + offset * count)
            for kind, offset in ((KEY, 0), (KEY, 8), (PLACE, 16))
        ]
        self.ids = SortedKeys(arrays[0], sums[0], self.path, id_fences)
        self.streams = SortedKeys(arrays[1], sums[1], self.path, stream_fences)
        self.places = Checked(arrays[2], sums[2], self.path)

    def is_there(self) -> bool:
        """Return whether the file is still the one that was opened; ``OSError`` without a file."""
        return _identity(self.path.stat()) == self._identity

    def check(self) -> None:
        """Check all blocks; raises ``DamagedEventIndex`` when one is damaged."""
        for array in (self.ids, self.streams, self.places):
            array.check(slice(None))

    def candidates(self, hashes: Hashes) -> tuple[Places, Places]:
        """Return the ids that the run may have, as places in ``hashes``, and their sequences.

        In a run of a million events 44 bits of the hash are compared. Nearly every candidate is a
        hit, but only the log can confirm it.
        """
        prefixes = hashes & ~self.mask
        places, numbers = self.ids.search(prefixes, "left"), np.arange(len(hashes))
        matching, sequences = [], []
        while True:
            inside = places < self.count
            places, numbers = places[inside], numbers[inside]
            keys = self.ids.take(places)
            same = (keys & ~self.mask) == prefixes[numbers]
            places, numbers = places[same] + 1, numbers[same]
            matching.append(numbers)
            sequences.append(self.first + (keys[same] & self.mask).astype(np.int64))
            if not len(numbers):
                return np.concatenate(matching), np.concatenate(sequences)

    def versions(self, hashes: Hashes, checks: Hashes) -> Places:
        """Return the last version of each stream in this run; 0 for a stream without events."""
        prefixes = hashes & ~self.mask
        versions = np.zeros(len(hashes), np.int64)
        places = self.streams.search(prefixes | self.mask, "right") - 1
        numbers = np.arange(len(hashes))
        while True:
            inside = places >= 0
            places, numbers = places[inside], numbers[inside]
            keys = self.streams.take(places)
            same = (keys & ~self.mask) == prefixes[numbers]
            places, numbers, keys = places[same], numbers[same], keys[same]
            if not len(numbers):
                return versions
            entries = self.places.take((keys & self.mask).astype(np.int64))
            true = entries["check"] == checks[numbers]
            versions[numbers[true]] = entries["version"][true]
            places, numbers = places[~true] - 1, numbers[~true]

    def sequences(self, stream: np.uint64, check: np.uint64) -> Places:
        """Return the sequences of one stream's events in this run, in order."""
        prefix = stream & ~self.mask
        (start,) = self.streams.search(np.array([prefix]), "left").tolist()
        (stop,) = self.streams.search(np.array([prefix | self.mask]), "right").tolist()
        keys = self.streams.part(start, stop)
        places = (keys & self.mask).astype(np.int64)
        own = self.places.take(places)["check"] == check
        sequences: Places = self.first + places[own]
        return sequences


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns
