"""Verification: recompute what the log says of itself, and name the first thing that differs."""

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

from event_log import checksum, commit, manifest, reading
from event_log.category import ENVELOPE, INSTANT
from event_log.commits import Commits, Segment
from event_log.digest import event_digests
from event_log.errors import DamagedLog, EventLogError, InvalidPoint
from event_log.manifest import Group, SealedFile
from event_log.merkle import Frontier
from event_log.part import Part
from event_log.roots import flat, frontier_at
from event_log.store import Fresh

THREADS = 2
AHEAD = 4
"""Batches whose digests are computed while another is looked at."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What held: the events ``first`` to ``last``, in how many parts, and the digest at ``last``.

    A part is a commit, or a sealed group.
    """

    events: int
    commits: int
    digest: str
    first: int = 1
    last: int = 0


def verify(commits: Commits, after: int = 0, until: int | None = None) -> Verified:
    """Recompute all digests and checksums; raises ``DamagedLog`` at the first misfit.

    With ``after`` and ``until``, of the parts that hold the events between; the digest before them
    is then believed. Raises ``InvalidPoint`` for a range that the log does not have.
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
    with ThreadPoolExecutor(THREADS) as pool:
        verifying = _Verifying(seen, frontier, pool)
        for segment in segments:
            verifying.segment(segment)
    last = segments[-1].last if segments else after
    digest = verifying.frontier.root.hex()
    return Verified(last - first + 1, len(segments), digest, first, last)


class _Verifying:
    """A walk along the log: how far it went, and with which digest."""

    def __init__(self, commits: Commits, frontier: Frontier, pool: ThreadPoolExecutor) -> None:
        self.frontier = frontier
        self._commits = commits
        self._pool = pool
        self._recorded_at = 0

    def segment(self, segment: Segment) -> None:
        """Verify a commit or a sealed group; raises ``DamagedLog`` at what does not fit."""
        if segment.group is None:
            self._commit(segment)
        else:
            self._group(segment)

    def _commit(self, segment: Segment) -> None:
        about = self._commits.at(segment.first)
        path = self._commits.locate(commit.name_of(about.first))
        if about.previous != self.frontier.root or about.recorded_at < self._recorded_at:
            raise _misfit(about.first, "the commit does not continue the one before it")
        if not self._holds(path, commit.name_of(about.first)):
            self._changed(path, about.first)
        frontier, moment = self.frontier, pa.scalar(about.recorded_at, INSTANT)
        expected = about.first
        part = Part(None, segment.first - 1, segment.last)
        try:
            _check_schema(path)
            for batch in self._checked(reading.in_commit(self._commits, segment, part)):
                _check_sequences(batch.column("sequence"), expected)
                _check(batch, pc.not_equal(batch.column("recorded_at"), moment), OTHER_TIME)
                frontier = frontier.append(flat(batch.column("digest")))
                expected += len(batch)
        except commit.UNREADABLE as error:
            raise _misfit(expected, f"{path} cannot be read ({error})") from None
        if expected != about.last + 1:
            raise _misfit(expected, f"{path} does not hold the events that it says it does")
        if frontier.root != about.digest:
            raise _misfit(about.first, f"the digest of {path} is not that of its events")
        self.frontier, self._recorded_at = frontier, about.recorded_at

    def _group(self, segment: Segment) -> None:
        group = segment.group
        assert group is not None  # noqa: S101 - asked by ``segment``
        for file in sorted(group.files, key=lambda file: file.first):
            self._file(file)
        part = Part(None, group.first - 1, group.last)
        expected = group.first
        for span, batches in reading.in_group(self._commits, group, part):
            parts = [b.select(PLACED) for b in self._checked(iter(batches))]
            events = pa.Table.from_batches(parts).sort_by("sequence").combine_chunks()
            end = min(group.last, (span + 1) * manifest.SPAN)
            self._span(group, events.to_batches()[0], expected, end)
            expected = end + 1
        if expected != group.last + 1:
            raise _misfit(expected, "the sealed files do not hold it")
        if self._recorded_at != group.recorded_to:
            raise _misfit(group.last, OTHER_TIME)
        if self.frontier.root.hex() != group.digest:
            raise _misfit(group.first, "the digest of the sealed group is not that of its events")

    def _span(self, group: Group, events: pa.RecordBatch, first: int, end: int) -> None:
        _check_sequences(events.column("sequence"), first)
        if first + len(events) != end + 1:
            raise _misfit(first + len(events), "the sealed files do not hold it")
        moments = events.column("recorded_at").cast(pa.int64()).to_numpy()
        if first == group.first and moments[0] != group.recorded_from:
            raise _misfit(first, OTHER_TIME)
        fallen = np.flatnonzero(np.diff(moments, prepend=self._recorded_at) < 0)
        if len(fallen):
            raise _misfit(first + int(fallen[0]), OTHER_TIME)
        self._recorded_at = int(moments[-1])
        self.frontier = self.frontier.append(flat(events.column("digest")))
        if end % manifest.SPAN == 0:
            said = self._commits.manifest.frontier_at_span(end // manifest.SPAN)
            if said.root != self.frontier.root:
                raise _misfit(first, "the digest of its span is not that of its events")

    def _file(self, file: SealedFile) -> None:
        """Check a sealed file as a whole, and that it is what the manifest says."""
        path = self._commits.locate(file.name)
        if not self._holds(path, file.name):
            self._changed(path, file.first)
        _check_schema(path, file.first)
        with commit.reader(path) as opened:
            about = opened.metadata.metadata or {}
            said = [about.get(b"stet." + name) for name in FILE_SAYS]
            said += [str(opened.metadata.num_rows).encode(), str(path.stat().st_size).encode()]
        true = [file.category, file.schema_version, file.first, file.last, file.events, file.bytes]
        if said != [str(value).encode() for value in true]:
            raise _misfit(file.first, f"{path} is not the file that the manifest means")

    def _holds(self, path: Path, name: str) -> bool:
        try:
            return checksum.holds(path)
        except FileNotFoundError:
            raise self._commits.missing(name) from None
        except OSError as error:
            raise commit.unreadable(path, error) from None

    def _changed(self, path: Path, first: int) -> NoReturn:
        """Raise for the first event that a changed byte concerns; for the first, if for none."""
        try:
            _check_schema(path, first)
            for _ in self._checked(reading.whole(path)):
                pass
        except commit.UNREADABLE as error:
            raise _misfit(first, f"{path} cannot be read ({error})") from None
        raise _misfit(first, f"{path} is not as it was written")

    def _checked(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches whose events are what they say; several are looked at at a time."""
        waiting: deque[tuple[pa.RecordBatch, Future[None]]] = deque()
        for batch in batches:
            waiting.append((batch, self._pool.submit(check_events, batch)))
            if len(waiting) > AHEAD:
                yield _done(*waiting.popleft())
        while waiting:
            yield _done(*waiting.popleft())


