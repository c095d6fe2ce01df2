"""A commit: the Parquet file of one append, with metadata in its footer.

``FORMAT.md`` describes the footer's key-value metadata: the sequences, when they were recorded, the
log's digest before and after, the frontier of its Merkle tree, the schema versions in the file, the
positions of producers, and the checksum of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from event_log.category import TEXT
from event_log.digests import checksum
from event_log.digests.merkle import Frontier
from event_log.errors import DamagedLog, EventLogError
from event_log.storage.plain_path import as_told, plain_path
from event_log.storage.refusals import advice, is_refusal
from event_log.storage.store import StoreError

FOLDER = "commits"
SUFFIX = ".parquet"
FORMAT = b"2"
ROW_GROUP_EVENTS = 8_192
"""Events in a row group: small enough to skip to one event, large enough to scan fast."""
FEW_EVENTS = 256
"""Below this a dictionary and statistics for every column cost more than they save."""
COMPRESSION = "snappy"
"""The writer waits for a commit, and sealing makes it smaller later. zstd makes files half as
large, but 100,000 events of 700 bytes take a third longer to append."""
UNDICTIONARIED = {"sequence", "event_id", "version", "recorded_at", "digest"}
SAMPLE_EVENTS = 1_024
"""Events that are examined for columns in which values repeat."""

UNREADABLE = (OSError, pa.ArrowException, UnicodeDecodeError)
"""The errors that reading a damaged file raises."""

SchemaVersions = Mapping[str, tuple[int, ...]]
"""The schema versions of the events in a file, by category."""


@dataclass(frozen=True, slots=True)
class CommitMetadata:
    """The metadata in a commit's footer: its sequences and time, and the log's digest there."""

    first: int
    last: int
    recorded_at: int
    previous: bytes
    frontier: Frontier
    schema_versions: SchemaVersions = field(default_factory=dict)
    producers: Mapping[str, int] = field(default_factory=dict)

    @property
    def digest(self) -> bytes:
        """The log's digest at the commit's last event."""
        return self.frontier.root

    def footer(self) -> dict[str, str]:
        """Return the footer's key-value metadata, with an empty checksum."""
        return {
            "stet.format": FORMAT.decode(),
            "stet.first_sequence": str(self.first),
            "stet.last_sequence": str(self.last),
            "stet.recorded_at": str(self.recorded_at),
            "stet.previous_digest": self.previous.hex(),
            "stet.digest": self.digest.hex(),
            "stet.frontier": self.frontier.to_hex(),
            "stet.schema_versions": orjson.dumps(dict(self.schema_versions)).decode(),
            "stet.producers": orjson.dumps(dict(self.producers)).decode(),
            checksum.KEY: checksum.EMPTY,
        }


def name_of(first: int) -> str:
    """Return the name of the commit that begins at a sequence; its creator owns the sequence."""
    return f"{FOLDER}/{first:020d}{SUFFIX}"


def first_of(name: str) -> int:
    """Return the first sequence of the commit with this file name."""
    stem = name.removesuffix(SUFFIX)
    if len(stem) != 20 or not (stem.isascii() and stem.isdigit()) or not int(stem):
        raise DamagedLog(f"{FOLDER}/{name} is no commit's name; move the file out of the log")
    return int(stem)


