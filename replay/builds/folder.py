"""The folder of builds: numbered directories, each with its metadata.

A directory has ``build.json`` from its first moment on, and for each view that was written
``<view>.parquet`` and then ``<view>.json``. A file is never changed: when it is there, it is whole.
"""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replay.builds.durable import may_write, write_json

if TYPE_CHECKING:
    from event_log import EventLog, Snapshot
    from replay.builds.build import Written
    from replay.view import View

METADATA = "build.json"
TAKEN = {errno.ENOTEMPTY, errno.EEXIST}
"""The errors of renaming to a name that is taken, or was a moment ago."""
KEPT = 3
"""How many finished builds are kept: the last ones."""
QUIET_SECONDS = 600
"""How long nothing was written in a finished build before it may be deleted."""
ABANDONED_SECONDS = 3600
"""How long nothing was written in an unfinished build before it counts as abandoned."""


def list_builds(views: Path) -> list[Path]:
    """The directories of all builds, oldest first."""
    if not views.exists():
        return []
    return sorted(path for path in views.iterdir() if path.name.isdigit())


def place(views: Path, build_id: str | None, snapshot: Snapshot, created_at: str) -> Path:
    """Create the next numbered directory, put-if-absent, and return it.

    It appears with its ``build.json`` in it. If another process was faster with the same
    ``build_id``, the directory of that process is returned.
    """
    identity = build_id or uuid.uuid4().hex
    prepared = views / f".begin-{uuid.uuid4().hex}"
    prepared.mkdir(parents=True)
    write_json(
        prepared / METADATA,
        {
            "build_id": identity,
            "sequence": snapshot.sequence,
            "digest": snapshot.digest,
            "upcast": snapshot.upcast_digest,
            "created_at": created_at,
        },
    )
    number = 1
    while True:
        present = list_builds(views)
        number = max(int(present[-1].name) + 1 if present else 1, number)
        directory = views / f"{number:06d}"
        try:
            prepared.rename(directory)
        except OSError as error:
            if error.errno not in TAKEN:
                raise
            number += 1
            continue
        break
    first = find(views, identity) or directory
    if first != directory:
        directory.rename(prepared)  # at once: an emptied directory would be taken by a rename
        shutil.rmtree(prepared)
    return first


def find(views: Path, build_id: str) -> Path | None:
    """The first directory that was begun with this id, if there is one."""
    builds = _with_metadata(list_builds(views))
    return next((path for path, metadata in builds if metadata["build_id"] == build_id), None)


def has_build(views: Path, build_id: str) -> bool:
    """Whether a build that was begun with this id is there."""
    return find(views, build_id) is not None


def _with_metadata(directories: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The builds with their metadata, without those that have been deleted meanwhile."""
    for directory in directories:
        with suppress(FileNotFoundError):
            yield directory, metadata(directory)


def metadata(directory: Path) -> dict[str, Any]:
    """The content of ``build.json``, as ``place`` wrote it."""
    content: dict[str, Any] = json.loads((directory / METADATA).read_text())
    return content


def note_view(directory: Path, view: View, written: Written) -> None:
    """Write the note beside a view's documents, when they are complete."""
    note = {**asdict(written), "code_version": view.code_version}
    write_json(directory / f"{view.name}.json", note)


def views_of(directory: Path) -> dict[str, dict[str, Any]]:
    """The notes of the views that were written: documents, seconds, bytes, the code's version."""
    notes = (path for path in sorted(directory.glob("*.json")) if path.name != METADATA)
    return {path.stem: json.loads(path.read_text()) for path in notes}


def kept_documents(views: Path, view: View, snapshot: Snapshot) -> Path | None:
    """The file of a view's documents, if a build of this snapshot and this code has written it.

    A snapshot is known by its sequence, by the log's digest, and by the digest of the upcasters.
    """
    for directory in _of(views, snapshot):
        note, documents = directory / f"{view.name}.json", directory / f"{view.name}.parquet"
        if not documents.exists() or not note.exists():
            continue
        if json.loads(note.read_text())["code_version"] == view.code_version:
            return documents
    return None


def newest_build(views: Path, wanted: Collection[View], log: EventLog) -> str | None:
    """The id of the newest build of this log in which this code has written all views wanted."""
    head = log.head
    for directory, metadata in _with_metadata(reversed(list_builds(views))):
        if metadata["sequence"] > head:
            continue
        snapshot = log.at(metadata["sequence"])
        if not _is_of(metadata, snapshot):
            continue
        notes = views_of(directory)
        versions = {name: note["code_version"] for name, note in notes.items()}
        if all(versions.get(view.name) == view.code_version for view in wanted):
            build_id: str = metadata["build_id"]
            return build_id
    return None


def folded_entities(views: Path, snapshot: Snapshot) -> Path | None:
    """The folder of the entities that a build of this snapshot has folded, if there is one."""
    folders = (directory / "state" for directory in _of(views, snapshot))
    return next((folder for folder in folders if folder.exists()), None)


def _of(views: Path, snapshot: Snapshot) -> Iterator[Path]:
    """The builds of a snapshot, the newest first."""
    for directory, metadata in _with_metadata(reversed(list_builds(views))):
        if _is_of(metadata, snapshot):
            yield directory


def _is_of(metadata: dict[str, Any], snapshot: Snapshot) -> bool:
    """Whether a build is of this snapshot of this log."""
    of_build = tuple(metadata.get(name) for name in ("sequence", "digest", "upcast"))
    return of_build == (snapshot.sequence, snapshot.digest, snapshot.upcast_digest)


@contextmanager
def scratch_folder(views: Path) -> Iterator[Path]:
    """A temporary folder; ``clear_builds`` deletes those that killed processes left."""
    views.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".reading-", dir=views) as folder:
        yield Path(folder)


@contextmanager
def state_folder(views: Path, snapshot: Snapshot, scratch: Path | None = None) -> Iterator[Path]:
    """A folder for a ``State`` of a snapshot: that of a kept build, or else a temporary one.

    The temporary one is in ``scratch``, by default the folder of builds. A build that this process
    may not write to is not used: a state keeps there what it folds.
    """
    kept = folded_entities(views, snapshot)
    if kept is not None and may_write(kept):
        yield kept
        return
    with scratch_folder(scratch or views) as folder:
        yield folder / "state"


def clear_builds(views: Path) -> None:
    """Delete all finished builds but the last three, and abandoned ones."""
    if not views.exists():
        return
    finished = [path for path in list_builds(views) if views_of(path)]
    for directory in finished[:-KEPT]:
        _remove_if_quiet(directory, QUIET_SECONDS)
    unfinished = [path for path in list_builds(views) if path not in finished]
    for directory in [*unfinished, *views.glob(".begin-*"), *views.glob(".reading-*")]:
        _remove_if_quiet(directory, ABANDONED_SECONDS)
    for leftover in [place for path in finished[-KEPT:] for place in path.rglob(".*-*")]:
        _remove_if_quiet(leftover, ABANDONED_SECONDS)


def _remove_if_quiet(path: Path, seconds: float) -> None:
    try:
        last = max(place.stat().st_mtime for place in (path, *path.rglob("*")))
    except FileNotFoundError:
        return  # another process writes or deletes here at this moment
    if time.time() - last < seconds:
        return
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
