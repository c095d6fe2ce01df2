"""For tests of sealing: small spans and groups, and everything that can be read of a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from event_log import EventLog, NewEvent
from event_log.files import manifest, sealed_group, sealing

SMALL = {
    "manifest.SPAN": 8,
    "rewriting.ROW_GROUP_EVENTS": 3,
    "sealing.SEALED_GROUP_EVENTS": 24,
}
"""As if 8 events were 65,536: several spans, row groups and groups in a log of some ten events."""
MODULES = {"manifest": manifest, "rewriting": sealed_group, "sealing": sealing}


@contextmanager
def small_spans() -> Iterator[None]:
    """Everything that sealing counts is small."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            module, _, constant = name.partition(".")
            patch.setattr(MODULES[module], constant, value)
        yield


def listed(batches: Iterator[pa.RecordBatch]) -> list[dict[str, Any]]:
    return [event for batch in batches for event in batch.to_pylist()]


def everything(log: EventLog, ids: Sequence[str], repeats: Sequence[Sequence[NewEvent]]) -> dict:
    """All that a log says of itself, by every way of asking; equal logs say equal things."""
    events = list(log.read())
    head = len(events)
    streams = sorted({event.stream for event in events})
    moments = sorted({event.recorded_at for event in events})
    snapshots = [log.at(n) for n in range(head + 1)]
    some = snapshots[::4]
    return {
        "events": events,
        "head": log.head,
        "after": [[e.sequence for e in log.read(after=n)] for n in range(0, head + 1, 3)],
        "few": [list(log.read(after=n, limit=3)) for n in range(0, head, 5)],
        "of category": {name: list(log.read(category=name)) for name in log.registry},
        "of type": [list(log.read(type=name)) for name in log.registry.event_types],
        "streams": {stream: log.stream(stream) for stream in streams},
        "late": {stream: list(log.read(after=head // 2, stream=stream)) for stream in streams},
        "scan": listed(log.scan()),
        "narrow": listed(log.scan(["version", "sequence"], after=3)),
        "categories": [listed(log.scan(categories=[name], after=5)) for name in log.registry],
        "one category": [listed(log.scan(["stream", "digest"], 0, [n])) for n in log.registry],
        "digests": [snapshot.digest for snapshot in snapshots],
        "snapshots": [listed(snapshot.scan(["sequence"])) for snapshot in some],
        "instants": [log.at(moment).sequence for moment in moments],
        "known": log.known([*ids, "never"]),
        "versions": log.versions([*streams, "thing/never"]),
        "producers": [log.position_of(name) for name in ("one", "two", "none")],
        "proofs": [log.prove(n, at) for at in (head // 2, head) for n in range(1, at + 1, 5)],
        "receipts": [log.append(events) for events in repeats],
        "files": [in_duckdb(log, n) for n in range(0, head + 1, 9)],
    }


def in_duckdb(log: EventLog, sequence: int) -> list[tuple]:
    """What DuckDB reads of a snapshot's files, without us."""
    if not (files := log.at(sequence).files()):
        return []
    return duckdb.execute(
        "SELECT sequence, event_id, stream, category, type, version, recorded_at, actor, digest,"
        " thing.text, thing.names, note.title"
        " FROM read_parquet(?, union_by_name = true, hive_partitioning = false)"
        " WHERE sequence <= ? ORDER BY sequence",
        [files, sequence],
    ).fetchall()


def files_of(log: EventLog) -> set[str]:
    """The names of all files below the log's folder, but for the caches and what is staged."""
    found = (path.relative_to(log.path) for path in log.path.rglob("*") if path.is_file())
    return {name.as_posix() for name in found if name.parts[0] not in ("cache", "staging")}


def sealed_files(log: EventLog) -> list[Path]:
    return sorted((log.path / "sealed").rglob("*.parquet"))


def manifests(log: EventLog) -> list[Path]:
    return sorted((log.path / "sealed").glob("_manifest-*.json"))
