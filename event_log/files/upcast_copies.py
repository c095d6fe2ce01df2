"""Upcast copies: files of the log in the newest schema, for engines that read Parquet themselves.

A copy is a cache: it can be deleted at any time, and is written again from the log's file, which
never changes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from event_log.category import Registry
from event_log.digests import checksum
from event_log.errors import DamagedLog, EventLogError
from event_log.files import commit
from event_log.schemas.upcast import needs_upcast, upcast
from event_log.storage.disk import fsync
from event_log.storage.plain_path import plain_path

BATCH_EVENTS = 16_384
UNUSED_SECONDS = 2 * 86_400.0
"""A copy that is not used for this long is removed; one that is used every night stays."""


def upcast_digest(registry: Registry) -> str:
    """Return a digest of these categories' upcasters: 16 hexadecimal digits.

    A different digest means that old events are read differently. It is empty without upcasters.
    """
    seen = []
    for name in sorted(registry):
        category = registry[name]
        if category.upcasters:
            steps = [(n, category.upcasters[n].digest) for n in sorted(category.upcasters)]
            seen.append((name, category.schema_version, str(category.struct), steps))
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16] if seen else ""


def upcast_file(source: Path, target: Path, registry: Registry) -> None:
    """Write a file's events, upcast, to another file with the same columns and row groups.

    The footer has a checksum of the file, because engines read it without checking anything.
    Raises ``DamagedLog`` when the source cannot be read, ``OSError`` when the target cannot be
    written, ``IncompatibleSchema`` as ``upcast`` does. Memory: one row group.
    """
    file = commit.reader(source, checksums=True)
    written = file.schema_arrow.remove_metadata()
    none = pa.RecordBatch.from_arrays([pa.nulls(0, f.type) for f in written], schema=written)
    schema = upcast(none, registry).schema
    with pq.ParquetWriter(plain_path(target), schema, compression="zstd") as writer:
        for group in range(file.num_row_groups):
            batches = file.iter_batches(BATCH_EVENTS, row_groups=[group], use_threads=False)
            try:
                as_written = list(batches)
            except commit.UNREADABLE as error:
                raise commit.unreadable(source, error) from None
            events = pa.Table.from_batches(
                [upcast(batch, registry) for batch in as_written], schema
            )
            writer.write_table(events, row_group_size=max(len(events), 1))
        writer.add_key_value_metadata({checksum.KEY: checksum.EMPTY})
    checksum.stamp(target)


class UpcastCopies:
    """The copies for one registry, below ``upcast/`` in a log's folder of caches.

    Any number of processes may use them at the same time: a copy appears only when it is whole.
    """

    def __init__(self, cache: Path, registry: Registry) -> None:
        self._registry = registry
        self._root = cache / "upcast"
        self._folder = self._root / (upcast_digest(registry) or "none")
        self._swept = False
        self._whole: set[Path] = set()

    def path(self, source: Path, schema_versions: Mapping[str, Sequence[int]]) -> Path:
        """Return the file to read for ``source``: itself, or its copy, which is written if absent.

        ``schema_versions`` are those of the events in it, as ``needs_upcast`` takes them. Raises
        ``EventLogError`` when the copy cannot be written, and what ``upcast_file`` does.
        """
        if not needs_upcast(schema_versions, self._registry):
            return source
        if not self._swept:
            self._swept = True
            self._sweep()
        try:
            status = source.stat()
        except FileNotFoundError:
            raise DamagedLog(f"{source} is missing; restore it from a backup") from None
        identity = f"{status.st_size:x}-{status.st_mtime_ns:x}"  # a restored log has other files
        target = self._folder / f"{source.stem}-{identity}{source.suffix}"
        with contextlib.suppress(OSError):  # it is not there, or the cache is read-only
            os.utime(target)
        if not self._is_whole(target):
            self._make(source, target)
        return target

    def _is_whole(self, target: Path) -> bool:
        """Whether a copy is there and as it was written; read once, when it is first used."""
        if target not in self._whole:
            try:
                if not checksum.holds(target):
                    return False
            except OSError:
                return False
            self._whole.add(target)
        return target.is_file()

    def _make(self, source: Path, target: Path) -> None:
        staged = self._folder / f"staged-{os.getpid()}-{uuid.uuid4().hex}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            upcast_file(source, staged, self._registry)
            fsync(staged)  # else its name could survive a power failure without its content
            staged.replace(target)
        except OSError as error:
            raise EventLogError(
                f"{source} was written with an earlier schema version, and its upcast copy "
                f"{target} cannot be written ({error.strerror or error}); make room or give the "
                "permission, and repeat"
            ) from error
        finally:
            with contextlib.suppress(OSError):  # a later sweep removes it
                staged.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove copies that were not used lately, also those of other registries."""
        oldest = time.time() - UNUSED_SECONDS
        for folder in self._root.glob("*"):
            for copy in folder.glob("*"):
                with contextlib.suppress(OSError):  # another process sweeps as well
                    if copy.stat().st_mtime < oldest:
                        copy.unlink()
            if folder != self._folder:
                with contextlib.suppress(OSError):  # not empty
                    folder.rmdir()
