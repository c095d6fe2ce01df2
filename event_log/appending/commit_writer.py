"""Writing a commit: number its events, write the file, and make the receipts of its appends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from event_log.appending.pending import Pending
from event_log.category import ENVELOPE, INSTANT, Effect, Registry
from event_log.digests.digest import event_digests
from event_log.digests.merkle import Frontier
from event_log.errors import InvalidEvent
from event_log.event import Receipt
from event_log.files import commit
from event_log.files.commit import CommitMetadata
from event_log.files.log_digest import flat
from event_log.index.lookup import INDEXED


class CommitWriter:
    """Writes one commit: gives its events their sequences, and extends the Merkle tree."""

    def __init__(
        self,
        events: pa.Table,
        before: int,
        recorded_at: int,
        frontier: Frontier,
        producers: dict[str, int],
    ) -> None:
        self._events = events
        self._before = before
        self._recorded_at = recorded_at
        self._start = frontier
        self._producers = producers

    def write(self, path: Path) -> None:
        """Write the file. May be called again with another path."""
        self.indexed: list[pa.RecordBatch] = []
        self._digests: list[bytes] = []
        self._frontier = self._start
        sample = None if len(self._events) < commit.FEW_EVENTS else self._events
        writer = commit.Writer(path, commit_schema(self._events), sample)
        try:
            for batch in placed(self._events, self._before, self._recorded_at):
                digests = bytes(flat(batch.column("digest")))
                writer.write(pa.Table.from_batches([batch]), partial(self._grow, digests))
                self.indexed.append(batch.select(INDEXED))
            writer.close(self._footer)
        finally:
            writer.abandon()

    def _grow(self, digests: bytes) -> None:
        """Append digests to the tree, in the writer's thread, which has less to do."""
        self._digests.append(digests)
        self._frontier = self._frontier.append(digests)

    def _footer(self) -> dict[str, str]:
        self.metadata = CommitMetadata(
            first=self._before + 1,
            last=self._before + len(self._events),
            recorded_at=self._recorded_at,
            previous=self._start.root,
            frontier=self._frontier,
            schema_versions=_schema_versions(self._events),
            producers=self._producers,
        )
        return self.metadata.footer()

    def set_receipts(self, admitted: list[Pending]) -> None:
        """Set the receipt of each append in the commit."""
        versions = self._events.column("version")
        frontier, first, end = self._start, self._before + 1, 0
        digests = b"".join(self._digests) if len(admitted) > 1 else b""
        for pending in admitted:
            begin, end = end, end + pending.events
            if digests:
                frontier = frontier.append(digests[32 * begin : 32 * end])
            root = frontier.root if digests else self.metadata.digest
            pending.receipt = Receipt(
                first=min([first + begin, *pending.known.values()]),
                last=first + end - 1,
                version=versions[end - 1].as_py(),
                digest=root.hex(),
                added=pending.events,
            )


def _schema_versions(events: pa.Table) -> dict[str, tuple[int, ...]]:
    """Return the schema version of each category's events: new events have one only."""
    categories, versions = events.column("category"), events.column("schema_version")
    return {
        name: (versions[pc.index(categories, name).as_py()].as_py(),)
        for name in sorted(pc.unique(categories).to_pylist())
    }


def numbered(events: pa.Table, versions: Mapping[str, int], registry: Registry) -> pa.Table:
    """Return the events with the column ``version``: their places in their streams.

    ``versions`` has the current version of each stream that has events. Raises
    ``InvalidEvent`` for a stream that would begin with an event that does not create.
    """
    streams = events.column("stream").combine_chunks().dictionary_encode()
    place = pc.index_in(streams.dictionary, pa.array([*versions], pa.string()))
    known = pc.take(pa.array([*versions.values()], pa.int64()), place)
    begun = pc.fill_null(known, 0).to_numpy(zero_copy_only=False)
    codes = streams.indices.to_numpy()
    numbers = pa.array(begun[codes] + _counts(codes))
    _check_beginnings(events, numbers, registry)
    return events.append_column(ENVELOPE.field("version"), [numbers])


def _counts(codes: np.ndarray) -> np.ndarray:
    """Return for each value how often it occurred so far: 1 for the first."""
    order = np.argsort(codes, kind="stable")
    places = np.arange(len(codes))
    begins = np.r_[True, codes[order][1:] != codes[order][:-1]][: len(codes)]
    starts = np.maximum.accumulate(np.where(begins, places, 0))
    counts = np.empty(len(codes), np.int64)
    counts[order] = places - starts + 1
    return counts


def _check_beginnings(events: pa.Table, versions: pa.Array, registry: Registry) -> None:
    effects = registry.event_types.values()
    creating = pa.array([t.name for t in effects if t.effect is Effect.CREATES], pa.string())
    types = events.column("type")
    wrong = pc.and_(pc.equal(versions, 1), pc.invert(pc.is_in(types, creating)))
    place = pc.index(wrong, True).as_py()
    if place < 0:
        return
    type_name, stream = types[place].as_py(), events.column("stream")[place].as_py()
    raise InvalidEvent("type", registry.owner[type_name].not_begun(stream), place)


def placed(events: pa.Table, after: int, recorded_at: int) -> Iterator[pa.RecordBatch]:
    """Yield numbered events with their sequences after another, one row group at a time."""
    in_place = _fits(events)
    for batch in events.to_batches(commit.ROW_GROUP_EVENTS) if in_place else _regrouped(events):
        yield _whole(batch, after + 1, recorded_at)
        after += len(batch)


def _fits(events: pa.Table) -> bool:
    chunks: int = events.column("stream").num_chunks
    return chunks <= len(events) // commit.ROW_GROUP_EVENTS + 1


def _regrouped(events: pa.Table) -> Iterator[pa.RecordBatch]:
    """Yield many small chunks as few large ones, because each batch has a fixed cost."""
    for start in range(0, len(events), commit.ROW_GROUP_EVENTS):
        yield from events.slice(start, commit.ROW_GROUP_EVENTS).combine_chunks().to_batches()


def commit_schema(events: pa.Table) -> pa.Schema:
    """Return the columns of a commit of these events: the envelope, and their structs."""
    return pa.schema([*ENVELOPE, *(f for f in events.schema if pa.types.is_struct(f.type))])


def _whole(events: pa.RecordBatch, first: int, recorded_at: int) -> pa.RecordBatch:
    """Return a batch with all columns of the envelope in order, then the structs."""
    columns = dict(zip(events.schema.names, events.columns, strict=True))
    columns["sequence"] = pa.array(np.arange(first, first + len(events)))
    columns["recorded_at"] = pa.repeat(pa.scalar(recorded_at, INSTANT), len(events))
    fields = [f for f in ENVELOPE if f.name != "digest"]
    fields += [f for f in events.schema if pa.types.is_struct(f.type)]
    batch = pa.RecordBatch.from_arrays([columns[f.name] for f in fields], schema=pa.schema(fields))
    place = ENVELOPE.get_field_index("digest")
    return batch.add_column(place, ENVELOPE.field("digest"), event_digests(batch))
