"""Verification: recompute all digests and checksums, and name the first difference."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from event_log import machine
from event_log.category import ENVELOPE, INSTANT
from event_log.digests import checksum
from event_log.digests.check import check_all, check_events, misfit
from event_log.digests.merkle import Frontier
from event_log.errors import InvalidPoint
from event_log.files import commit, manifest, reading
from event_log.files.layout import Commits, Segment
from event_log.files.log_digest import flat, frontier_at
from event_log.files.manifest import Group, SealedFile
from event_log.files.sealing import loaded
from event_log.files.selection import Selection
from event_log.storage.refusals import is_refusal
from event_log.storage.store import Fresh, Store

AHEAD = 2
"""Batches for each thread whose digests are computed ahead."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The verified range: the events ``first`` to ``last``, and the log's digest at ``last``.

    ``commits`` is the number of commits and sealed groups that hold them.
    """

    events: int
    commits: int
    digest: str
    first: int = 1
    last: int = 0


def verify(commits: Commits, after: int = 0, until: int | None = None) -> Verified:
    """Recompute all digests and checksums; raises ``DamagedLog`` at the first difference.

    With ``after`` and ``until``, only those of the commits and sealed groups of that range; the
    digest before them is taken as correct. Raises ``InvalidPoint`` for a range that the log lacks.
    """
    seen = Commits(Fresh(commits.store))
    seen.refresh()
    return seen.again(lambda: _verify(seen, after, until))


def _verify(seen: Commits, after: int, until: int | None) -> Verified:
    head = seen.last
    end, until = "the head" if until is None else until, head if until is None else until
    if not 0 <= after <= until <= head:
        raise InvalidPoint(
            f"sequences {after + 1} to {end} cannot be verified; the log's head is {head}"
        )
    segments = seen.segments(after, until)
    first = segments[0].first if segments else after + 1
    frontier = frontier_at(seen, first - 1)
    with ThreadPoolExecutor(machine.threads()) as pool:
        verifying = _Verifying(seen, frontier, pool)
        for segment in segments:
            verifying.segment(segment)
    seen.schemas.check(verifying.written)
    _check_manifests(seen.store)
    last = segments[-1].last if segments else after
    digest = verifying.frontier.root.hex()
    return Verified(last - first + 1, len(segments), digest, first, last)


class _Verifying:
    """A verification in progress: the frontier and the time that it has reached."""

    def __init__(self, commits: Commits, frontier: Frontier, pool: ThreadPoolExecutor) -> None:
        self.frontier = frontier
        self._commits = commits
        self._pool = pool
        self._recorded_at = 0
        self.written: dict[tuple[str, int], pa.StructType] = {}
        """The struct of the events of each category and schema version, where a file has one."""

    def segment(self, segment: Segment) -> None:
        """Verify a commit or a sealed group; raises ``DamagedLog`` at the first difference."""
        if segment.group is None:
            self._commit(segment)
        else:
            self._group(segment)

    def _commit(self, segment: Segment) -> None:
        metadata = self._commits.at(segment.first)
        path = self._commits.locate(commit.name_of(metadata.first))
        if metadata.previous != self.frontier.root or metadata.recorded_at < self._recorded_at:
            raise misfit(metadata.first, "the commit does not continue the one before it")
        if not self._holds(path, commit.name_of(metadata.first)):
            self._changed(path, metadata.first)
        frontier, moment = self.frontier, pa.scalar(metadata.recorded_at, INSTANT)
        expected = metadata.first
        selection = Selection(None, segment.first - 1, segment.last)
        try:
            structs = _structs(path)
            for name, versions in metadata.schema_versions.items():
                if len(versions) == 1 and name in structs:
                    self.written[name, versions[0]] = structs[name]
            for batch in self._checked(reading.in_commit(self._commits, segment, selection)):
                _check_sequences(batch.column("sequence"), expected)
                check_all(batch, pc.not_equal(batch.column("recorded_at"), moment), OTHER_TIME)
                frontier = frontier.append(flat(batch.column("digest")))
                expected += len(batch)
        except commit.UNREADABLE as error:
            if is_refusal(error):
                raise commit.unreadable(path, error) from None
            raise misfit(expected, f"{path} cannot be read ({error})") from None
        if expected != metadata.last + 1:
            raise misfit(expected, f"{path} does not hold the events that it says it does")
        if frontier.root != metadata.digest:
            raise misfit(metadata.first, f"the digest of {path} is not that of its events")
        self.frontier, self._recorded_at = frontier, metadata.recorded_at

    def _group(self, segment: Segment) -> None:
        group = segment.group
        assert group is not None  # noqa: S101 - checked by ``segment``
        for file in sorted(group.files, key=lambda file: file.first):
            self._file(file)
        selection = Selection(None, group.first - 1, group.last)
        expected = group.first
        for span, batches in reading.in_group(self._commits, group, selection):
            placed = [b.select(PLACED) for b in self._checked(iter(batches))]
            events = pa.Table.from_batches(placed).sort_by("sequence").combine_chunks()
            end = min(group.last, (span + 1) * manifest.SPAN)
            self._span(group, events.to_batches()[0], expected, end)
            expected = end + 1
        if expected != group.last + 1:
            raise misfit(expected, "the sealed files do not hold it")
        if self._recorded_at != group.recorded_to:
            raise misfit(group.last, OTHER_TIME)
        if self.frontier.root.hex() != group.digest:
            raise misfit(group.first, "the digest of the sealed group is not that of its events")

    def _span(self, group: Group, events: pa.RecordBatch, first: int, end: int) -> None:
        _check_sequences(events.column("sequence"), first)
        if first + len(events) != end + 1:
            raise misfit(first + len(events), "the sealed files do not hold it")
        moments = events.column("recorded_at").cast(pa.int64()).to_numpy()
        if first == group.first and moments[0] != group.recorded_from:
            raise misfit(first, OTHER_TIME)
        fallen = np.flatnonzero(np.diff(moments, prepend=self._recorded_at) < 0)
        if len(fallen):
            raise misfit(first + int(fallen[0]), OTHER_TIME)
        self._recorded_at = int(moments[-1])
        self.frontier = self.frontier.append(flat(events.column("digest")))
        if end % manifest.SPAN == 0:
            expected = self._commits.manifest.frontier_at_span(end // manifest.SPAN)
            if expected.root != self.frontier.root:
                raise misfit(first, "the digest of its span is not that of its events")

    def _file(self, file: SealedFile) -> None:
        """Check a sealed file's checksum, and that it matches the manifest."""
        path = self._commits.locate(file.name)
        if not self._holds(path, file.name):
            self._changed(path, file.first)
        structs = _structs(path, file.first)
        with commit.reader(path) as opened:
            footer = opened.metadata.metadata or {}
            written = [footer.get(b"stet." + name) for name in FILE_SAYS]
            written += [str(opened.metadata.num_rows).encode(), str(path.stat().st_size).encode()]
        expected = [file.category, file.schema_version, file.first, file.last]
        expected += [file.events, file.bytes]
        if written != [str(value).encode() for value in expected]:
            raise misfit(file.first, f"{path} is not the file that the manifest means")
        if file.category in structs:
            self.written[file.category, file.schema_version] = structs[file.category]

    def _holds(self, path: Path, name: str) -> bool:
        try:
            return checksum.holds(path)
        except FileNotFoundError:
            raise self._commits.missing(name) from None
        except OSError as error:
            raise commit.unreadable(path, error) from None

    def _changed(self, path: Path, first: int) -> NoReturn:
        """Raise ``DamagedLog`` for the first changed event of a changed file, else its first."""
        try:
            _structs(path, first)
            for _ in self._checked(reading.whole(path)):
                pass
        except commit.UNREADABLE as error:
            if is_refusal(error):
                raise commit.unreadable(path, error) from None
            raise misfit(first, f"{path} cannot be read ({error})") from None
        raise misfit(first, f"{path} is not as it was written")

    def _checked(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the batches after checking their events, several batches at a time in threads."""
        waiting: deque[tuple[pa.RecordBatch, Future[None]]] = deque()
        for batch in batches:
            waiting.append((batch, self._pool.submit(check_events, batch)))
            if len(waiting) > AHEAD * machine.threads():
                yield _done(*waiting.popleft())
        while waiting:
            yield _done(*waiting.popleft())


def _check_manifests(store: Store) -> None:
    """Raise ``DamagedLog`` unless all manifests are whole: sealing reads those of before, too."""
    for name in store.names(manifest.FOLDER, manifest.SUFFIX):
        if name.startswith(manifest.PREFIX):
            loaded(store, name)


PLACED = ["sequence", "recorded_at", "digest"]
FILE_SAYS = (b"category", b"schema_version", b"first_sequence", b"last_sequence")
OTHER_TIME = "it was recorded at another time than its commit or manifest says"


def _done(batch: pa.RecordBatch, checked: Future[None]) -> pa.RecordBatch:
    checked.result()
    return batch


def _check_sequences(sequences: pa.Array, first: int) -> None:
    wanted = np.arange(first, first + len(sequences))
    wrong = np.flatnonzero(pc.fill_null(sequences, 0).to_numpy() != wanted)
    if len(wrong):
        raise misfit(first + int(wrong[0]), "another sequence stands in its place")


def _structs(path: Path, first: int | None = None) -> dict[str, pa.StructType]:
    """The structs of a file by category; ``DamagedLog`` if it has other columns beside these."""
    with commit.reader(path) as file:
        schema = file.schema_arrow
    structs = [field for field in schema if pa.types.is_struct(field.type)]
    if schema.remove_metadata() != pa.schema([*ENVELOPE, *structs]):
        begins = commit.begins(path) if first is None else first
        raise misfit(begins, f"{path} does not have a commit's columns")
    return {field.name: field.type for field in structs}
