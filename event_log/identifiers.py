"""Event ids for many events at once: UUIDv7, as columns."""

from __future__ import annotations

import os
import time

import numpy as np
import pyarrow as pa

HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), "S2")
GROUPS = ((0, 0, 4), (9, 4, 6), (14, 6, 8), (19, 8, 10), (24, 10, 16))
"""Of each group of digits: its place in the text, and the bytes it shows."""


def uuid7s(count: int) -> pa.Array:
    """So many UUIDs of version 7 (RFC 9562), each greater than the one before it.

    The millisecond is followed by a counter of 32 bits that begins at random (section 6.2,
    method 1), and by 42 random bits.

    >>> ids = uuid7s(3).to_pylist()
    >>> ids == sorted(set(ids)), ids[0][14]
    (True, '7')
    """
    random = np.frombuffer(os.urandom(16 * count), np.uint8).reshape(count, 16).copy()
    start = int.from_bytes(os.urandom(4), "big") >> 1
    counter = np.arange(start, start + count, dtype=np.uint64)
    random[:, :6] = np.frombuffer((time.time_ns() // 1_000_000).to_bytes(6, "big"), np.uint8)
    random[:, 6] = 0x70 | (counter >> 28)
    random[:, 7] = counter >> 20 & 0xFF
    random[:, 8] = 0x80 | (counter >> 14 & 0x3F)
    random[:, 9] = counter >> 6 & 0xFF
    random[:, 10] = (counter & 0x3F) << 2 | (random[:, 10] & 3)
    text = np.full((count, 36), ord("-"), np.uint8)
    for place, first, end in GROUPS:
        digits = HEX[random[:, first:end]].view(np.uint8).reshape(count, -1)
        text[:, place : place + digits.shape[1]] = digits
    offsets = np.arange(0, 36 * (count + 1), 36, dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    return pa.StringArray.from_buffers(count, buffers[1], buffers[2])
