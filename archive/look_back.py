"""Answers from the past: an index of one view as of one sequence, built when it is first asked.

    past/lock                                    held while indexes are taken into use or removed
    past/articles-250-9f8a01c2d4e65b70/lock      held, shared, by who builds it or reads it
    past/articles-250-9f8a01c2d4e65b70/building  held by the one process that builds it
    past/articles-250-9f8a01c2d4e65b70/used      its time is that of the last use
    past/articles-250-9f8a01c2d4e65b70/index/    an embedded engine of its own, whatever serves now

The last part of the name stands for the log up to there and for the code: another log, or a changed
view, never finds the index of before.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from archive import export
from archive.progress import Tell, silent
from archive.standing import needs_rebuild
from event_log import settings
from search import (
    DamagedIndex,
    EmbeddedEngine,
    Hold,
    NothingServes,
    NotIndexed,
    Query,
    SearchError,
    compare_index,
    held,
)

if TYPE_CHECKING:
    from datetime import datetime

    from archive.archive import Archive
    from search import Answer

UNUSED_SECONDS = 7 * 24 * 3600
"""How long after its last use an index of the past is removed."""


def search(
    archive: Archive,
    query: Query,
    at: int | str | datetime | None,
    tell: Tell | None = None,
) -> Answer:
    """Answer a query as of a sequence or an instant (by ``recorded_at``); ``sequence`` says which.

    Answered by what serves if that is at this very sequence, else by an embedded index of its own,
    which is built first if there is none: ``tell`` is told how far that is. Other processes that
    want the same wait for it. Raises ``NotIndexed`` when it cannot be written.

    >>> import tempfile
    >>> from archive import Archive
    >>> search(Archive(tempfile.mkdtemp()), Query("whales"), at=0).total
    0
    """
    view = archive.view(query.view).name
    sequence = archive.log.at(at).sequence
    answer = _now(archive, query, sequence)
    if answer is None:
        with opened(archive, view, sequence, tell) as past:
            answer = past.search(query)
    return answer


def _now(archive: Archive, query: Query, sequence: int) -> Answer | None:
    """The answer of what serves, if it is at this sequence and of the code as it is."""
    view, engine = archive.view(query.view), archive.engine
    serving = engine.serving().get(view.name)
    if serving is None or serving.sequence != sequence:
        return None
    if needs_rebuild(engine, {view.name: view}, {view.name: serving}):
        return None
    answer = engine.search(query)
    return answer if answer.sequence == sequence else None  # it may have been caught up meanwhile


def recorded_at(archive: Archive, sequence: int) -> datetime | None:
    """When the event of a sequence was recorded; none for 0, before the first event."""
    for event in archive.log.read(after=sequence - 1, limit=1) if sequence else ():
        return event.recorded_at
    return None


@contextmanager
def opened(
    archive: Archive, view: str, sequence: int, tell: Tell | None = None
) -> Iterator[EmbeddedEngine]:
    """The index of a view as of a sequence while it is needed; built if there is none."""
    root = archive.folder / "past"
    limit = _limit()
    folder = root / _name(archive, view, sequence)
    tell = tell or silent
    with closing(_taken(root, folder)):
        if not _is_whole(archive, folder, view):
            with held(folder / "building", wait=False) as mine:
                if mine:
                    _build(archive, folder, view, sequence, tell)
            if not mine:
                tell(f"{view} as of {sequence:,}: another process builds it")
                with held(folder / "building"):
                    _build(archive, folder, view, sequence, tell)
        (folder / "used").touch()
        clear(root, limit)
        yield EmbeddedEngine(folder, archive.views)


def _name(archive: Archive, view: str, sequence: int) -> str:
    snapshot, version = archive.log.at(sequence), archive.views[view].code_version
    mapping = EmbeddedEngine(archive.folder, archive.views).mapping(view)
    made = (snapshot.digest, snapshot.upcast_digest, version, mapping)
    return f"{view}-{sequence}-{hashlib.sha256(repr(made).encode()).hexdigest()[:16]}"


def _taken(root: Path, folder: Path) -> Hold:
    """A hold on an index, there or not yet there: nobody removes it meanwhile."""
    with held(root / "lock"):
        folder.mkdir(exist_ok=True)
        return Hold(folder / "lock")


def _is_whole(archive: Archive, folder: Path, view: str) -> bool:
    """Is there an index that can be searched? A damaged one is made anew, like all caches."""
    try:
        engine = EmbeddedEngine(folder, archive.views)
        engine.search(Query("", view, size=0, highlight=False))
    except (NothingServes, DamagedIndex):
        return False
    return True


def _build(archive: Archive, folder: Path, view: str, sequence: int, tell: Tell) -> None:
    """Fill an index and let it serve, if it does not yet; what a killed build left is cleared."""
    if _is_whole(archive, folder, view):
        return
    engine = EmbeddedEngine(folder, archive.views)
    shutil.rmtree(engine.folder, ignore_errors=True)
    try:
        _fill(archive, engine, view, sequence, tell)
    except (OSError, ValueError) as error:
        raise NotIndexed(
            f"cannot index {view} as of {sequence}: {' '.join(str(error).split())}."
            " Make room and repeat; what serves still serves"
        ) from error


def _fill(archive: Archive, engine: EmbeddedEngine, view: str, sequence: int, tell: Tell) -> None:
    tell(f"{view} as of {sequence:,}: computing")
    with export.file(archive, view, sequence) as path:
        engine.create(view, 1, sequence)
        engine.load(view, 1, path, lambda now: tell(str(now)))
        engine.refresh(view, 1)
        tell(f"{view} as of {sequence:,}: checking")
        found = compare_index(path, engine.digests(view, 1))
    if found:
        raise NotIndexed(f"the index of {view} as of {sequence} is not as its view: {found}")
    engine.promote({view: 1})


def clear(root: Path, limit: int) -> list[str]:
    """Remove what is unfinished, long unused, or too much in all; never what is in use now.

    ``limit`` is in bytes; the indexes that were used last stay. Returns the names of those removed.
    """
    with held(root / "lock"):
        folders = sorted(
            (path for path in root.iterdir() if path.is_dir()), key=_last_use, reverse=True
        )
        total, removed = 0, []
        for folder in folders:
            size = _size(folder)
            total += size
            wanted = time.time() - _last_use(folder) < UNUSED_SECONDS and total <= limit
            if wanted and (folder / "index" / "serving.json").exists():
                continue
            with held(folder / "lock", wait=False) as mine:
                if mine:
                    shutil.rmtree(folder)
                    removed.append(folder.name)
                    total -= size
        return removed


def _last_use(folder: Path) -> float:
    used = folder / "used"
    return (used if used.exists() else folder).stat().st_mtime


def _size(folder: Path) -> int:
    """In bytes. Files of one that is being built come and go."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size
        except FileNotFoundError:
            continue
    return size


def _limit() -> int:
    """Bytes that all indexes of the past may take; those used last are kept."""
    try:
        return settings.whole("STET_PAST_MB") * 1_000_000
    except settings.InvalidSetting as error:
        raise SearchError(str(error)) from None
