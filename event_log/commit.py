"""A commit: the Parquet file of one append, and what it says of itself in its footer.

The footer's key-value metadata has ``stet.format``, ``stet.first_sequence`` and
``stet.last_sequence``, ``stet.recorded_at`` (microseconds since 1970, the same for all its
events), ``stet.previous_digest`` and ``stet.digest`` (the chain), and ``stet.checksum``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from event_log import checksum
from event_log.category import TEXT
from event_log.errors import DamagedLog, EventLogError

FOLDER = "commits"
SUFFIX = ".parquet"
FORMAT = b"1"
GROUP_EVENTS = 16_384
"""Events in a row group: small enough to skip to one event, large enough to scan fast."""
FEW_EVENTS = 256
"""Below this a dictionary and statistics for every column cost more than they save."""
UNDICTIONARIED = {"sequence", "event_id", "version", "digest"}

UNREADABLE = (OSError, pa.ArrowException)
"""What reading a damaged file raises."""


@dataclass(frozen=True, slots=True)
class CommitMetadata:
    """What a commit's footer says: its sequences and time, and its digest over the one before."""

    first: int
    last: int
    recorded_at: int
    previous: bytes
    digest: bytes


def name_of(first: int) -> str:
    """The name of the commit that begins at a sequence; whoever creates it owns that sequence."""
    return f"{FOLDER}/{first:020d}{SUFFIX}"


def first_of(name: str) -> int:
    """The sequence at which the commit of this file name begins."""
    stem = name.removesuffix(SUFFIX)
    if len(stem) != 20 or not (stem.isascii() and stem.isdigit()) or not int(stem):
        raise DamagedLog(f"{FOLDER}/{name} is no commit's name; move the file out of the log")
    return int(stem)


def write(path: Path, events: pa.Table, about: CommitMetadata) -> None:
    """Write a commit's events (``ENVELOPE`` and structs) with what the footer says of them."""
    few = len(events) < FEW_EVENTS
    with pq.ParquetWriter(
        path,
        events.schema,
        compression=_compression(events.schema, few),
        use_dictionary=False if few else _dictionary_columns(events.schema),
        write_statistics=["sequence", "recorded_at"] if few else True,
        write_page_checksum=True,
    ) as writer:
        writer.write_table(events, row_group_size=GROUP_EVENTS)
        writer.add_key_value_metadata(
            {
                "stet.format": FORMAT,
                "stet.first_sequence": str(about.first),
                "stet.last_sequence": str(about.last),
                "stet.recorded_at": str(about.recorded_at),
                "stet.previous_digest": about.previous.hex(),
                "stet.digest": about.digest.hex(),
                checksum.KEY: checksum.EMPTY,
            }
        )
    checksum.stamp(path)


def _compression(schema: pa.Schema, few: bool) -> str | dict[str, str]:
    """Of few events only the prose is worth it: a compressed page of ten bytes is no smaller."""
    if not few:
        return "zstd"
    structs = [column for column in schema if pa.types.is_struct(column.type)]
    return {f"{c.name}.{f.name}": "zstd" for c in structs for f in c.type if f.type == TEXT}


def _dictionary_columns(schema: pa.Schema) -> list[str]:
    """Every leaf but the unique and the long ones, which a dictionary only makes slower."""
    names = [f.name for f in schema if not pa.types.is_struct(f.type)]
    leaves = [name for name in names if name not in UNDICTIONARIED]
    for column in (f for f in schema if pa.types.is_struct(f.type)):
        for field in column.type:
            path = f"{column.name}.{field.name}"
            if pa.types.is_list(field.type):
                leaves.append(f"{path}.list.element")
            elif field.type != TEXT:
                leaves.append(path)
    return leaves


def read_metadata(path: Path) -> CommitMetadata:
    """What the commit's footer says; raises ``DamagedLog`` when it cannot be the file's own."""
    about = reader(path).metadata.metadata or {}
    first = first_of(path.name)
    try:
        found = CommitMetadata(
            int(about[b"stet.first_sequence"]),
            int(about[b"stet.last_sequence"]),
            int(about[b"stet.recorded_at"]),
            bytes.fromhex(about[b"stet.previous_digest"].decode()),
            bytes.fromhex(about[b"stet.digest"].decode()),
        )
    except (KeyError, ValueError):
        found = None
    if about.get(b"stet.format", FORMAT) != FORMAT:
        raise EventLogError(
            f"{path} has the format {about[b'stet.format'].decode()}, which is newer than this "
            "version of Stet; install a newer one"
        )
    if found is None or found.first != first or found.last < first:
        raise DamagedLog(
            f"{path} does not hold the events that begin there; restore it from a backup", first
        )
    return found


def reader(path: Path, *, checksums: bool = False) -> pq.ParquetFile:
    """The opened Parquet file of a commit."""
    try:
        return pq.ParquetFile(path, page_checksum_verification=checksums)
    except FileNotFoundError:
        raise DamagedLog(
            f"{path} is missing; restore it from a backup", first_of(path.name)
        ) from None
    except UNREADABLE as error:
        raise DamagedLog(
            f"{path} cannot be read ({error}); restore it from a backup", first_of(path.name)
        ) from None
