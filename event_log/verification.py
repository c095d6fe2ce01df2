"""Verification: recompute what the log says of itself, and name the first thing that differs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from event_log import commit
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
    """Recompute all event digests and the chain; raises ``DamagedLog`` at the first misfit."""
    expected, previous = 1, NO_DIGEST
    for first in commits.firsts():
        if first != expected:
            raise DamagedLog(
                f"sequence {expected}: {commits.path(expected)} is missing; "
                "restore it from a backup"
            )
        about = commit.read_metadata(commits.path(first))
        if about.first != first or about.previous != previous:
            raise _misfit(first, "the commit does not continue the one before it")
        _verify_commit(commits.path(first), about)
        expected, previous = about.last + 1, about.digest
    return Verified(expected - 1, len(commits), previous.hex())


def _verify_commit(path: Path, about: CommitMetadata) -> None:
    digests = []
    expected = about.first
    try:
        for batch in commit.reader(path, checksums=True).iter_batches(commit.GROUP_EVENTS):
            _verify_events(batch, expected)
            digests.append(batch.column("digest"))
            expected += len(batch)
    except (OSError, pa.ArrowInvalid) as error:
        raise _misfit(expected, f"{path} cannot be read ({error})") from None
    if expected != about.last + 1:
        raise _misfit(expected, f"{path} does not hold the events that it says it does")
    if chain(about.previous, pa.concat_arrays(digests)) != about.digest:
        raise _misfit(about.first, f"the digest of {path} is not that of its events")


def _verify_events(batch: pa.RecordBatch, first: int) -> None:
    order = pa.array(range(first, first + len(batch)), pa.int64())
    for column, computed, reason in (
        ("sequence", order, "another sequence stands in its place"),
        ("digest", event_digests(batch), "the event is not the one that was appended"),
    ):
        differs = pc.not_equal(batch.column(column), computed)
        place = pc.index(differs, True).as_py()
        if place >= 0:
            raise _misfit(first + place, reason)


def _misfit(sequence: int, reason: str) -> DamagedLog:
    return DamagedLog(f"sequence {sequence}: {reason}; restore the log from a backup")
