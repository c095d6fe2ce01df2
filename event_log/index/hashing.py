"""Keyed hashes of many names at once, computed from the bytes of an Arrow column.

The hash is Multilinear (Lemire and Kaser, "Strongly universal string hashing is fast", 2012):
``key[0] + key[1] * length + sum(key[i + 2] * word[i])`` modulo 2**64, over the 32-bit words of a
name that is padded with zeros, with 64-bit keys. It needs only additions and multiplications,
which numpy does for a whole column. Its bound is proven: the upper 32 bits of any two names agree
for one key in 2**32, even for names chosen by an adversary who does not know the key. Each lane has
its own keys, so the bounds of the lanes multiply.
"""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from event_log.checking.one_event import NAME_LIMIT

KEY_BYTES = 16
LONGEST = 4 * NAME_LIMIT
"""Bytes of the longest name that a log can have."""
BLOCK = 16_384
"""Names hashed at a time: intermediate results stay in the processor's cache."""
LANES = 3
LOW = np.uint64(0xFFFF_FFFF)
HALF = np.uint64(32)
MASKS = np.array([(1 << (8 * count)) - 1 for count in range(9)], np.uint64)
"""Which bits of a little-endian word belong to its first 0 to 8 bytes."""

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


class Hashing:
    """Hashes names with one key: ``KEY_BYTES`` secret random bytes.

    >>> hashing = Hashing(bytes(range(16)))
    >>> once, again, other = hashing.ids(pa.array(["a", "a", "b"]))
    >>> bool(once == again), bool(once == other)
    (True, False)
    """

    def __init__(self, key: bytes) -> None:
        each = 2 + LONGEST // 4
        expanded = hashlib.shake_256(key).digest(8 * LANES * each)
        self._keys = np.frombuffer(expanded, "<u8").reshape(LANES, each)
        self.mark = hashlib.shake_256(b"mark" + key).digest(8)
        """Identifies the key without disclosing it."""

    def ids(self, names: pa.Array) -> Hashes:
        """Return 64 bits for each string of a column without nulls; the upper bits are best."""
        hashes: Hashes = self._lanes(names, 1)[0]
        return hashes

    def streams(self, names: pa.Array) -> tuple[Hashes, Hashes]:
        """Return for each string the 64 bits of ``ids``, and 64 more that are independent."""
        hashes, upper, lower = self._lanes(names, LANES)
        return hashes, (upper & ~LOW) | (lower >> HALF)

    def _lanes(self, names: pa.Array, count: int) -> Hashes:
        if names.type not in (pa.string(), pa.large_string()):
            names = names.cast(pa.large_string())
        hashes = np.empty((count, len(names)), np.uint64)
        for start in range(0, len(names), BLOCK):
            self._hash(names.slice(start, BLOCK), hashes[:, start : start + BLOCK])
        return hashes

    def _hash(self, names: pa.Array, hashes: Hashes) -> None:
        offsets, words = _aligned(names)
        left = np.diff(offsets)
        place = offsets[:-1]
        for lane, keys in zip(hashes, self._keys, strict=False):
            np.multiply(left.astype(np.uint64), keys[1], out=lane)
            lane += keys[0]
        where: Places | None = None
        for word in itertools.count():
            going = left > 0
            if not going.all():
                kept = np.flatnonzero(going)
                if not len(kept):
                    return
                place, left = place[kept], left[kept]
                where = kept if where is None else where[kept]
            self._add(hashes, _gathered(words, place, left), word, where)
            place, left = place + 8, left - 8

    def _add(self, hashes: Hashes, gathered: Hashes, word: int, where: Places | None) -> None:
        """Add the products of one 8-byte word of each name, or of the names at these places."""
        low, high = gathered & LOW, gathered >> HALF
        at = 2 + 2 * word % (LONGEST // 4)  # longer than any name: hashed, but without the bound
        for lane, keys in zip(hashes, self._keys, strict=False):
            added = low * keys[at]
            added += high * keys[at + 1]
            if where is None:
                lane += added
            else:
                lane[where] += added


def one(name: str) -> pa.StringArray:
    """Return a column of one name, without ``pa.array``, which would import pandas.

    >>> one("tag/whales").to_pylist()
    ['tag/whales']
    """
    text = name.encode()
    ends = np.array([0, len(text)], np.int32)
    return pa.StringArray.from_buffers(1, pa.py_buffer(ends), pa.py_buffer(text))


def _aligned(names: pa.Array) -> tuple[Places, Hashes]:
    """Return the offsets of the names, and their bytes as padded 64-bit words."""
    _, offsets, text = names.buffers()
    kind = np.int32 if names.type == pa.string() else np.int64
    ends = np.frombuffer(offsets, kind)[names.offset : names.offset + len(names) + 1]
    first, last = int(ends[0]), int(ends[-1])
    words = np.zeros((last - first + 7) // 8 + 2, "<u8")
    if last > first:
        words.view(np.uint8)[: last - first] = np.frombuffer(text, np.uint8)[first:last]
    return ends.astype(np.int64) - first, words


def _gathered(words: Hashes, place: Places, left: Places) -> Hashes:
    """Return the 8 bytes at each place, aligned or not, without those beyond the name's end."""
    aligned = place >> 3
    shift = ((place & 7) << 3).astype(np.uint64)
    gathered = words.take(aligned) >> shift
    after = words.take(aligned + 1)
    after <<= np.uint64(1)  # a shift by 64 is not defined: one by 1, then one by 0 to 63
    after <<= np.uint64(63) - shift
    gathered |= after
    if left.min() < 8:
        gathered &= MASKS[np.minimum(left, 8)]
    return gathered