PLACED = ["sequence", "recorded_at", "digest"]
FILE_SAYS = (b"category", b"schema_version", b"first_sequence", b"last_sequence")
OTHER_TIME = "it was recorded at another time than its commit or manifest says"


def _done(batch: pa.RecordBatch, checked: Future[None]) -> pa.RecordBatch:
    checked.result()
    return batch


def check_events(events: pa.RecordBatch) -> None:
    """Raise ``DamagedLog`` for the first event that is not what its digest says."""
    try:
        digests = event_digests(events)
    except EventLogError as error:  # a type that no event has
        raise _misfit(pc.min(events.column("sequence")).as_py() or 0, str(error)) from None
    _check(events, pc.not_equal(events.column("digest"), digests), CHANGED)
    strays = pc.invert(_belongs(events))
    _check(events, strays, "its data are not those of its stream's category")


CHANGED = "the event is not the one that was appended"


def _check(events: pa.RecordBatch, differs: pa.Array, reason: str) -> None:
    places = pc.fill_null(differs, True)
    if places.true_count:
        wrong = events.column("sequence").filter(places)
        raise _misfit(pc.min(wrong).as_py() or 0, reason)


def _check_sequences(sequences: pa.Array, first: int) -> None:
    wanted = np.arange(first, first + len(sequences))
    wrong = np.flatnonzero(pc.fill_null(sequences, 0).to_numpy() != wanted)
    if len(wrong):
        raise _misfit(first + int(wrong[0]), "another sequence stands in its place")


def _check_schema(path: Path, first: int | None = None) -> None:
    """A file's columns are the envelope's and structs."""
    with commit.reader(path) as file:
        schema = file.schema_arrow
    structs = [field for field in schema if pa.types.is_struct(field.type)]
    if schema.remove_metadata() != pa.schema([*ENVELOPE, *structs]):
        begins = commit.begins(path) if first is None else first
        raise _misfit(begins, f"{path} does not have a commit's columns")


def _belongs(events: pa.RecordBatch) -> pa.BooleanArray:
    """Whether each event's category is that of its stream's name, and its data are of it alone.

    The canonical form has the fields' names but not their column's; so this is looked at apart.
    """
    streams, categories = events.column("stream"), events.column("category")
    belongs = pa.array(np.zeros(len(events), bool))
    try:
        names = categories.unique().drop_null().to_pylist()
    except UnicodeDecodeError:
        return belongs
    for name in names:
        here = pc.and_(pc.equal(categories, name), pc.starts_with(streams, f"{name}/"))
        belongs = pc.or_(belongs, pc.fill_null(here, False))
    for field, column in zip(events.schema, events.columns, strict=True):
        if pa.types.is_struct(field.type) and column.null_count < len(column):
            stray = pc.and_(column.is_valid(), pc.not_equal(categories, field.name))
            belongs = pc.and_not(belongs, pc.fill_null(stray, True))
    return belongs


def _misfit(sequence: int, reason: str) -> DamagedLog:
    return DamagedLog(f"{reason}; restore the log from a backup", sequence)
