"""Writing: a commit while it is written, and the receipts of those who share it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from event_log import commit, placing
from event_log.commit import CommitMetadata
from event_log.event import Receipt
from event_log.lookup import INDEXED
from event_log.merkle import Frontier
from event_log.pending import Pending
from event_log.roots import flat


class Writing:
    """A commit while it is written: its events get their place, and their digests are chained."""

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
        """Write the file; also again, to another path."""
        self.indexed: list[pa.RecordBatch] = []
        self._digests: list[bytes] = []
        self._frontier = self._start
        sample = None if len(self._events) < commit.FEW_EVENTS else self._events
        writer = commit.Writer(path, placing.schema(self._events), sample)
        try:
            for batch in placing.placed(self._events, self._before, self._recorded_at):
                digests = bytes(flat(batch.column("digest")))
                writer.write(pa.Table.from_batches([batch]), partial(self._grow, digests))
                self.indexed.append(batch.select(INDEXED))
            writer.close(self._footer)
        finally:
            writer.abandon()

    def _grow(self, digests: bytes) -> None:
        """Take the next digests into the tree: in the writer's thread, which has less to do."""
        self._digests.append(digests)
        self._frontier = self._frontier.append(digests)

    def _footer(self) -> dict[str, str]:
        self.about = CommitMetadata(
            first=self._before + 1,
            last=self._before + len(self._events),
            recorded_at=self._recorded_at,
            previous=self._start.root,
            frontier=self._frontier,
            schema_versions=_schema_versions(self._events),
            producers=self._producers,
        )
        return self.about.footer()

    def tell(self, admitted: list[Pending]) -> None:
        """Give each of those that share the commit its receipt."""
        versions = self._events.column("version")
        frontier, first, end = self._start, self._before + 1, 0
        digests = b"".join(self._digests) if len(admitted) > 1 else b""
        for pending in admitted:
            begin, end = end, end + pending.events
            if digests:
                frontier = frontier.append(digests[32 * begin : 32 * end])
            root = frontier.root if digests else self.about.digest
            pending.receipt = Receipt(
                first=min([first + begin, *pending.known.values()]),
                last=first + end - 1,
                version=versions[end - 1].as_py(),
                digest=root.hex(),
                added=pending.events,
            )


def _schema_versions(events: pa.Table) -> dict[str, tuple[int, ...]]:
    """By category the schema version of its events: new ones have one only."""
    categories, versions = events.column("category"), events.column("schema_version")
    return {
        name: (versions[pc.index(categories, name).as_py()].as_py(),)
        for name in sorted(pc.unique(categories).to_pylist())
    }
