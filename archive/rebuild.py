"""Rebuild, the main job: compute views as of one point, index them, check them, promote them.

Each step may run in another process: its results lie on disk, under the rebuild's generation. Until
``promote`` nothing changes that readers see. The next rebuild deletes what a killed one left.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from archive.gap import Gap
from archive.progress import Tell, silent
from event_log import Lock, advice, as_told, counted, plain_path
from replay import begin_build, check_views, newest_build, write_json
from search import (
    TOLERATED,
    Differences,
    Engine,
    Generations,
    LoadProgress,
    NotIndexed,
    NotPromoted,
    check_path,
    compare_index,
    note_check,
    passed_check,
    require_check,
)

if TYPE_CHECKING:
    from archive.archive import Archive
    from event_log import Point
    from replay import Build, Written

NOTE = "rebuild.json"
"""In a generation's folder: which rebuild made it, of which build and views."""


@dataclass(frozen=True)
class Indexed:
    """The result of indexing a view."""

    view: str
    documents: int
    seconds: float
    bytes: int
    rejected: int
    """How many documents the engine refused: dead letters."""


@dataclass(frozen=True)
class Rebuilt:
    """The result of a rebuild for one view; ``seconds`` is the time of all its steps."""

    view: str
    documents: int
    seconds: float
    bytes: int
    written_seconds: float
    indexed_seconds: float
    checked_seconds: float
    rejected: int


@dataclass(frozen=True)
class RebuildResult:
    """The result of a rebuild."""

    generation: int
    sequence: int
    seconds: float
    views: list[Rebuilt]
    promoted: bool = True
    """Whether the generation is live."""


@dataclass
class Rebuild:
    """One rebuild of some or all views, fixed at one sequence of the log.

    Call ``write``, ``index`` and ``check`` for each view, and then ``promote``, which makes all of
    them live at once.
    """

    archive: Archive
    build: Build
    generation: int
    views: tuple[str, ...]
    _directory: Path
    _lock: Lock = field(repr=False)
    tolerated: float = TOLERATED
    """The share of a view's documents that may be dead letters when it is promoted."""
    as_of: bool = False
    """Whether a point was given. If not, the generation is caught up before it is live."""

    @classmethod
    def begin(
        cls,
        archive: Archive,
        views: Sequence[str] | None = None,
        at: Point = None,
        rebuild_id: str | None = None,
        tolerated: float = TOLERATED,
        written: bool = False,
    ) -> Rebuild:
        """Begin a rebuild, or continue the one that was begun with this ``rebuild_id``.

        ``rebuild_id`` is also the id of its build. With ``written`` the documents that the newest
        build has of these views are indexed, if there is one, and not computed again.

        Raises ``BrokenView``, before anything is written, when a view has a mistake.
        """
        chosen = archive.chosen_views(views)
        check_views(archive.log, chosen.values(), archive.views)
        engine = archive.engine
        source = _build_of(engine, rebuild_id) or rebuild_id
        if written and source == rebuild_id and at is None:
            source = newest_build(archive.builds, chosen.values(), archive.log) or rebuild_id
        build = begin_build(archive.log, archive.builds, at=at, build_id=source)
        generation, lock = _generation(engine, build, rebuild_id or build.build_id, tuple(chosen))
        engine.clear(keep=generation)
        directory = Generations(engine.folder).directory(generation)
        views = tuple(json.loads((directory / NOTE).read_text())["views"])
        as_of = at is not None
        return cls(archive, build, generation, views, directory, lock, tolerated, as_of)

    @property
    def is_promoted(self) -> bool:
        """Whether the generation is live, or was; to fill it again would take it from readers."""
        return any(number == self.generation for _, number in self.engine.pointer().kept())

    reached: int = 0
    """The sequence that the generation was at when it was promoted."""

    @property
    def engine(self) -> Engine:
        """The engine that the views are indexed in."""
        return self.archive.engine

    @property
    def sequence(self) -> int:
        """The sequence of the log that the views are computed at."""
        return self.build.sequence

    def path(self, view: str) -> Path:
        """The Parquet file of a view's documents."""
        return self.build.path(view)

    def write(self, view: str) -> Written:
        """Compute a view's documents from the log."""
        return self.build.write(self.archive.views[view])

    def index(self, view: str, tell: LoadProgress | None = None, merge: bool = False) -> Indexed:
        """Fill a new index with a view's documents; it is not live yet.

        ``tell`` is called with the progress every few seconds. ``merge`` merges the index into one
        piece. Raises ``NotIndexed`` when the engine cannot write, as on a full disk.
        """
        self._still_there()
        self._computed(view)
        started = time.perf_counter()
        check_path(self._directory, view).unlink(missing_ok=True)
        try:
            self.engine.create(view, self.generation, self.sequence)
            self.engine.load(view, self.generation, self.path(view), tell)
            index = self.engine.refresh(view, self.generation, merge)
        except (OSError, ValueError) as error:
            raise NotIndexed(
                f"cannot index {view}: {as_told(' '.join(str(error).split()))}. "
                f"{advice(error)}; the live indexes are as they were"
            ) from error
        rejected = len(self.engine.rejected(view, self.generation))
        seconds = time.perf_counter() - started
        indexed = Indexed(view, index.documents, seconds, index.bytes, rejected)
        write_json(self._directory / f"{view}.indexed", asdict(indexed))
        return indexed

    def indexed(self, view: str) -> Indexed:
        """The result of ``index``, also when another process did it."""
        return Indexed(**json.loads((self._directory / f"{view}.indexed").read_text()))

    def check(self, view: str) -> Differences:
        """Compare a view's index with its documents, one by one; only an equal one is promoted.

        Dead letters are no difference; ``promote`` refuses a generation with too many of them.
        """
        self._still_there()
        self._computed(view)
        rejected = self.engine.rejected(view, self.generation)
        path, digests = self.path(view), self.engine.digests(view, self.generation)
        differences = compare_index(path, digests, rejected)
        note_check(self._directory, view, differences, pq.read_metadata(plain_path(path)).num_rows)
        return differences

    def promote(self) -> None:
        """Make all views of this rebuild live at the same moment; refused if one of them differs.

        Events that were appended meanwhile are caught up first.
        """
        self._still_there()
        for view in self.views:
            require_check(self.engine, view, self.generation, self.tolerated)
        gap = Gap(self.build, self.archive)
        try:
            steps = [] if self.as_of else gap.close(self.generation, self.views)
            self.reached = steps[-1].through if steps else self.sequence
            self.engine.promote(dict.fromkeys(self.views, self.generation))
            gap.leave(self.views)
        finally:
            gap.discard()
            self.engine.close()

    @property
    def complete(self) -> bool:
        """Whether every view of this rebuild passed its check."""
        return all(passed_check(self._directory, view) for view in self.views)

    def close(self) -> None:
        """Close the build and release the generation; what was written stays."""
        self.build.close()
        self._lock.release()

    def _computed(self, view: str) -> None:
        if not self.path(view).exists():
            raise NotIndexed(
                f"{view} is not computed: there is no {self.path(view)}; compute the view first,"
                " or run the whole rebuild again"
            )

    def _still_there(self) -> None:
        if not (self._directory / NOTE).exists():
            raise NotPromoted(
                f"generation {self.generation} was deleted by a later rebuild; start again"
            )


