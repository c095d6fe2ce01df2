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
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from search import open_engine
from search.comparison import compared
from search.errors import DamagedIndex, NothingServes, NotIndexed, SearchError, UnknownName
from search.local import EmbeddedEngine
from search.locks import Hold, held
from search.query import Query
from search.standing import needs_rebuild
from views import VIEWS, documents
from views.log import derived, open_log

if TYPE_CHECKING:
    from datetime import datetime

    from search.engine import Answer, Engine

UNUSED_SECONDS = 7 * 24 * 3600
"""How long after its last use an index of the past is removed."""
MEGABYTES = 5_000
"""How much all of them may take, unless ``STET_PAST_MB`` says otherwise; the last used are kept."""

Tell = Callable[[str], None]


def search(
    home: Path | str,
    query: Query,
    at: int | str | datetime | None,
    engine: Engine | None = None,
    tell: Tell | None = None,
) -> Answer:
    """Answer a query as of a sequence or an instant (by ``recorded_at``); ``sequence`` says which.

    Answered by what serves if that is at this very sequence, else by an embedded index of its own,
    which is built first if there is none: ``tell`` is told how far that is. Other processes that
    want the same wait for it. Raises ``NotIndexed`` when it cannot be written.

    >>> import tempfile
    >>> from search.query import Query
    >>> search(tempfile.mkdtemp(), Query("whales"), at=0).total
    0
    """
    if query.view not in VIEWS:
        raise UnknownName("view", query.view, VIEWS)
    sequence = open_log(home).at(at).sequence
    answer = _now(query, sequence, engine or open_engine(home))
    if answer is None:
        with opened(home, query.view, sequence, tell) as past:
            answer = past.search(query)
    return answer


def _now(query: Query, sequence: int, engine: Engine) -> Answer | None:
    """The answer of what serves, if it is at this sequence and of the code as it is."""
    serving = engine.serving().get(query.view)
    if serving is None or serving.sequence != sequence:
        return None
    if needs_rebuild(engine, {query.view: serving}, {query.view: VIEWS[query.view]}):
        return None
    answer = engine.search(query)
    return answer if answer.sequence == sequence else None  # it may have been caught up meanwhile


@contextmanager
def opened(
    home: Path | str, view: str, sequence: int, tell: Tell | None = None
) -> Iterator[EmbeddedEngine]:
    """The index of a view as of a sequence while it is needed; built if there is none."""
    root = derived(home) / "past"
    limit = _limit()
    folder = root / _name(home, view, sequence)
    tell = tell or (lambda _: None)
    with closing(_taken(root, folder)):
        if not _is_whole(folder, view):
            with held(folder / "building", wait=False) as mine:
                if mine:
                    _build(home, folder, view, sequence, tell)
            if not mine:
                tell(f"{view} as of {sequence:,}: another process builds it")
                with held(folder / "building"):
                    _build(home, folder, view, sequence, tell)
        (folder / "used").touch()
        clear(root, limit)
        yield EmbeddedEngine(folder)


def _name(home: Path | str, view: str, sequence: int) -> str:
    snapshot = open_log(home).at(sequence)
    mapping = EmbeddedEngine(home).mapping(view)
    made = (snapshot.digest, snapshot.upcast_digest, VIEWS[view].code_version, mapping)
    return f"{view}-{sequence}-{hashlib.sha256(repr(made).encode()).hexdigest()[:16]}"


def _taken(root: Path, folder: Path) -> Hold:
    """A hold on an index, there or not yet there: nobody removes it meanwhile."""
    with held(root / "lock"):
        folder.mkdir(exist_ok=True)
        return Hold(folder / "lock")


def _is_whole(folder: Path, view: str) -> bool:
    """Is there an index that can be searched? A damaged one is made anew, like all caches."""
    try:
        EmbeddedEngine(folder).search(Query("", view, size=0, highlight=False))
    except (NothingServes, DamagedIndex):
        return False
    return True


def _build(home: Path | str, folder: Path, view: str, sequence: int, tell: Tell) -> None:
    """Fill an index and let it serve, if it does not yet; what a killed build left is cleared."""
    if _is_whole(folder, view):
        return
    engine = EmbeddedEngine(folder)
    shutil.rmtree(engine.folder, ignore_errors=True)
    try:
        _fill(home, engine, view, sequence, tell)
    except (OSError, ValueError) as error:
        raise NotIndexed(
            f"cannot index {view} as of {sequence}: {' '.join(str(error).split())}."
            " Make room and repeat; what serves still serves"
        ) from error


def _fill(home: Path | str, engine: EmbeddedEngine, view: str, sequence: int, tell: Tell) -> None:
    tell(f"{view} as of {sequence:,}: computing")
    with documents.file(view, home, sequence) as path:
        engine.create(view, 1, sequence)
        engine.load(view, 1, path, lambda now: tell(str(now)))
        engine.refresh(view, 1)
        tell(f"{view} as of {sequence:,}: checking")
        found = compared(path, engine.digests(view, 1))
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
    said = os.environ.get("STET_PAST_MB", "").strip() or str(MEGABYTES)
    if not said.isdecimal():
        raise SearchError(f"STET_PAST_MB is {said!r}; it must be a number of megabytes, as 5000")
    return int(said) * 1_000_000
