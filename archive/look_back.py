"""Looking back: searches an index of one view as of one sequence, built for the first search.

    past/lock                                    held while indexes are opened or deleted
    past/articles-250-9f8a01c2d4e65b70/lock      held, shared, by all who build or read it
    past/articles-250-9f8a01c2d4e65b70/building  held by the one process that builds it
    past/articles-250-9f8a01c2d4e65b70/used      its modification time is the last use
    past/sections-250-9f8a01c2d4e65b70/hidden.jsonl  see ``archive.past_hiding``
    past/articles-250-9f8a01c2d4e65b70/index/    an embedded engine, whichever engine is live

``past`` is in the archive's folder, or in the user's cache folder where the archive may only be
read. The last part of the name is a hash of the log up to there and of the code: another log, or a
view that has changed, never uses the index of before.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from archive.lag import behind
from archive.past_hiding import PastHiding, keep_hidden
from archive.progress import Tell, silent
from archive.standing import needs_rebuild
from event_log import Lock, LockHeld, advice, as_told, dates, settings
from search import (
    DamagedIndex,
    EmbeddedEngine,
    NothingServes,
    NotIndexed,
    Query,
    SearchError,
    clock,
)

if TYPE_CHECKING:
    from archive.archive import Archive
    from event_log import Point
    from search import Answer

UNUSED_SECONDS = 7 * 24 * 3600
"""How long after its last use an index of the past is deleted."""


def answer(archive: Archive, query: Query, at: Point, tell: Tell | None = None) -> Answer:
    """Answer a query as of a point, or from the live index, which may be behind the log."""
    if at is not None:
        return search_at(archive, query, at, tell)
    found = archive.engine.search(query)
    return replace(found, behind=behind(archive, found.sequence))


def search_at(
    archive: Archive,
    query: Query,
    at: Point,
    tell: Tell | None = None,
    or_behind: bool = False,
) -> Answer:
    """Answer a query as of a sequence or a date (by ``recorded_at``; of a day its end).

    The live index answers if it is at this very sequence. If not, an embedded index of its own
    does. When there is none yet, it is built first: ``tell`` is called with its progress, and other
    processes that need the same index wait for it. With ``or_behind`` the live index also answers
    for a point that it has not reached yet: as of today would need an index for each new event.
    ``Answer.sequence`` is the sequence used. Raises ``NotIndexed`` when the index cannot be
    written. What was under embargo at that point is hidden.

    >>> import tempfile
    >>> from archive import Archive
    >>> search_at(Archive(tempfile.mkdtemp()), Query("whales"), at=0).total
    0
    """
    view = archive.view(query.view).name
    sequence = archive.log.at(at).sequence
    if query.now is None:
        query = replace(query, now=_instant(archive, at, sequence))
    answer = _live_answer(archive, query, sequence, or_behind)
    if answer is None:
        with opened(archive, view, sequence, tell) as past:
            answer = past.search(query)
    return answer


def is_ready_at(archive: Archive, view: str, at: Point, or_behind: bool = False) -> bool:
    """Whether a search of a view as of a point builds no index first."""
    name, sequence = archive.view(view).name, archive.log.at(at).sequence
    if _is_live(archive, name, sequence, or_behind):
        return True
    folder = archive.scratch / "past" / _name(archive, name, sequence)
    return (folder / "index" / "serving.json").exists()


def _is_live(archive: Archive, view: str, sequence: int, or_behind: bool) -> bool:
    """Whether the live index is at this sequence, and the current code built it."""
    engine = archive.engine
    live = engine.serving().get(view)
    if live is None or live.sequence > sequence or (live.sequence < sequence and not or_behind):
        return False
    return not needs_rebuild(engine, {view: archive.views[view]}, {view: live})


def _live_answer(archive: Archive, query: Query, sequence: int, or_behind: bool) -> Answer | None:
    """The live index's answer, if it is at this sequence and the current code built it."""
    if not _is_live(archive, archive.view(query.view).name, sequence, or_behind):
        return None
    answer = archive.engine.search(query)
    at_most = answer.sequence <= sequence if or_behind else answer.sequence == sequence
    return answer if at_most else None  # it may have been caught up meanwhile


def _instant(archive: Archive, at: Point, sequence: int) -> datetime:
    """The instant by which an embargo is judged: that of the point, and never later than now.

    What was under embargo then is hidden, as it was then. The instant of a sequence is when it was
    recorded.
    """
    if at is None:
        return clock()
    if isinstance(at, int) or (isinstance(at, str) and at.isdecimal()):
        return min(recorded_at(archive, sequence) or clock(), clock())
    last = Query(date_to=at).dates()[1]
    then = None if last is None else dates.EPOCH + timedelta(microseconds=last)
    return min(then or clock(), clock())


def recorded_at(archive: Archive, sequence: int) -> datetime | None:
    """When the event of a sequence was recorded; ``None`` for 0, before the first event."""
    for event in archive.log.read(after=sequence - 1, limit=1) if sequence else ():
        return event.recorded_at
    return None