def run(
    archive: Archive,
    views: Sequence[str] | None = None,
    at: Point = None,
    progress: Tell | None = None,
    loading: LoadProgress | None = None,
    tolerated: float = TOLERATED,
    merge: bool = False,
    promote: bool = True,
) -> RebuildResult:
    """Run a whole rebuild in this process; see ``Archive.rebuild``."""
    tell = progress or silent
    started = time.perf_counter()
    rebuild = Rebuild.begin(archive, views, at, tolerated=tolerated)
    try:
        rebuilt = [_rebuild(rebuild, view, tell, loading, merge) for view in rebuild.views]
        if promote:
            tell("promoting")
            rebuild.promote()
    finally:
        rebuild.close()
    seconds = time.perf_counter() - started
    reached = rebuild.reached or rebuild.sequence
    return RebuildResult(rebuild.generation, reached, seconds, rebuilt, promote)


def _rebuild(
    rebuild: Rebuild, view: str, progress: Tell, loading: LoadProgress | None, merge: bool
) -> Rebuilt:
    progress(f"{view}: computing")
    written = rebuild.write(view)
    progress(f"{view}: indexing {counted(written.documents, 'document')}")
    indexed = rebuild.index(view, loading, merge)
    progress(f"{view}: checking")
    started = time.perf_counter()
    rebuild.check(view)
    checked = time.perf_counter() - started
    seconds = written.seconds + indexed.seconds + checked
    return Rebuilt(
        view,
        indexed.documents,
        seconds,
        indexed.bytes,
        written.seconds,
        indexed.seconds,
        checked,
        indexed.rejected,
    )


def _noted(generations: Generations, rebuild_id: str) -> tuple[int, dict[str, Any]] | None:
    """The generation of a rebuild, and its note; None when there is none."""
    for number in reversed(generations.numbers()):
        path = generations.directory(number) / NOTE
        note = json.loads(path.read_text()) if path.exists() else {}
        if note.get("rebuild_id") == rebuild_id:
            return number, note
    return None


def _build_of(engine: Engine, rebuild_id: str | None) -> str | None:
    """The build that a rebuild has begun to index; None when it has not."""
    noted = _noted(Generations(engine.folder), rebuild_id) if rebuild_id else None
    return str(noted[1]["build_id"]) if noted else None


def _generation(
    engine: Engine, build: Build, rebuild_id: str, views: tuple[str, ...]
) -> tuple[int, Lock]:
    """The number of a rebuild's generation, created if it is new, and a shared lock on it."""
    generations = Generations(engine.folder)
    with generations.lock():
        if noted := _noted(generations, rebuild_id):
            return noted[0], _shared(generations.directory(noted[0]) / "lock")
        number = max([*engine.numbers(), build.number - 1]) + 1
        directory = generations.directory(number)
        directory.mkdir()
        lock = _shared(directory / "lock")
        note = {
            "rebuild_id": rebuild_id,
            "build_id": build.build_id,
            "sequence": build.sequence,
            "views": list(views),
        }
        write_json(directory / NOTE, note)
    return number, lock


def _shared(path: Path) -> Lock:
    lock = Lock(path, shared=True)
    lock.take(wait=True)
    return lock
