"""Verification: recompute what the log says of itself, and name the first thing that differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from event_log import checksum, commit, reading
from event_log.category import ENVELOPE, INSTANT
from event_log.commit import CommitMetadata
from event_log.commits import Commits
from event_log.digest import NO_DIGEST, chain, event_digests
from event_log.errors import DamagedLog


@dataclass(frozen=True, slots=True)
class Verified:
    """What held: how many events in how many commits, and the digest at the head."""

    events: int
    commits: int
    digest: str


def verify(commits: Commits) -> Verified:
    """Recompute all digests and checksums; raises ``DamagedLog`` at the first misfit."""
    count, previous, recorded_at = 0, NO_DIGEST, 0
    expected = 1
    for about in commits.between():
        path = commits.path(about.first)
        if about.previous != previous or about.recorded_at < recorded_at:
            raise _misfit(about.first, "the commit does not continue the one before it")
        if not checksum.holds(path):
            first = _first_bad_event(path, about)
            raise _misfit(first, f"{path} is not as it was written")
        _verify_commit(path, about)
        count, previous, recorded_at = count + 1, about.digest, about.recorded_at
        expected = about.last + 1
    return Verified(expected - 1, count, previous.hex())


def _first_bad_event(path: Path, about: CommitMetadata) -> int:
    """The first sequence that a changed byte concerns; the commit's first when it is in none."""
    try:
        _verify_commit(path, about)
    except DamagedLog as error:
        return error.sequence
    return about.first


def _verify_commit(path: Path, about: CommitMetadata) -> None:
    digests = []
    expected = about.first
    try:
        for batch in _batches(path):
            _verify_events(batch, expected, about.recorded_at)
            digests.append(batch.column("digest"))
            expected += len(batch)
    except commit.UNREADABLE as error:
        raise _misfit(expected, f"{path} cannot be read ({error})") from None
    if expected != about.last + 1:
        raise _misfit(expected, f"{path} does not hold the events that it says it does")
    if chain(about.previous, digests) != about.digest:
        raise _misfit(about.first, f"the digest of {path} is not that of its events")


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The events of a file whose columns are those of a commit."""
    file = commit.reader(path, checksums=True)
    schema = file.schema_arrow
    structs = [field for field in schema if pa.types.is_struct(field.type)]
    if schema.remove_metadata() != pa.schema([*ENVELOPE, *structs]):
        raise _misfit(commit.first_of(path.name), f"{path} does not have a commit's columns")
    yield from file.iter_batches(reading.BATCH_EVENTS)


def _verify_events(batch: pa.RecordBatch, first: int, recorded_at: int) -> None:
    order = pa.array(range(first, first + len(batch)), pa.int64())
    moments = pa.repeat(pa.scalar(recorded_at, INSTANT), len(batch))
    for column, computed, reason in (
        ("sequence", order, "another sequence stands in its place"),
        ("recorded_at", moments, "it was recorded at another time than its commit"),
        ("digest", event_digests(batch), "the event is not the one that was appended"),
        ("category", _categories(batch), "its data are not those of its stream's category"),
    ):
        differs = pc.fill_null(pc.not_equal(batch.column(column), computed), True)
        place = pc.index(differs, True).as_py()
        if place >= 0:
            raise _misfit(first + place, reason)


def _categories(batch: pa.RecordBatch) -> pa.Array:
    """The category by the stream's name, or null where data are in another one's column.

    The canonical form has the fields' names but not their column's; so this is looked at apart.
    """
    categories = pc.list_element(pc.split_pattern(batch.column("stream"), "/", max_splits=1), 0)
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if pa.types.is_struct(field.type):
            stray = pc.and_(column.is_valid(), pc.not_equal(categories, field.name))
            categories = pc.if_else(stray, None, categories)
    return categories


def _misfit(sequence: int, reason: str) -> DamagedLog:
    return DamagedLog(f"{reason}; restore the log from a backup", sequence)
