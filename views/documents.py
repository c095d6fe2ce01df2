"""Reading documents: a view as of any point, for pandas and as JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow.parquet as pq

from event_log import Category, Point, Snapshot
from views import VIEWS, making, shelf
from views.log import open_log
from views.state import State
from views.view import View

if TYPE_CHECKING:
    import pandas as pd

BATCH_DOCUMENTS = 1_000
LINE_ENDS = {c.encode(): f"\\u{ord(c):04x}".encode() for c in "\x85\u2028\u2029"}


def read(
    view: str | View,
    home: Path | str,
    at: Point = None,
    categories: Sequence[Category] | None = None,
) -> pd.DataFrame:
    """The documents of a view as of a sequence, an instant, or now, sorted by id.

    Taken from a kept build of exactly that sequence if there is one, else made from the log.
    """
    with file(view, home, at, None, categories) as path:
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
        return frame


def export(
    view: str | View,
    home: Path | str,
    at: Point = None,
    keys: Sequence[str] | None = None,
    categories: Sequence[Category] | None = None,
) -> Iterator[bytes]:
    """The documents as JSON, one line each, sorted by id; only those of ``keys`` if given.

    Instants are ISO 8601 in UTC, with microseconds only where there are any:
    ``1851-09-18T05:00:00Z``. Characters that some programs take for the end of a line are escaped.
    """
    wanted = None if keys is None else set(keys)
    with file(view, home, at, keys, categories) as path, pq.ParquetFile(path) as parquet:
        for batch in parquet.iter_batches(BATCH_DOCUMENTS):
            for document in batch.to_pylist():
                if wanted is None or document["id"] in wanted:
                    yield _line(document)


def _line(document: dict[str, Any]) -> bytes:
    line = orjson.dumps(document, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
    for character, escaped in LINE_ENDS.items():
        line = line.replace(character, escaped)
    return line


@contextmanager
def file(
    view: str | View,
    home: Path | str,
    at: Point = None,
    keys: Sequence[str] | None = None,
    categories: Sequence[Category] | None = None,
) -> Iterator[Path]:
    """A Parquet file with (at least) the documents asked for, while it is needed."""
    known = VIEWS[view] if isinstance(view, str) else view
    snapshot = open_log(home, categories).at(at)
    built = shelf.kept(shelf.shelf(home), known, snapshot)
    if built:
        yield built
        return
    with shelf.scratch(shelf.shelf(home)) as directory:
        yield _made(known, snapshot, directory, keys)


def _made(view: View, snapshot: Snapshot, directory: Path, keys: Sequence[str] | None) -> Path:
    with State(snapshot, directory / "state") as state:
        wanted = None if keys is None else state.keys(keys)
        path = directory / f"{view.name}.parquet"
        making.write(view, state, path, wanted)
    return path
