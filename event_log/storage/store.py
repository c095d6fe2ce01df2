"""What the log needs of the store that has its files, and the errors of a store.

A store keeps whole, immutable files under names such as ``commits/00000000000000000321.parquet``.
Its one lock is put-if-absent: of any number of writers that put one name, exactly one wins.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from event_log.errors import EventLogError

NOTHING_APPENDED = "Nothing was appended."
REPEAT = "Append the same events with the same ids again."
"""What to do when it is not known whether a file was kept: event ids make it safe."""


class StoreError(EventLogError):
    """The store refused: full, read-only, unreachable, or not what the log needs."""


class Store(Protocol):
    """The files of one log. Every name is ``folder/file``; a file never changes once it is put.

    All methods raise ``StoreError`` when the store refuses; they are safe among threads and
    processes.
    """

    @property
    def local(self) -> Path:
        """A local folder for what may be lost or is this machine's own: caches, subscriptions."""

    def where(self, name: str) -> str:
        """Where a file lies or would lie, for people: a path or a URL."""

    def names(self, folder: str, suffix: str = "", after: str = "") -> list[str]:
        """The names of the files in a folder that end so, sorted; none when there is no folder.

        Only those that come after a name, if one is given: what a store need not list again.
        """

    def walk(self, folder: str) -> list[str]:
        """The names of all files at any depth below a folder, relative to it, sorted."""

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""

    def identity(self, name: str) -> object:
        """What is equal as long as the file is the same; raises ``FileNotFoundError``."""

    def modified(self, name: str) -> float:
        """When the file was put, in seconds since 1970; raises ``FileNotFoundError``."""

    def path(self, name: str) -> Path:
        """A local file with this content: the file itself, or a copy that is kept.

        A store that has to fetch it raises ``FileNotFoundError`` when it is missing; the local
        store gives the path where it would lie.
        """

    def fresh_path(self, name: str) -> Path:
        """Like ``path``, but never a copy that was kept: what the store itself has now."""

    def put_if_absent(self, name: str, write: Callable[[Path], None]) -> bool:
        """Let ``write`` fill a file and give it this name: False, and no change, if it is taken.

        When this returns True the file and its name survive power loss. ``write`` may be called
        again, with another path, when a folder was removed meanwhile.
        """

    def make_durable(self, name: str) -> None:
        """Let the name of a file survive power loss, whoever put it."""

    def delete(self, name: str) -> None:
        """Remove a file, if it is there. After power loss it may be back."""

    def watch_folder(self, folder: str) -> Path | None:
        """The local folder whose changes tell of new files; None where one has to ask."""


class Fresh:
    """A store of which nothing is believed that was fetched before: for verification."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.path = store.fresh_path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


HINTS = {
    errno.ENOSPC: "the disk is full; make room and repeat",
    errno.EDQUOT: "the disk quota is used up; make room and repeat",
    errno.EFBIG: "no file may grow so large here; raise the limit (ulimit -f) and repeat",
    errno.EROFS: "the file system is read-only; mount it for writing and repeat",
    errno.EACCES: "no permission there; check the folder's owner and mode",
    errno.EPERM: "the file system has no hard links, which the log needs to be safe; "
    "put the archive on another one",
    errno.ENOTDIR: "a file lies where a folder should be; move it away",
    errno.EEXIST: "a file lies where a folder should be; move it away",
    errno.ENAMETOOLONG: "the name is too long for this file system; choose a shorter folder",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n) and repeat",
}
"""What to do about an error of the file system, by its number."""


def hint(error: OSError) -> str:
    """What to do about an error of the file system."""
    return HINTS.get(error.errno or 0, error.strerror or str(error))
