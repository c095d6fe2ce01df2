"""A run: the ids and streams of a contiguous range of sequences, sorted by hash, in one file.

It has the index of ``count`` events in 32 bytes each, to be searched where it lies:

- ``ids`` and ``streams``: sorted 64-bit keys. The upper bits of a key are the hash's upper bits;
  the lowest ``bits`` say how many sequences after the first the event is. So a stream's events
  lie together in the order of their versions, and sorting needs no permutation.
- ``places``, by sequence: 64 further bits of the stream's hash, and the event's version.

All three are little-endian, in blocks of ``BLOCK_BYTES``. Before them stand a header and a
directory: each block's first key and CRC-32. The header and the directory have a CRC-32 of their
own, which is checked when a run is opened. A block is checked before it is first used: a search
for one name checks two or three of them, whatever the size of the run, and no run has to be
fsynced. A block that a power failure has left empty is damage like any other.

The file is mapped, never changed, and looked at again before each use: one that was deleted,
replaced or cut in the meantime is told by its identity.
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
"""Names up to which each is searched in its own block."""

Blocks = npt.NDArray[np.bool_]


def key_bits(count: int) -> int:
    """How many bits of a key say which of ``count`` events it is of."""
    return max((count - 1).bit_length(), 1)


def low_mask(count: int) -> np.uint64:
    """The bits of a key that say which of ``count`` events it is of."""
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
    """The mark of the key that a file's hashes are of; None when it is none or not whole yet."""
    with path.open("rb") as file:
        start = file.read(HEADER.size)
    return HEADER.unpack(start)[1] if len(start) == HEADER.size else None


def _sums(array: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    content = array.view("u1").data
    starts = range(0, len(content), BLOCK_BYTES)
    return np.array([zlib.crc32(content[s : s + BLOCK_BYTES]) for s in starts], "<u4")


class Checked:
    """One array of a run, whose blocks are checked before they are first used."""

    def __init__(self, whole: npt.NDArray[Any], sums: npt.NDArray[np.uint32], path: Path) -> None:
        self.whole = whole
        self._sums = sums
        self._path = path
        self._each = BLOCK_BYTES // whole.itemsize
        self.unchecked = np.ones(len(sums), np.bool_)

    def take(self, places: Places) -> npt.NDArray[Any]:
        """The items at some places."""
        self.check(places // self._each)
        return self.whole[places]

    def part(self, start: int, stop: int) -> npt.NDArray[Any]:
        """The items from one place up to another."""
        self.check(slice(start // self._each, -(-stop // self._each)))
        return self.whole[start:stop]

    def check(self, blocks: Places | slice) -> None:
        """Check blocks that are not checked yet; raises ``DamagedEventIndex`` where one differs."""
        wanted = np.zeros_like(self.unchecked)
        wanted[blocks] = True
        for block in np.flatnonzero(wanted & self.unchecked).tolist():
            start = block * self._each
            content = self.whole[start : start + self._each].view("u1")
            if zlib.crc32(content.data) != self._sums[block]:
                raise DamagedEventIndex(f"{self._path} is damaged")
            self.unchecked[block] = False


class SortedKeys(Checked):
    """Sorted keys, and the first of each block, which say in which block a key must be."""

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
        """For each key how many are below it ("left"), or not above it ("right")."""
        if len(keys) > FEW:
            self.check(slice(None))  # the search looks at any of them on its way
            return np.searchsorted(self.whole, keys, side)
        blocks = np.maximum(np.searchsorted(self._fences, keys, side) - 1, 0)
        self.check(blocks)
        starts = (blocks * self._each).tolist()
        found = [
            start + int(np.searchsorted(self.whole[start : start + self._each], key, side))
            for start, key in zip(starts, keys, strict=True)
        ]
        return np.array(found, np.int64)


class Run:
    """An opened run of some events with consecutive sequences; see the module for its form."""

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
        """Whether the file is still the one that was opened; an ``OSError`` when there is none."""
        return _identity(self.path.stat()) == self._identity

    def candidates(self, hashes: Hashes) -> tuple[Places, Places]:
        """Which ids may be here, as places in ``hashes``, and the sequence of each.

        Of a million events 44 bits of the hash are compared: nearly every candidate is a hit,
        but only the log can tell.
        """
        prefixes = hashes & ~self.mask
        places, numbers = self.ids.search(prefixes, "left"), np.arange(len(hashes))
        found, sequences = [], []
        while True:
            inside = places < self.count
            places, numbers = places[inside], numbers[inside]
            keys = self.ids.take(places)
            same = (keys & ~self.mask) == prefixes[numbers]
            places, numbers = places[same] + 1, numbers[same]
            found.append(numbers)
            sequences.append(self.first + (keys[same] & self.mask).astype(np.int64))
            if not len(numbers):
                return np.concatenate(found), np.concatenate(sequences)

    def versions(self, hashes: Hashes, checks: Hashes) -> Places:
        """The last version here of each stream; 0 for one that is not here."""
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
            found = self.places.take((keys & self.mask).astype(np.int64))
            true = found["check"] == checks[numbers]
            versions[numbers[true]] = found["version"][true]
            places, numbers = places[~true] - 1, numbers[~true]

    def sequences(self, stream: np.uint64, check: np.uint64) -> Places:
        """The sequences of one stream's events here, in order."""
        prefix = stream & ~self.mask
        (start,) = self.streams.search(np.array([prefix]), "left").tolist()
        (stop,) = self.streams.search(np.array([prefix | self.mask]), "right").tolist()
        keys = self.streams.part(start, stop)
        places = (keys & self.mask).astype(np.int64)
        own = self.places.take(places)["check"] == check
        sequences: Places = self.first + places[own]
        return sequences


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns
