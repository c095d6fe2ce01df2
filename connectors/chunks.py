"""Chunks: events in a row as CloudEvents; the next are made while the ones before are sent.

They are made from the columns of the log's batches, in bounded numbers and sizes.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa

from connectors.cloud_event_form import cloud_events

CHUNK_EVENTS = 4_096
CHUNK_BYTES = 8 * 2**20
"""How much is made at a time, while the chunk before it is sent."""
GATHERED_SECONDS = 0.05
"""The longest that a chunk is filled: opening a thousand small commits takes long."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Events in a row as they are sent: where each is in the log, and itself as a CloudEvent."""

    sequences: list[int]
    streams: list[str]
    categories: list[str]
    types: list[str]
    event_ids: list[str]
    versions: list[int]
    cloud_events: list[bytes]
    digest: str
    """The digest of the last event, in hexadecimal digits."""

    @classmethod
    def of(cls, batch: pa.RecordBatch, source: str) -> Chunk:
        """Return the events of a batch that has all columns of the log."""
        return cls(
            batch.column("sequence").to_pylist(),
            batch.column("stream").to_pylist(),
            batch.column("category").to_pylist(),
            batch.column("type").to_pylist(),
            batch.column("event_id").to_pylist(),
            batch.column("version").to_pylist(),
            cloud_events(batch, source),
            batch.column("digest")[-1].as_py().hex(),
        )


def chunks(
    batches: Iterable[pa.RecordBatch], source: str, most_events: int, most_bytes: int
) -> Generator[Chunk, None, None]:
    """Yield the events of batches, which have all columns of the log, in chunks that are small."""
    events, size = min(CHUNK_EVENTS, most_events), min(CHUNK_BYTES, most_bytes)
    for batch in sized(batches, events, size):
        yield Chunk.of(batch, source)


def sized(batches: Iterable[pa.RecordBatch], events: int, size: int) -> Iterator[pa.RecordBatch]:
    """Yield the events in batches of at most so many events and about so many bytes.

    They are filled while there is more, unless reading is slow.

    >>> one = pa.record_batch({"n": [1]})
    >>> [len(batch) for batch in sized([one] * 5, 2, 1_000)]
    [2, 2, 1]
    """
    waiting: list[pa.RecordBatch] = []
    count, used, begun = 0, 0, time.monotonic()
    for batch in batches:
        for piece in _pieces(batch, events, size):
            slow = time.monotonic() - begun > GATHERED_SECONDS
            if waiting and (slow or count + len(piece) > events or used + piece.nbytes > size):
                yield pa.concat_batches(waiting)
                waiting, count, used, begun = [], 0, 0, time.monotonic()
            waiting.append(piece)
            count, used = count + len(piece), used + piece.nbytes
    if waiting:
        yield pa.concat_batches(waiting)


def _pieces(batch: pa.RecordBatch, events: int, size: int) -> Iterator[pa.RecordBatch]:
    if len(batch) > 1 and (len(batch) > events or batch.nbytes > size):
        middle = len(batch) // 2
        yield from _pieces(batch.slice(0, middle), events, size)
        yield from _pieces(batch.slice(middle), events, size)
    elif len(batch):
        yield batch


def ahead(chunks: Generator[Chunk, None, None]) -> Generator[Chunk | None, None, None]:
    """Yield the chunks, and make the next in a thread meanwhile; None while none is made yet."""
    with closing(chunks), ThreadPoolExecutor(1) as pool:  # closed after the thread has ended
        following = pool.submit(next, chunks, None)
        while True:
            wait([following], GATHERED_SECONDS)
            if not following.done():
                yield None
                continue
            if (chunk := following.result()) is None:
                return
            following = pool.submit(next, chunks, None)
            yield chunk
