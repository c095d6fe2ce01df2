"""A build: the documents of views at one sequence, as Parquet files in a numbered directory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from event_log import EventLog, Point
from replay.builds import folder, make
from replay.closing import Closing
from replay.state import State
from replay.view import View


@dataclass(frozen=True)
class Written:
    """What writing a view's documents came to."""

    view: str
    documents: int
    seconds: float
    bytes: int


@dataclass(frozen=True)
class Build(Closing):
    """One build, fixed at one sequence; several processes may write its views.

    Each view becomes one file, ``<view>.parquet``, sorted by id, which appears only when it is
    whole; writing it again gives the same. Close a build, or use it in ``with``, to let go of
    DuckDB; what it has written stays.
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
        """The number that the directory is named for."""
        return int(self.directory.name)

    @cached_property
    def state(self) -> State:
        """The state at this build's sequence, kept in its directory for all its views."""
        return State(
            self.log.at(self.sequence),
            self.directory / "state",
            threads=self.threads,
            memory_limit=self.memory_limit,
        )

    def write(self, view: View) -> Written:
        """Make the documents of a view, and say what that came to."""
        started = time.perf_counter()
        path = self.path(view.name)
        documents = make.write_documents(view, self.state, path)
        seconds = time.perf_counter() - started
        written = Written(view.name, documents, seconds, path.stat().st_size)
        folder.note_view(self.directory, view, written)
        return written

    def path(self, view_name: str) -> Path:
        """The Parquet file of a view's documents."""
        return self.directory / f"{view_name}.parquet"

    def close(self) -> None:
        """Let go of DuckDB and of its temporary files."""
        if "state" in self.__dict__:
            self.state.close()
            del self.__dict__["state"]


def begin_build(
    log: EventLog,
    builds: Path,
    at: Point = None,
    build_id: str | None = None,
    *,
    threads: int | None = None,
    memory_limit: str | None = None,
) -> Build:
    """Begin a build of a log as of a point, or go on with the one begun as ``build_id``.

    ``builds`` is the folder of all builds. Of those before, the last ones are kept and the rest is
    removed, except what another process may still be using.
    """
    folder.clear_builds(builds)
    known = folder.find(builds, build_id) if build_id else None
    directory = known or folder.place(
        builds,
        build_id=build_id,
        snapshot=log.at(at),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    about = folder.about(directory)
    return Build(
        directory,
        log,
        about["build_id"],
        about["sequence"],
        about["created_at"],
        threads,
        memory_limit,
    )