@contextmanager
def opened(
    archive: Archive, view: str, sequence: int, tell: Tell | None = None
) -> Iterator[EmbeddedEngine]:
    """Open the index of a view as of a sequence, inside of ``with``; build it if needed."""
    root = archive.scratch / "past"
    limit = _limit()
    folder = root / _name(archive, view, sequence)
    tell = tell or silent
    lock = _use(root, folder)
    try:
        if not _is_whole(archive, folder, view):
            with _building(folder, view, sequence, tell):
                _build(archive, folder, view, sequence, tell)
        (folder / "used").touch()
        clear(root, limit)
        hiding = PastHiding(archive, folder)
        yield EmbeddedEngine(folder, archive.views, archive.engine.search, hiding)
    finally:
        lock.release()


@contextmanager
def _building(folder: Path, view: str, sequence: int, tell: Tell) -> Iterator[None]:
    """Wait until no other process builds the index, and keep others from it."""
    lock = Lock(folder / "building")
    try:
        lock.take()
    except LockHeld:
        tell(f"{view} as of {sequence:,}: another process builds it")
        lock.take(wait=True)
    try:
        yield
    finally:
        lock.release()


def _name(archive: Archive, view: str, sequence: int) -> str:
    snapshot, version = archive.log.at(sequence), archive.views[view].code_version
    mapping = EmbeddedEngine(archive.folder, archive.views).mapping(view)
    content = (snapshot.digest, snapshot.upcast_digest, version, mapping)
    return f"{view}-{sequence}-{hashlib.sha256(repr(content).encode()).hexdigest()[:16]}"


def _use(root: Path, folder: Path) -> Lock:
    """Take a shared lock on an index, whether it exists yet or not: no process deletes it then."""
    root.mkdir(parents=True, exist_ok=True)
    with Lock(root / "lock"):
        folder.mkdir(exist_ok=True)
        lock = Lock(folder / "lock", shared=True)
        lock.take(wait=True)
    return lock


def _is_whole(archive: Archive, folder: Path, view: str) -> bool:
    """Whether there is an index that can be searched; a damaged one is built anew."""
    try:
        engine = EmbeddedEngine(folder, archive.views)
        engine.search(Query("", view, size=0, highlight=False))
    except (NothingServes, DamagedIndex):
        return False
    return True


def _build(archive: Archive, folder: Path, view: str, sequence: int, tell: Tell) -> None:
    """Build an index, unless it is there by now; first delete what a killed build left."""
    if _is_whole(archive, folder, view):
        return
    engine = EmbeddedEngine(folder, archive.views)
    shutil.rmtree(engine.folder, ignore_errors=True)
    try:
        _fill(archive, engine, view, sequence, tell)
    except (OSError, ValueError) as error:
        raise NotIndexed(
            f"cannot index {view} as of {sequence}: {as_told(' '.join(str(error).split()))}."
            f" {advice(error)}; the live index is as it was"
        ) from error


def _fill(archive: Archive, engine: EmbeddedEngine, view: str, sequence: int, tell: Tell) -> None:
    from archive import export
    from search import compare_index

    tell(f"{view} as of {sequence:,}: computing")
    with export.file(archive, view, sequence) as path:
        engine.create(view, 1, sequence)
        engine.load(view, 1, path, lambda now: tell(str(now)))
        engine.refresh(view, 1)
        tell(f"{view} as of {sequence:,}: checking")
        differences = compare_index(path, engine.digests(view, 1))
    then = min(recorded_at(archive, sequence) or clock(), clock())
    keep_hidden(archive, view, sequence, then, engine.folder.parent)
    if differences:
        raise NotIndexed(f"the index of {view} as of {sequence} is not as its view: {differences}")
    engine.promote({view: 1})


def clear(root: Path, limit: int) -> list[str]:
    """Delete indexes that are unfinished, long unused, or too many; never one that is in use.

    ``limit`` is the size of all indexes in bytes: those used last are kept. Returns the names of
    the deleted ones.
    """
    with Lock(root / "lock"):
        folders = sorted(
            (path for path in root.iterdir() if path.is_dir()), key=_last_use, reverse=True
        )
        total, removed = 0, []
        for folder in folders:
            size = _size(folder)
            total += size
            keep = time.time() - _last_use(folder) < UNUSED_SECONDS and total <= limit
            if keep and (folder / "index" / "serving.json").exists():
                continue
            lock = Lock(folder / "lock")
            try:
                lock.take()
            except LockHeld:
                continue
            try:
                shutil.rmtree(folder)
            finally:
                lock.release()
            removed.append(folder.name)
            total -= size
        return removed


def _last_use(folder: Path) -> float:
    used = folder / "used"
    return (used if used.exists() else folder).stat().st_mtime


def _size(folder: Path) -> int:
    """The size of an index in bytes; files of one that is being built come and go."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size
        except FileNotFoundError:
            continue
    return size


def _limit() -> int:
    """The size in bytes that all indexes of the past together may have."""
    try:
        return settings.whole("STET_PAST_MB") * 1_000_000
    except settings.InvalidSetting as error:
        raise SearchError(str(error)) from None
