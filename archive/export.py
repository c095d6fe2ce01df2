"""Reading documents: a view as of any point of the log, for pandas or as JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow.parquet as pq

from event_log import Point, Snapshot, plain_path
from replay import (
    State,
    View,
    kept_documents,
    scratch_folder,
    write_documents,
)

if TYPE_CHECKING:
    import pandas as pd

    from archive.archive import Archive

BATCH_DOCUMENTS = 1_000
OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
ENDED = orjson.OPT_APPEND_NEWLINE
LINE_ENDS = {c.encode(): f"\\u{ord(c):04x}".encode() for c in "\x85\u2028\u2029"}


def read(archive: Archive, view: str | View, at: Point = None) -> pd.DataFrame:
    """Read the documents of a view as of a sequence, an instant, or now, sorted by id.

    They come from a kept build of exactly that sequence, or else are computed from the log.
    """
    with file(archive, view, at) as path:
        frame: pd.DataFrame = pq.read_table(plain_path(path)).to_pandas()
        return frame


def export(
    archive: Archive, view: str | View, at: Point = None, keys: Sequence[str] | None = None
) -> Iterator[bytes]:
    """Yield a view's documents as JSON, a line each, sorted by id; only the ids ``keys`` if given.

    Instants are ISO 8601 in UTC, with microseconds only where there are any:
    ``1851-09-18T05:00:00Z``. Characters that some programs take for the end of a line are escaped.
    """
    if isinstance(keys, str):
        keys = (keys,)
    with file(archive, view, at, keys) as path:
        yield from lines_of(path, None if keys is None else set(keys))


def lines_of(path: Path, keys: set[str] | None) -> Iterator[bytes]:
    """The documents of a Parquet file as JSON, a line each; only those of ``keys`` if given."""
    with pq.ParquetFile(plain_path(path)) as parquet:
        for batch in parquet.iter_batches(BATCH_DOCUMENTS):
            for document in batch.to_pylist():
                if keys is None or document["id"] in keys:
                    yield _escaped(orjson.dumps(document, option=OPTIONS | ENDED))


def as_json(value: Any) -> bytes:
    """A part of a document as JSON, as in an export."""
    return _escaped(orjson.dumps(value, option=OPTIONS))


def _escaped(line: bytes) -> bytes:
    for character, escaped in LINE_ENDS.items():
        line = line.replace(character, escaped)
    return line


@contextmanager
def file(
    archive: Archive, view: str | View, at: Point = None, keys: Sequence[str] | None = None
) -> Iterator[Path]:
    """A Parquet file with these documents, and perhaps others; it exists inside of ``with``."""
    of_view = archive.view(view)
    snapshot = archive.log.at(at)
    kept = kept_documents(archive.builds, of_view, snapshot)
    if kept:
        yield kept
        return
    with scratch_folder(archive.scratch_builds) as directory:
        yield _computed(of_view, snapshot, directory, keys)


def _computed(view: View, snapshot: Snapshot, directory: Path, keys: Sequence[str] | None) -> Path:
    with State(snapshot, directory / "state") as state:
        path = directory / f"{view.name}.parquet"
        write_documents(view, state, path, keys)
    return path
