"""Writing a sealed group: the events of commits, span by span, into its files."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from event_log.category import ENVELOPE
from event_log.digests import checksum
from event_log.digests.check import check_events
from event_log.errors import DamagedLog
from event_log.files import commit, reading
from event_log.files.layout import Commits
from event_log.files.log_digest import NO_CATEGORIES, flat, frontier_at
from event_log.files.manifest import FOLDER, FORMAT, Group, SealedFile
from event_log.files.selection import Selection

ROW_GROUP_EVENTS = 4_096
"""Events in a row group: the least that is read to find one stream."""
COMPRESSION_LEVEL = 3
"""Files are a sixth smaller than at level 1, for half as much time again; nobody waits for it."""
BLOOM = {name: {"ndv": ROW_GROUP_EVENTS, "fpp": 0.01} for name in ("stream", "event_id")}
ORDER = [("stream", "ascending"), ("sequence", "ascending")]
Key = tuple[str, str, int]
"""A sealed file's category, month and schema version."""


class _File:
    """One sealed file while it is written, in the staging folder."""

    def __init__(self, staged: Path, first: pa.Table) -> None:
        schema = first.schema.remove_metadata()  # without the metadata of the commit's footer
        self.staged = staged
        self.first, self.last, self.events = 0, 0, 0
        self._writer = commit.Writer(
            staged,
            schema,
            first,
            group_events=ROW_GROUP_EVENTS,
            compression="zstd",
            compression_level=COMPRESSION_LEVEL,
            sorting_columns=pq.SortingColumn.from_ordering(schema, ORDER),
            bloom_filter_options=BLOOM,
        )

    def write(self, events: pa.Table) -> None:
        """Add the events of one span, sorted by stream."""
        extremes = pc.min_max(events.column("sequence")).as_py()
        self.first = self.first or extremes["min"]
        self.last = max(self.last, extremes["max"])
        self.events += len(events)
        self._writer.write(events)

    def close(self, key: Key) -> None:
        """Complete the file with footer and checksum."""
        self._writer.close(
            lambda: {
                "stet.format": str(FORMAT),
                "stet.first_sequence": str(self.first),
                "stet.last_sequence": str(self.last),
                "stet.category": key[0],
                "stet.schema_version": str(key[2]),
                checksum.KEY: checksum.EMPTY,
            }
        )

    def abandon(self) -> None:
        """End the writer's thread."""
        self._writer.abandon()


class Rewriting:
    """One sealed group while it is written, from the event after a sequence on.

    Files of an unfinished group are removed, unless the process is killed; see ``sealing``.
    """

    def __init__(self, commits: Commits, after: int) -> None:
        self._commits = commits
        self._before = self._through = after
        self._frontier = frontier_at(commits, after)
        self._files: dict[Key, _File] = {}
        self._staged: list[Path] = []
        self._staging = commits.store.local / "staging"
        self._staging.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Rewriting:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.abandon()
        for staged in self._staged:
            with contextlib.suppress(OSError):  # a later clean-up removes it
                staged.unlink(missing_ok=True)

    def full(self, events: int, size: int) -> bool:
        """Return whether it has this many events, or a file of this many bytes."""
        if self._through - self._before >= events:
            return True
        return any(file.staged.stat().st_size >= size for file in self._files.values())

    def take(self, until: int) -> None:
        """Add the events up to a sequence, all of one span.

        Raises ``DamagedLog`` for an event that does not match its digest.
        """
        by_file: dict[Key, list[pa.Table]] = {}
        digests = []
        for batch in self._batches(until):
            check_events(batch)
            digests.append(pa.Table.from_batches([batch.select(["sequence", "digest"])]))
            for key, events in _split(batch):
                by_file.setdefault(key, []).append(events)
        for key, tables in by_file.items():
            table = pa.concat_tables(tables).sort_by(ORDER)
            file = self._files.get(key) or self._begin(key, table)
            file.write(table)
        self._extend(pa.concat_tables(digests), until)

    def _batches(self, until: int) -> list[pa.RecordBatch]:
        selection = Selection(None, self._through, until)
        read: list[pa.RecordBatch] = []
        for segment in self._commits.segments(self._through, until):
            if segment.group is None:
                read += reading.in_commit(self._commits, segment, selection)
            else:
                for _, batches in reading.in_group(self._commits, segment.group, selection):
                    read += batches
        return read

    def _begin(self, key: Key, first: pa.Table) -> _File:
        staged = self._staging / f"{os.getpid()}-{uuid.uuid4().hex}"
        self._staged.append(staged)
        self._files[key] = _File(staged, first)
        return self._files[key]

    def _extend(self, events: pa.Table, until: int) -> None:
        events = events.sort_by("sequence").combine_chunks()
        wanted = pa.array(range(self._through + 1, until + 1), pa.int64())
        if not events.column("sequence").combine_chunks().equals(wanted):
            raise DamagedLog("there are events missing; verify the log", self._through + 1)
        self._frontier = self._frontier.append(flat(events.column("digest").combine_chunks()))
        self._through = until

    def finish(self, names: list[str]) -> Group:
        """Give all files their final names, and add these to a list.

        Raises ``DamagedLog`` when the digest differs from the commits'.
        """
        digest = self._frontier.root
        if digest != frontier_at(self._commits, self._through).root:
            raise DamagedLog(
                "the events are not those of the log's digest; verify the log", self._before + 1
            )
        files = tuple(self._put(key, file, names) for key, file in sorted(self._files.items()))
        return Group(
            first=self._before + 1,
            last=self._through,
            recorded_from=self._recorded_at(self._before + 1),
            recorded_to=self._recorded_at(self._through),
            digest=digest.hex(),
            files=files,
        )

    def _put(self, key: Key, file: _File, names: list[str]) -> SealedFile:
        category, month, version = key
        file.close(key)
        size = file.staged.stat().st_size
        name = (
            f"{FOLDER}/category={category}/month={month}/"
            f"{file.first:020d}-{file.last:020d}-{uuid.uuid4().hex[:12]}.parquet"
        )
        names.append(name)
        self._commits.store.put_if_absent(name, lambda path: _move(file.staged, path))
        return SealedFile(name, category, version, file.first, file.last, file.events, size)

    def _recorded_at(self, sequence: int) -> int:
        selection = Selection(["recorded_at"], sequence - 1, sequence)
        batch = next(reading.batches(self._commits, selection, NO_CATEGORIES))
        return int(batch.column("recorded_at").cast(pa.int64())[0].as_py())


def _move(staged: Path, path: Path) -> None:
    staged.replace(path)


def _split(events: pa.RecordBatch) -> list[tuple[Key, pa.Table]]:
    """Split events by category, month of recording and schema version."""
    months = pc.strftime(events.column("recorded_at"), "%Y-%m")
    table = pa.table(
        {
            "category": events.column("category"),
            "month": months,
            "version": events.column("schema_version"),
        }
    )
    keys = table.group_by(table.column_names).aggregate([])
    whole = pa.Table.from_batches([events])
    by_key = []
    for key in zip(*(column.to_pylist() for column in keys.columns), strict=True):
        chosen = pc.and_(
            pc.and_(pc.equal(table["category"], key[0]), pc.equal(table["month"], key[1])),
            pc.equal(table["version"], key[2]),
        )
        names = [*ENVELOPE.names, *([key[0]] if key[0] in whole.column_names else [])]
        by_key.append((key, whole.select(names).filter(chosen)))
    return by_key
