"""The log's digest at any sequence: the root of the Merkle tree over the events up to it.

Each commit has the digest at its end, and a manifest that of each whole span. In between, the
digests of at most one span of events are read.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from event_log.category import Registry
from event_log.digests.merkle import WIDTH, Frontier
from event_log.files import manifest, reading
from event_log.files.layout import Commits
from event_log.files.selection import Selection

NO_CATEGORIES = Registry(())


def frontier_at(commits: Commits, sequence: int) -> Frontier:
    """Return the frontier of the events 1 to a sequence that was seen."""
    return commits.again(lambda: _frontier_at(commits, sequence))


def _frontier_at(commits: Commits, sequence: int) -> Frontier:
    sealed = commits.manifest
    if sequence == 0:
        return Frontier.empty()
    if sequence == sealed.through:
        return sealed.frontier
    if sequence > sealed.through:
        metadata = commits.at(sequence)
        if metadata.last == sequence:
            return metadata.frontier
        return frontier_at(commits, metadata.first - 1).append(
            digests(commits, metadata.first - 1, sequence)
        )
    span = manifest.span_of(sequence)
    return sealed.frontier_at_span(span).append(digests(commits, span * manifest.SPAN, sequence))


def digest_at(commits: Commits, sequence: int) -> bytes:
    """Return the log's digest at a sequence that was seen; 32 zero bytes at 0."""
    return frontier_at(commits, sequence).root


def digests(commits: Commits, after: int, until: int) -> bytes:
    """Return the digests of events in order, concatenated, 32 bytes each."""
    return b"".join(blocks(commits, after, until))


def blocks(commits: Commits, after: int, until: int) -> Iterator[memoryview]:
    """Yield the digests of events in order, in blocks."""
    selection = Selection(["digest"], after, until)
    for batch in reading.batches(commits, selection, NO_CATEGORIES):
        yield flat(batch.column("digest"))


def flat(digests: pa.FixedSizeBinaryArray) -> memoryview:
    """Return the bytes of an array of digests, not copied."""
    start = digests.offset * WIDTH
    return memoryview(digests.buffers()[1])[start : start + len(digests) * WIDTH]
