"""A commit: the Parquet file of one append, and what it says of itself in its metadata."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from event_log.category import INSTANT, TEXT
from event_log.errors import DamagedLog

FOLDER = "commits"
SUFFIX = ".parquet"
GROUP_EVENTS = 16_384
"""Events in a row group: small enough to skip to one event, large enough to scan fast."""
UNDICTIONARIED = {"sequence", "event_id", "version", "digest"}

ENVELOPE = pa.schema(
    [
        ("sequence", pa.int64()),
        ("event_id", pa.string()),
        ("stream", pa.string()),
        ("category", pa.string()),
        ("version", pa.int64()),
        ("type", pa.string()),
        ("schema_version", pa.int64()),
        ("recorded_at", INSTANT),
        ("occurred_at", INSTANT),
        ("actor", pa.string()),
        ("correlation_id", pa.string()),
        ("causation_id", pa.string()),
        ("digest", pa.binary(32)),
    ]
)


@dataclass(frozen=True, slots=True)
class CommitMetadata:
    """What a commit's footer says: its sequences, and its digest over the one before."""

    first: int
    last: int
    previous: bytes
    digest: bytes


def name_of(first: int) -> str:
    """The name of the commit that begins at a sequence; whoever creates it owns that sequence."""
    return f"{FOLDER}/{first:020d}{SUFFIX}"


def first_of(name: str) -> int:
    """The sequence at which the commit of this file name begins."""
    stem = name.removesuffix(SUFFIX)
    if len(stem) != 20 or not stem.isdigit():
        raise DamagedLog(f"{FOLDER}/{name} is no commit's name; move the file out of the log")
    return int(stem)


def write(path: Path, events: pa.Table, previous: bytes, digest: bytes) -> None:
    """Write a commit's events (``ENVELOPE`` and structs) with its chain in the metadata."""
    sequences = events.column("sequence")
    about = {
        "stet.format": "1",
        "stet.first_sequence": str(sequences[0].as_py()),
        "stet.last_sequence": str(sequences[-1].as_py()),
        "stet.previous_digest": previous.hex(),
        "stet.digest": digest.hex(),
    }
    pq.write_table(
        events.replace_schema_metadata(about),
        path,
        compression="zstd",
        compression_level=1,
        row_group_size=GROUP_EVENTS,
        use_dictionary=_dictionary_columns(events.schema),
        write_page_checksum=True,
    )


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
    """What the commit's footer says, read from the file."""
    about = reader(path).schema_arrow.metadata or {}
    try:
        return CommitMetadata(
            int(about[b"stet.first_sequence"]),
            int(about[b"stet.last_sequence"]),
            bytes.fromhex(about[b"stet.previous_digest"].decode()),
            bytes.fromhex(about[b"stet.digest"].decode()),
        )
    except (KeyError, ValueError):
        raise DamagedLog(
            f"sequence {first_of(path.name)}: {path} does not say which events it holds; "
            "restore it from a backup"
        ) from None


@lru_cache(maxsize=4096)
def metadata(path: Path) -> CommitMetadata:
    """What the commit's footer says. A commit never changes, so it is read once."""
    return read_metadata(path)


def reader(path: Path, *, checksums: bool = False) -> pq.ParquetFile:
    """The opened Parquet file of a commit."""
    try:
        return pq.ParquetFile(path, page_checksum_verification=checksums)
    except FileNotFoundError:
        raise DamagedLog(
            f"sequence {first_of(path.name)}: {path} is missing; restore it from a backup"
        ) from None
    except (OSError, pa.ArrowInvalid) as error:
        raise DamagedLog(
            f"sequence {first_of(path.name)}: {path} cannot be read ({error}); "
            "restore it from a backup"
        ) from None
