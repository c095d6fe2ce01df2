"""``Build``: the documents of views at one sequence, as Parquet files in a numbered folder."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from event_log import EventLog, Point, plain_path
from replay.builds import folder, make
from replay.state import State
from replay.view import View


@dataclass(frozen=True)
class Written:
    """The result of writing a view's documents."""

    view: str
    documents: int
    seconds: float
    bytes: int


@dataclass(frozen=True)
class Build:
    """A build, fixed at one sequence; several processes may write its views.

    Each view becomes one file, ``<view>.parquet``, sorted by id. The file appears only when it is
    whole; writing it again gives the same. Close a build, or use it in ``with``, to close DuckDB;
    its files stay.
    """

    directory: Path
    log: EventLog
    build_id: str
    sequence: int
    created_at: str
    threads: int | None = None
    memory_limit: str | None = None

    @property
    def number(self) -> int:
        """The number of the build, which is the name of its directory."""
        return int(self.directory.name)

    @cached_property
    def state(self) -> State:
        """The entities at this build's sequence, kept in its directory for all views."""
        return State(
            self.log.at(self.sequence),
            self.directory / "state",
            threads=self.threads,
            memory_limit=self.memory_limit,
        )

    def write(self, view: View) -> Written:
        """Compute a view's documents and write them."""
        started = time.perf_counter()
        path = self.path(view.name)
        with self.state.log_errors():
            documents = make.write_documents(view, self.state, path)
        seconds = time.perf_counter() - started
        written = Written(view.name, documents, seconds, path.stat().st_size)
        folder.note_view(self.directory, view, written)
        return written

    def path(self, view_name: str) -> Path:
        """The Parquet file of a view's documents."""
        return self.directory / f"{view_name}.parquet"

    def schema(self, view_name: str) -> pa.Schema:
        """The columns of a view's documents, as they were written."""
        return pq.read_schema(plain_path(self.path(view_name)))

    def close(self) -> None:
        """Close DuckDB, and delete its temporary files."""
        if "state" in self.__dict__:
            self.state.close()
            del self.__dict__["state"]

    def __enter__(self) -> Build:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def begin_build(
    log: EventLog,
    builds: Path,
    at: Point = None,
    build_id: str | None = None,
    *,
    threads: int | None = None,
    memory_limit: str | None = None,
) -> Build:
    """Begin a build of a log as of a point, or continue the one begun with this ``build_id``.

    ``builds`` is the folder of all builds. Older builds are deleted, except the last three and
    those that another process may still be using.
    """
    folder.clear_builds(builds)
    begun = folder.find(builds, build_id) if build_id else None
    directory = begun or folder.place(
        builds,
        build_id=build_id,
        snapshot=log.at(at),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    metadata = folder.metadata(directory)
    return Build(
        directory,
        log,
        metadata["build_id"],
        metadata["sequence"],
        metadata["created_at"],
        threads,
        memory_limit,
    )
