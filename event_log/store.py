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
        self._cleaned = False

    def path(self, name: str) -> Path:
        """Where the file of this name lies, or would lie."""
        return self.root / name

    def names(self, folder: str, suffix: str) -> list[str]:
        """The names of the files in a folder that end so, sorted; none when there is no folder."""
        try:
            found = os.listdir(self.root / folder)
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
            os.link(staged, target)
            _sync(target.parent)
        except FileExistsError:
            if target.is_dir():
                raise StoreError(f"{target} is a folder where a file should be") from None
            return False
        except OSError as error:
            raise self._explained(error, target) from error
        finally:
            with contextlib.suppress(OSError):  # a stale staged file is cleaned another day
                staged.unlink(missing_ok=True)
        return True

    def _make_folders(self, folder: Path) -> None:
        for made in (folder, self._staging):
            if made.is_dir():
                continue
            made.mkdir(parents=True, exist_ok=True)
            for parent in (made, self.root, self.root.parent):
                _sync(parent)
        if not self._cleaned:
            self._clean()
            self._cleaned = True

    def _clean(self) -> None:
        """Remove what writers that died more than a day ago left behind."""
        oldest = time.time() - STALE_SECONDS
        for staged in self._staging.glob("*"):
            with contextlib.suppress(FileNotFoundError):  # another process cleans as well
                if staged.stat().st_mtime < oldest:
                    staged.unlink()

    def _explained(self, error: OSError, target: Path) -> StoreError:
        hints = {
            errno.ENOSPC: "the disk is full; make room and repeat",
            errno.EDQUOT: "the disk quota is used up; make room and repeat",
            errno.EROFS: "the file system is read-only; mount it for writing and repeat",
            errno.EACCES: "no permission to write there; check the folder's owner and mode",
            errno.EPERM: "the file system has no hard links, which the log needs to be safe; "
            "put the archive on another one",
            errno.ENOTDIR: "a file lies where a folder should be; move it away",
        }
        hint = hints.get(error.errno or 0, error.strerror or str(error))
        return StoreError(f"cannot write {target}: {hint}. Nothing was appended.")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