class Writer:
    """Writes events to a Parquet file in a thread, while the caller makes the next ones.

    A ``sample`` of many events decides which columns get a dictionary. Few events, without a
    sample, are put together in memory and written at once, which is three times as fast. The footer
    comes after all events; then the checksum is stamped.
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        sample: pa.Table | None,
        *,
        group_events: int = ROW_GROUP_EVENTS,
        compression: str = COMPRESSION,
        **options: Any,
    ) -> None:
        self._path = path
        self._group_events = group_events
        self._memory = pa.BufferOutputStream() if sample is None else None
        self._file = pq.ParquetWriter(
            self._memory or plain_path(path, partitioned=True),
            schema,
            compression=compression,
            use_dictionary=False if sample is None else _dictionary_columns(sample),
            write_statistics=["sequence", "recorded_at"] if sample is None else True,
            write_page_checksum=True,
            **options,
        )
        self._pool = None if sample is None else ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None

    def write(self, events: pa.Table, then: Callable[[], None] | None = None) -> None:
        """Write events as row groups of their own, then call ``then``."""
        self._wait()
        if self._pool is None:
            self._write(events, then)
        else:
            self._writing = self._pool.submit(self._write, events, then)

    def _write(self, events: pa.Table, then: Callable[[], None] | None) -> None:
        self._file.write_table(events, row_group_size=self._group_events)
        if then is not None:
            then()

    def close(self, footer: Callable[[], Mapping[str, str]]) -> None:
        """Write the footer, which is computed after all events are written, and the checksum."""
        self._wait()
        self._file.add_key_value_metadata(dict(footer()))
        self._file.close()
        self.abandon()
        if self._memory is None:
            checksum.stamp(self._path)
        else:
            self._path.write_bytes(checksum.stamped(self._memory.getvalue().to_pybytes()))

    def abandon(self) -> None:
        """End the thread. A file that was not closed is not a valid Parquet file."""
        if self._pool is not None:
            self._pool.shutdown()

    def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()


def _dictionary_columns(sample: pa.Table) -> list[str]:
    """Return the leaves with repeated values: elsewhere a dictionary only costs time and space."""
    sample = sample.slice(0, SAMPLE_EVENTS)
    leaves = {f.name: sample.column(f.name) for f in sample.schema if f.name not in UNDICTIONARIED}
    for name in [name for name in leaves if pa.types.is_struct(leaves[name].type)]:
        for field_ in leaves.pop(name).type:
            values = pc.struct_field(sample.column(name), field_.name)
            if pa.types.is_list(field_.type):
                leaves[f"{name}.{field_.name}.list.element"] = pc.list_flatten(values)
            elif field_.type != TEXT:
                leaves[f"{name}.{field_.name}"] = values
    repeated = [path for path, values in leaves.items() if _repeats(values)]
    return [*repeated, "recorded_at"]


def _repeats(values: pa.ChunkedArray) -> bool:
    distinct: int = pc.count_distinct(values).as_py()
    return 2 * distinct <= max(len(values), 2)


def read_metadata(path: Path) -> CommitMetadata:
    """Read a commit's footer; raises ``DamagedLog`` when it does not belong to the file."""
    with reader(path) as file:
        footer = file.metadata.metadata or {}
    first = first_of(path.name)
    written_format = footer.get(b"stet.format", FORMAT)
    if written_format != FORMAT and checksum.holds(path):
        shown = written_format.decode(errors="replace")
        raise EventLogError(f"{path} has the format {shown}, {_other(written_format)}")
    try:
        metadata = _metadata(footer) if written_format == FORMAT else None
    except (KeyError, ValueError, TypeError, AttributeError):
        metadata = None
    if metadata is None or metadata.first != first or metadata.last < first:
        raise DamagedLog(
            f"{path} does not hold the events that begin there; restore it from a backup", first
        )
    return metadata


def _other(written_format: bytes) -> str:
    if written_format == b"1":
        return (
            "which versions of Stet wrote before the first release and this one does not read; "
            "import its source again into another --home"
        )
    return "which is newer than this version of Stet; install a newer one"


def _metadata(footer: Mapping[bytes, bytes]) -> CommitMetadata:
    last = int(footer[b"stet.last_sequence"])
    frontier = Frontier.from_hex(last, footer[b"stet.frontier"].decode())
    if frontier.root.hex() != footer[b"stet.digest"].decode():
        raise ValueError("the frontier is not that of the digest")
    versions = orjson.loads(footer[b"stet.schema_versions"])
    return CommitMetadata(
        int(footer[b"stet.first_sequence"]),
        last,
        int(footer[b"stet.recorded_at"]),
        bytes.fromhex(footer[b"stet.previous_digest"].decode()),
        frontier,
        {name: tuple(numbers) for name, numbers in versions.items()},
        orjson.loads(footer[b"stet.producers"]),
    )


def reader(path: Path, *, checksums: bool = False, kept: bool = False) -> pq.ParquetFile:
    """Open the Parquet file of a commit; raises ``DamagedLog`` when there is none.

    ``kept`` keeps the parsed footer for the next time, for large files: parsing takes milliseconds.
    """
    try:
        footer = None
        if kept:
            status = path.stat()
            footer = _footer(path, status.st_ino, status.st_size, status.st_mtime_ns)
        return pq.ParquetFile(
            plain_path(path, partitioned=True),
            metadata=footer,
            page_checksum_verification=checksums,
        )
    except FileNotFoundError:
        raise DamagedLog(f"{path} is missing; restore it from a backup", begins(path)) from None
    except UNREADABLE as error:
        raise unreadable(path, error) from None


def check(path: Path) -> None:
    """Raise ``DamagedLog`` unless a file of the log is as it was written."""
    try:
        if checksum.holds(path):
            return
        reason = "its checksum is not that of its content"
    except FileNotFoundError:
        raise DamagedLog(f"{path} is missing; restore it from a backup", begins(path)) from None
    except OSError as error:
        raise unreadable(path, error) from None
    raise DamagedLog(f"{path} is damaged: {reason}; restore it from a backup", begins(path))


@lru_cache(maxsize=64)
def _footer(path: Path, *identity: int) -> pq.FileMetaData:
    del identity  # part of the cache's key: distinguishes a file from an earlier one at its path
    return pq.read_metadata(plain_path(path, partitioned=True))


def unreadable(path: Path, error: Exception) -> EventLogError:
    """Return the error for a file that cannot be read as written, or that the system refuses."""
    if is_refusal(error):
        return StoreError(f"cannot read {path}: {as_told(str(error))}. {advice(error)}")
    if path.is_dir():
        return DamagedLog(f"{path} is a directory; move it away", begins(path))
    reason = f"{path} cannot be read ({as_told(str(error))}); restore it from a backup"
    return DamagedLog(reason, begins(path))


def begins(path: Path | str) -> int:
    """Return the sequence at the start of a file's name, for messages; 0 without one."""
    digits = Path(path).name[:20]
    return int(digits) if digits.isascii() and digits.isdigit() else 0
