"""Reading documents: a view as of any point of the log, for pandas or as JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from event_log import Point, Snapshot, plain_path
from replay import (
    Part,
    State,
    View,
    entities_of,
    kept_documents,
    scratch_folder,
    write_documents,
)

if TYPE_CHECKING:
    import pandas as pd

    from archive.opened import Opened

BATCH_DOCUMENTS = 1_000
OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
ENDED = orjson.OPT_APPEND_NEWLINE
LINE_ENDS = {c.encode(): f"\\u{ord(c):04x}".encode() for c in "\x85\u2028\u2029"}


def read(archive: Opened, view: str | View, at: Point = None) -> pd.DataFrame:
    """Read the documents of a view as of a sequence, an instant, or now, sorted by id.

    They come from a kept build of exactly that sequence, or else are computed from the log.
    """
    with file(archive, view, at) as path:
        frame: pd.DataFrame = pq.read_table(plain_path(path)).to_pandas()
        return frame


def export(
    archive: Opened, view: str | View, at: Point = None, keys: Sequence[str] | None = None
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
        for batch in documents_of(parquet, keys):
            for document in batch.to_pylist():
                yield _escaped(orjson.dumps(document, option=OPTIONS | ENDED))


def documents_of(file: pq.ParquetFile, keys: set[str] | None) -> Iterator[pa.RecordBatch]:
    """The documents of a file that is sorted by id, in batches; only those of ``keys`` if given.

    Only the row groups that can have them are read.
    """
    if keys is None:
        yield from file.iter_batches(BATCH_DOCUMENTS)
        return
    wanted, place = pa.array(sorted(keys), pa.string()), file.schema_arrow.names.index("id")
    for group in range(file.num_row_groups):
        ids = file.metadata.row_group(group).column(place).statistics
        if ids is not None and ids.has_min_max and not any(ids.min <= k <= ids.max for k in keys):
            continue
        for batch in file.iter_batches(BATCH_DOCUMENTS, [group]):
            found = batch.filter(pc.is_in(batch.column("id"), wanted))
            if len(found):
                yield found


def as_json(value: Any) -> bytes:
    """A part of a document as JSON, as in an export."""
    return _escaped(orjson.dumps(value, option=OPTIONS))


def _escaped(line: bytes) -> bytes:
    for character, escaped in LINE_ENDS.items():
        line = line.replace(character, escaped)
    return line


@contextmanager
def file(
    archive: Opened,
    view: str | View,
    at: Point = None,
    keys: Sequence[str] | None = None,
    hidden: Mapping[str, str] | None = None,
) -> Iterator[Path]:
    """A Parquet file with these documents, and perhaps others; it exists inside of ``with``.

    What is asked for by its keys is made from their neighbourhood, if the ids tell the entities.
    ``hidden`` has by category the SQL of entities that are left out, as if they did not exist.
    """
    of_view = archive.view(view)
    snapshot = archive.log.at(at)
    kept = None if hidden else kept_documents(archive.builds, of_view, snapshot)
    if kept:
        yield kept
        return
    with scratch_folder(archive.scratch_builds) as directory:
        path = directory / f"{of_view.name}.parquet"
        with state_for(archive, of_view, snapshot, directory / "state", keys, hidden) as state:
            write_documents(of_view, state, path, keys)
        yield path


def state_for(
    archive: Opened,
    view: View,
    snapshot: Snapshot,
    folder: Path,
    keys: Sequence[str] | None,
    hidden: Mapping[str, str] | None = None,
) -> State:
    """A state with all that these documents of a view are made from; of all without ``keys``."""
    around = None if keys is None else entities_of(view, archive.log.registry, keys)
    if around is None:
        return State(snapshot, folder, hidden=hidden)
    return Part(snapshot, around, archive.domain.references, folder, hidden)
