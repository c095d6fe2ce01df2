"""Digests: the SHA-256 of an event's canonical form.

An event's digest is the SHA-256 of a zero byte and the canonical form
(``event_log.digests.canonical``). That is the hash of a leaf in RFC 9162, section 2.1.1, over which
``event_log.digests.merkle`` builds its tree. The forms are made column by column; only the hashing
is a loop over events.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from event_log.digests.canonical import BYTES, CHAINED, is_valid, joined

NO_DIGEST = bytes(32)
LEAF = b"\0"
"""The byte before a canonical form in its hash; the nodes of a tree use another."""
PIECE_EVENTS, PIECE_BYTES = 4_096, 4 << 20
"""Events and bytes joined at a time: few enough to be in the cache when they are hashed."""


def event_digests(events: pa.RecordBatch) -> pa.FixedSizeBinaryArray:
    """Return the digest of each event of a batch, as 32 bytes; ignores a ``digest`` column.

    The batch has the columns of ``CHAINED`` and a struct column for each category in it. Raises
    ``EventLogError`` for a value of 4 GiB, and for a type that no category can have.
    """
    digests = np.empty((len(events), 32), np.uint8)
    for places, group in _by_category(events):
        leaves = (leaf for piece in _pieces(group) for leaf in _bytes_of(joined(piece, LEAF)))
        hashed = b"".join([sha256(leaf).digest() for leaf in leaves])
        digests[places] = np.frombuffer(hashed, np.uint8).reshape(-1, 32)
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(32), len(events), [None, pa.py_buffer(digests)]
    )


def canonical_forms(events: pa.RecordBatch) -> pa.LargeBinaryArray:
    """Return the canonical form of each event of a batch as for ``event_digests``.

    Two events are equal exactly when their forms are the same bytes.
    """
    forms = [joined(piece, b"") for piece in _pieces(events)]
    return pa.concat_arrays(forms) if forms else pa.array([], BYTES)


def digest_of(form: bytes) -> bytes:
    """Return the digest of the event that has this canonical form.

    >>> digest_of(b"").hex()[:16]
    '6e340b9cffb37a98'
    """
    return sha256(LEAF + form).digest()


def _bytes_of(forms: pa.LargeBinaryArray) -> Iterator[memoryview]:
    """Yield the bytes of each form, not copied."""
    _, ends, content = forms.buffers()
    places = np.frombuffer(ends, np.int64)[forms.offset : forms.offset + len(forms) + 1].tolist()
    view = memoryview(content or b"")
    return (view[begin:end] for begin, end in pairwise(places))


def _by_category(
    events: pa.RecordBatch,
) -> Iterator[tuple[slice | npt.NDArray[np.bool_], pa.RecordBatch]]:
    """Yield the events by their first struct, with their places in the batch.

    The join reads every column for every event, also those of other categories. Grouping the
    events by category first is faster.
    """
    valid = {
        field.name: is_valid(column)
        for field, column in zip(events.schema, events.columns, strict=True)
        if pa.types.is_struct(field.type) and column.null_count < len(column)
    }
    if len(valid) < 2:
        yield slice(None), events
        return
    left = np.ones(len(events), np.bool_)
    for first in [*valid, None]:
        here = left & valid[first] if first else left
        if here.any():
            present = [name for name in valid if (here & valid[name]).any()]
            yield here, events.select([*CHAINED, *present]).filter(pa.array(here))
        left = left & ~here


def _pieces(events: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    each = events.nbytes // max(len(events), 1)
    step = max(1, min(PIECE_EVENTS, PIECE_BYTES // max(each, 1)))
    return (events.slice(start, step) for start in range(0, len(events), step))
