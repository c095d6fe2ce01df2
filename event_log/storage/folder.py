"""The log's files in a folder, with the hard link as put-if-absent.

A file is written under a unique name, fsynced, and then hard-linked to its final name, which the
file system refuses when that name is taken; then the folder is fsynced. So a name is either absent
or names a whole, durable file, and of two writers one wins.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from event_log.locks import Lock
from event_log.storage.caches import may_write, user_cache
from event_log.storage.disk import Disk
from event_log.storage.store import NOTHING_APPENDED, REPEAT, Held, StoreError, hint

STALE_SECONDS = 86_400.0
"""A staged file this old belongs to a writer that is dead."""

LOCK = "lock"
"""The file in a folder of small files that is locked while they are replaced."""


class LocalStore:
    """The files of one log below a folder, which is made by the first write."""

    def __init__(self, root: Path, disk: Disk | None = None) -> None:
        self.root = root.absolute()
        self._disk = disk or Disk()
        self._staging = self.root / "staging"
        self._settled: set[Path] = set()
        """Folders that exist and whose names are durable."""

    @property
    def local(self) -> Path:
        """The folder itself."""
        return self.root

    @property
    def caches(self) -> Path:
        """The folder ``cache``; another where this process may not write there."""
        own = self.root / "cache"
        there = may_write(own if own.is_dir() else self.root)
        return own if there else user_cache(os.path.realpath(self.root))

    def path(self, name: str) -> Path:
        """Return where the file of this name lies, or would lie."""
        return self.root / name

    fresh_path = path

    def where(self, name: str) -> str:
        """Return the path of the file."""
        return str(self.root / name)

    def watch_folder(self, folder: str) -> Path | None:
        """Return the folder, which need not exist yet."""
        return self.root / folder

    def names(self, folder: str, suffix: str = "", after: str = "") -> list[str]:
        """Return the sorted names in a folder with a suffix that come after another name."""
        with _errors_explained(self.root / folder):
            try:
                with os.scandir(self.root / folder) as entries:
                    names = [entry.name for entry in entries if not entry.is_dir()]
            except FileNotFoundError:
                return []
        return sorted(name for name in names if name > after and name.endswith(suffix))

    def walk(self, folder: str) -> list[str]:
        """Return the sorted names of all files below a folder, relative to it."""
        top = self.root / folder
        with _errors_explained(top):
            return sorted(path.relative_to(top).as_posix() for path in _files(top))

    def exists(self, name: str) -> bool:
        """Return whether there is a file of this name."""
        try:
            self._stat(name)
        except FileNotFoundError:
            return False
        return True

    def identity(self, name: str) -> object:
        """Return the file's inode and modification time; raises ``FileNotFoundError``."""
        status = self._stat(name)
        return status.st_ino, status.st_mtime_ns

    def modified(self, name: str) -> float:
        """Return when the file was written, in seconds since 1970; raises ``FileNotFoundError``."""
        return self._stat(name).st_mtime

    def put_if_absent(self, name: str, write: Callable[[Path], None]) -> bool:
        """Let ``write`` fill a file, and give it this name; False, and no change, if it is taken.

        When this returns True the file and its name survive power loss.
        """
        target = self.root / name
        try:
            won = self._within(target.parent, lambda: self._put(target, write))
        except OSError as error:
            raise StoreError(f"cannot write {target}: {hint(error)}. {NOTHING_APPENDED}") from error
        if won:
            self.make_durable(name)
        return won

    def contents(self, names: Collection[str]) -> dict[str, Held]:
        """Return what small files have now, of those that exist; their marks are the contents."""
        found: dict[str, Held] = {}
        for name in names:
            path = self.root / name
            with contextlib.suppress(FileNotFoundError), _errors_explained(path):
                content = path.read_bytes()
                found[name] = (content, content)
        return found

    def replace(self, contents: Mapping[str, bytes], seen: Mapping[str, object]) -> bool:
        """Replace or make small files of one folder; False when one is not as it was seen.

        All are written before the first gets its name, so a full disk leaves all as they were.
        """
        folder = (self.root / next(iter(contents))).parent
        try:
            replaced = self._within(folder, lambda: self._replace(folder, contents, seen))
        except OSError as error:
            raise StoreError(f"cannot write {folder}: {hint(error)}. {NOTHING_APPENDED}") from error
        if replaced:
            self.make_durable(next(iter(contents)))
        return replaced

    def make_durable(self, name: str) -> None:
        """Make the name of a file survive power loss, also one written by another process."""
        folder = (self.root / name).parent
        try:
            self._settle(folder)
            self._disk.sync(folder)
        except OSError as error:
            raise StoreError(
                f"{self.root / name} is written, but not safe from a power failure: "
                f"{hint(error)}. {REPEAT}"
            ) from error

    def delete(self, name: str) -> None:
        """Remove a file, if it exists. It may be back after power loss."""
        path = self.root / name
        try:
            self._disk.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreError(f"cannot remove {path}: {hint(error)}") from error

    def _put(self, target: Path, write: Callable[[Path], None]) -> bool:
        staged = self._staging / f"{os.getpid()}-{uuid.uuid4().hex}"
        try:
            self._disk.write(staged, write)
            self._disk.sync(staged)
            return self._linked(staged, target)
        finally:
            with contextlib.suppress(OSError):  # a later clean-up removes a stale staged file
                self._disk.unlink(staged)

    def _replace(
        self, folder: Path, contents: Mapping[str, bytes], seen: Mapping[str, object]
    ) -> bool:
        staged = {name: self._staging / f"{os.getpid()}-{uuid.uuid4().hex}" for name in contents}
        with Lock(folder / LOCK):
            if {name: mark for name, (_, mark) in self.contents(contents).items()} != dict(seen):
                return False
            try:
                for name, path in staged.items():
                    self._disk.write(path, _writing(contents[name]))
                    self._disk.sync(path)
                for name, path in staged.items():
                    self._disk.rename(path, self.root / name)
            except OSError:
                for path in staged.values():
                    with contextlib.suppress(OSError):  # a later clean-up removes it
                        self._disk.unlink(path)
                raise
        return True

    def _within(self, folder: Path, act: Callable[[], bool]) -> bool:
        """Make the folders, and act; again when another process removed one that existed before."""
        self._make_folders(folder)
        try:
            return act()
        except FileNotFoundError:
            self._settled.clear()
            self._make_folders(folder)
            return act()

    def _linked(self, staged: Path, target: Path) -> bool:
        try:
            self._disk.link(staged, target)
        except FileExistsError:
            return target.exists() and staged.samefile(
                target
            )  # a network file system may repeat the call
        return True

    def _make_folders(self, folder: Path) -> None:
        if folder in self._settled:
            return
        for path in (folder, self._staging):
            for each in (*reversed(path.parents), path):
                if not each.is_dir():
                    self._disk.mkdir(each)
        self._settle(folder)
        self._clean()

    def _settle(self, folder: Path) -> None:
        """Make the names of a folder and of those above it survive power loss.

        A folder may be new even if it exists: another process may have made it a moment ago, and
        die before it syncs it. So this is done once for each folder that is written to.
        """
        if folder in self._settled:
            return
        device = self.root.stat().st_dev
        for path in folder.parents:
            if path.stat().st_dev != device:
                break
            try:
                self._disk.sync(path)
            except PermissionError:
                if path.is_relative_to(self.root.parent):
                    raise  # folders further up are older, and may be closed to this user
        self._settled.add(folder)

    def _clean(self) -> None:
        """Remove staged files of writers that died more than a day ago."""
        oldest = time.time() - STALE_SECONDS
        for staged in self._staging.glob("*"):
            with contextlib.suppress(FileNotFoundError):  # another process cleans as well
                if staged.stat().st_mtime < oldest:
                    self._disk.unlink(staged)

    def _stat(self, name: str) -> os.stat_result:
        path = self.root / name
        with _errors_explained(path):
            return path.stat()


def _writing(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder; files removed meanwhile may be among them."""
    try:
        with os.scandir(folder) as scanned:
            entries = list(scanned)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        else:
            yield Path(entry.path)


@contextlib.contextmanager
def _errors_explained(path: Path) -> Iterator[None]:
    """Turn an error of reading, except for a missing file, into one that says what to do."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(f"cannot read {path}: {hint(error)}") from error
