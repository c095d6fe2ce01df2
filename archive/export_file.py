"""Exporting a view's documents to a file: whole or not at all, and the same again for the same log.

The documents are those as of the log's head, whatever was caught up or rebuilt, so that a file at a
stable path has the current documents whenever the export was run again. A Parquet file that is
current already is left as it is.
"""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from archive import export
from archive.errors import NotExported
from event_log import durable_rename, hint, instant_text, plain_path

if TYPE_CHECKING:
    from archive.archive import Archive
    from event_log import Point
    from replay import View

FORMATS = ("parquet", "jsonl", "csv")
KEY = b"stet.documents"
"""The key in a Parquet file's metadata; its value says which documents are in the file."""


@dataclass(frozen=True)
class Exported:
    """A file with the documents of a view."""

    view: str
    path: str
    format: str
    sequence: int
    """The sequence of the log that the documents are as of."""
    documents: int
    bytes: int
    written: bool
    """Whether the file was written; False where it had these documents already."""


def export_file(
    archive: Archive,
    view: str | View,
    to: Path | str,
    format: str = "",
    at: Point = None,
    keys: Sequence[str] | None = None,
) -> Exported:
    """Write a view's documents to a file, replacing it at once; see ``Archive.export_file``."""
    of_view = archive.view(view)
    target, chosen = _target(of_view.name, Path(to), format)
    snapshot = archive.log.at(at)
    identity = orjson.dumps(
        [of_view.name, of_view.code_version, snapshot.sequence, snapshot.digest,
         snapshot.upcast_digest, None if keys is None else sorted(keys)]
    )  # fmt: skip
    written = not _has(target, chosen, identity)
    if written:
        with export.file(archive, of_view, snapshot.sequence, keys) as source:
            _write(source, target, chosen, identity, None if keys is None else set(keys))
    documents = _documents(target, chosen)
    size = target.stat().st_size
    place, sequence = str(target), snapshot.sequence
    return Exported(of_view.name, place, chosen, sequence, documents, size, written)


def lines(
    archive: Archive, view: str | View, format: str, at: Point, keys: Sequence[str] | None
) -> Iterator[bytes]:
    """Yield a view's documents as text: JSON Lines, or CSV with a line of headings."""
    if format == "jsonl":
        yield from export.export(archive, view, at, keys)
        return
    with export.file(archive, view, at, keys) as source:
        yield from _csv(source, None if keys is None else set(keys))


def _target(view: str, to: Path, format: str) -> tuple[Path, str]:
    """The file to write, and its format: by its ending, if none is given."""
    ending = "" if to.is_dir() else to.suffix.removeprefix(".").lower()
    chosen = format or ending or "parquet"
    if chosen not in FORMATS:
        raise NotExported(f"{chosen!r} is no format; give one of: {', '.join(FORMATS)}")
    target = to / f"{view}.{chosen}" if to.is_dir() else to
    if not target.parent.is_dir():
        raise NotExported(f"{target.parent} is no folder to write to; make it first")
    return target, chosen


def _has(target: Path, format: str, identity: bytes) -> bool:
    """Whether a file has these documents already: only a Parquet file says so."""
    if format != "parquet" or not target.is_file():
        return False
    try:
        return (pq.read_metadata(_readable(target)).metadata or {}).get(KEY) == identity
    except (OSError, pa.ArrowInvalid):  # another file, or a damaged one: it is replaced
        return False


def _documents(target: Path, format: str) -> int:
    if format == "parquet":
        return int(pq.read_metadata(_readable(target)).num_rows)
    with target.open("rb") as file:
        if format == "jsonl":
            return sum(1 for _ in file)
        return sum(1 for _ in csv.reader(io.TextIOWrapper(file, "utf-8", newline=""))) - 1


def _readable(target: Path) -> pa.NativeFile:
    """The file, opened by Python: its name may be one that no engine takes."""
    return pa.PythonFile(target.open("rb"), mode="r")


def _write(source: Path, target: Path, format: str, identity: bytes, keys: set[str] | None) -> None:
    unfinished = target.with_name(f".stet-{uuid.uuid4().hex}")
    try:
        if format == "parquet":
            _write_parquet(source, unfinished, identity, keys)
        else:
            text = _csv(source, keys) if format == "csv" else export.lines_of(source, keys)
            with unfinished.open("wb") as file:
                file.writelines(text)
        durable_rename(unfinished, target)
    except OSError as error:
        raise NotExported(f"cannot write {target}: {hint(error)}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _write_parquet(source: Path, to: Path, identity: bytes, keys: set[str] | None) -> None:
    with pq.ParquetFile(plain_path(source)) as file:
        schema = file.schema_arrow.with_metadata({KEY: identity})
        with pq.ParquetWriter(plain_path(to), schema, compression="zstd") as writer:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group).replace_schema_metadata(schema.metadata)
                if keys is not None:
                    wanted = pa.array(sorted(keys), pa.string())
                    table = table.filter(pa.compute.is_in(table.column("id"), wanted))
                writer.write_table(table)


def _csv(source: Path, keys: set[str] | None) -> Iterator[bytes]:
    """The documents as CSV (RFC 4180); lists and structs are JSON, as in an export."""
    with pq.ParquetFile(plain_path(source)) as file:
        names = file.schema_arrow.names
        yield _csv_lines([names])
        for batch in export.documents_of(file, keys):
            yield _csv_lines(
                [_cell(document[name]) for name in names] for document in batch.to_pylist()
            )


def _csv_lines(table: Any) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(table)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return export.as_json(value).decode()
    if isinstance(value, bool):
        return str(value).lower()
    if hasattr(value, "tzinfo"):
        return instant_text(value)
    return value
