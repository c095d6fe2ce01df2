"""Where the log's files lie: the local file system, with put-if-absent as its only lock.

A file is written under a name of its own, fsynced, and then hard-linked to its final name, which
the file system refuses when that name is taken; the folder is fsynced after it. So a name either
is absent or names a whole, durable file, and of two writers one wins.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from event_log.errors import EventLogError

STALE_SECONDS = 86_400.0
"""A staged file this old belongs to a writer that is dead."""


class StoreError(EventLogError):
    """The file system refused: full, read-only, or not what the log needs."""


class LocalStore:
    """The files of one log below a folder, which is made by the first write."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._staging = self.root / "staging"
        self._prepared = False

    def path(self, name: str) -> Path:
        """Where the file of this name lies, or would lie."""
        return self.root / name

    def names(self, folder: str, suffix: str) -> list[str]:
        """The names of the files in a folder that end so, sorted; none when there is no folder."""
        try:
            found = [path.name for path in (self.root / folder).iterdir()]
        except FileNotFoundError:
            return []
        except NotADirectoryError:
            raise StoreError(
                f"{self.root / folder} is a file where a folder should be; move it away"
            ) from None
        return sorted(name for name in found if name.endswith(suffix))

    def put_if_absent(self, name: str, write: Callable[[Path], None]) -> bool:
        """Let ``write`` fill a file and give it this name: False, and no change, if it is taken.

        When this returns True the file and its name survive power loss.
        """
        target = self.root / name
        staged = self._staging / f"{os.getpid()}-{uuid.uuid4().hex}"
        try:
            self._make_folders(target.parent)
            write(staged)
            _sync(staged)
            if not _linked(staged, target):
                return False
        except OSError as error:
            raise StoreError(
                f"cannot write {target}: {_hint(error)}. Nothing was appended."
            ) from error
        finally:
            with contextlib.suppress(OSError):  # a stale staged file is cleaned another day
                staged.unlink(missing_ok=True)
        self.make_durable(name)
        return True

    def make_durable(self, name: str) -> None:
        """Let the name of a file survive power loss, whoever wrote it."""
        folder = (self.root / name).parent
        try:
            _sync(folder)
        except OSError as error:
            raise StoreError(
                f"{self.root / name} is written, but not safe from a power failure: "
                f"{_hint(error)}. Append the same events with the same ids again."
            ) from error

    def _make_folders(self, folder: Path) -> None:
        if not (folder.is_dir() and self._staging.is_dir()):
            above = [path for path in (folder, *folder.parents) if not path.exists()]
            for made in (folder, self._staging):
                made.mkdir(parents=True, exist_ok=True)
            for path in above:
                _sync(path.parent)
        if not self._prepared:
            for path in (self.root, self.root.parent):  # another process may just have made them
                _sync(path)
            self._clean()
            self._prepared = True

    def _clean(self) -> None:
        """Remove what writers that died more than a day ago left behind."""
        oldest = time.time() - STALE_SECONDS
        for staged in self._staging.glob("*"):
            with contextlib.suppress(FileNotFoundError):  # another process cleans as well
                if staged.stat().st_mtime < oldest:
                    staged.unlink()


HINTS = {
    errno.ENOSPC: "the disk is full; make room and repeat",
    errno.EDQUOT: "the disk quota is used up; make room and repeat",
    errno.EROFS: "the file system is read-only; mount it for writing and repeat",
    errno.EACCES: "no permission to write there; check the folder's owner and mode",
    errno.EPERM: "the file system has no hard links, which the log needs to be safe; "
    "put the archive on another one",
    errno.ENOTDIR: "a file lies where a folder should be; move it away",
    errno.EEXIST: "a file lies where a folder should be; move it away",
}


def _hint(error: OSError) -> str:
    return HINTS.get(error.errno or 0, error.strerror or str(error))


def _linked(staged: Path, target: Path) -> bool:
    try:
        os.link(staged, target)
    except FileExistsError:
        return target.exists() and staged.samefile(target)  # a network may repeat what it did
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
