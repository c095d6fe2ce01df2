"""The interface of a store, which holds the log's files, and its errors.

A store has whole, immutable files under names such as ``commits/00000000000000000321.parquet``.
Their only lock is put-if-absent: of any number of writers that put one name, exactly one wins. A
few small files beside them may be replaced (``Store.replace``); whoever loses these loses nothing.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from event_log.errors import EventLogError

NOTHING_APPENDED = "Nothing was appended."
REPEAT = "Append the same events with the same ids again."
"""The advice when it is not known whether a file was written: event ids make repeating safe."""

Held: TypeAlias = tuple[bytes, Any]
"""The content of a small file, and the mark of its version."""


class StoreError(EventLogError):
    """The store refused: it is full, read-only, unreachable, or unsuitable."""


class Store(Protocol):
    """The files of one log. Every name is ``folder/file``; a file never changes once it is put,
    but for those that ``replace`` made.

    All methods raise ``StoreError`` when the store refuses; they are safe among threads and
    processes.
    """

    @property
    def local(self) -> Path:
        """A local folder for files of this machine: caches and subscriptions."""

    @property
    def caches(self) -> Path:
        """A local folder for caches that this process may write, where there is any."""

    def where(self, name: str) -> str:
        """Return where a file lies or would lie, for messages: a path or a URL."""

    def names(self, folder: str, suffix: str = "", after: str = "") -> list[str]:
        """Return the sorted names in a folder with a suffix; none when there is no folder.

        With ``after`` only the names after it, so that a store need not list the others again.
        """

    def walk(self, folder: str) -> list[str]:
        """Return the sorted names of all files below a folder, relative to it."""

    def exists(self, name: str) -> bool:
        """Return whether there is a file of this name."""

    def identity(self, name: str) -> object:
        """Return a value that changes with the file; raises ``FileNotFoundError``."""

    def modified(self, name: str) -> float:
        """Return when the file was put, in seconds since 1970; raises ``FileNotFoundError``."""

    def path(self, name: str) -> Path:
        """Return a local path with this content: the file itself, or a cached copy.

        An object store raises ``FileNotFoundError`` when it is missing; a folder returns the path
        where it would lie.
        """

    def fresh_path(self, name: str) -> Path:
        """Return a local path with the store's current content, never a cached copy."""

    def put_if_absent(self, name: str, write: Callable[[Path], None]) -> bool:
        """Let ``write`` fill a file, and give it this name; False, and no change, if it is taken.

        When this returns True the file and its name survive power loss. ``write`` may be called
        again, with another path, when a folder was removed meanwhile.
        """

    def contents(self, names: Collection[str]) -> dict[str, Held]:
        """Return what small files have now, of those that exist, each with a mark of its version.

        The names are of one folder.
        """

    def replace(self, contents: Mapping[str, bytes], seen: Mapping[str, object]) -> bool:
        """Replace or make small files of one folder; False when one is not as it was seen.

        ``seen`` has the marks of ``contents``; a name without one must have no file. Such files do
        not grow in number and have no other names; nobody else gives them theirs. Each is whole
        at every moment, and survives power loss when this returns True.
        """

    def make_durable(self, name: str) -> None:
        """Make the name of a file survive power loss, also one put by another process."""

    def delete(self, name: str) -> None:
        """Remove a file, if it exists. It may be back after power loss."""

    def watch_folder(self, folder: str) -> Path | None:
        """Return the local folder to watch for new files; None when the store must be polled."""


class Fresh:
    """A store that ignores cached copies, for verification."""

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
"""What to do about errors of the file system, by number."""


def hint(error: OSError) -> str:
    """Return what to do about an error of the file system."""
    return HINTS.get(error.errno or 0, error.strerror or str(error))
