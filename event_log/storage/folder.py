"""The log's files in a folder, with the hard link as put-if-absent.

A file is written under a name of its own, fsynced, and then hard-linked to its final name, which
the file system refuses when that name is taken; the folder is fsynced after it. So a name either
is absent or names a whole, durable file, and of two writers one wins.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from event_log.storage.disk import Disk
from event_log.storage.store import NOTHING_APPENDED, REPEAT, StoreError, hint

STALE_SECONDS = 86_400.0
"""A staged file this old belongs to a writer that is dead."""


class LocalStore:
    """The files of one log below a folder, which is made by the first write."""

    def __init__(self, root: Path, disk: Disk | None = None) -> None:
        self.root = root.absolute()
        self._disk = disk or Disk()
        self._staging = self.root / "staging"
        self._settled: set[Path] = set()
        """Folders that are there, and whose own names are durable."""

    @property
    def local(self) -> Path:
        """The folder itself."""
        return self.root

    def path(self, name: str) -> Path:
        """Where the file of this name lies, or would lie."""
        return self.root / name

    fresh_path = path

    def where(self, name: str) -> str:
        """The path of the file."""
        return str(self.root / name)

    def watch_folder(self, folder: str) -> Path | None:
        """The folder, which need not be there yet."""
        return self.root / folder

    def names(self, folder: str, suffix: str = "", after: str = "") -> list[str]:
        """The names of the files in a folder that end so and come after another, sorted."""
        with _errors_explained(self.root / folder):
            try:
                with os.scandir(self.root / folder) as entries:
                    found = [entry.name for entry in entries if not entry.is_dir()]
            except FileNotFoundError:
                return []
        return sorted(name for name in found if name > after and name.endswith(suffix))

    def walk(self, folder: str) -> list[str]:
        """The names of all files at any depth below a folder, relative to it, sorted."""
        top = self.root / folder
        with _errors_explained(top):
            return sorted(path.relative_to(top).as_posix() for path in _files(top))

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""
        try:
            self._stat(name)
        except FileNotFoundError:
            return False
        return True

    def identity(self, name: str) -> object:
        """The file's number and its time of writing; raises ``FileNotFoundError``."""
        found = self._stat(name)
        return found.st_ino, found.st_mtime_ns

    def modified(self, name: str) -> float:
        """When the file was written, in seconds since 1970; raises ``FileNotFoundError``."""
        return self._stat(name).st_mtime

    def put_if_absent(self, name: str, write: Callable[[Path], None]) -> bool:
        """Let ``write`` fill a file and give it this name: False, and no change, if it is taken.

        When this returns True the file and its name survive power loss.
        """
        target = self.root / name
        try:
            self._make_folders(target.parent)
            try:
                won = self._put(target, write)
            except FileNotFoundError:  # someone removed a folder that was there before
                self._settled.clear()
                self._make_folders(target.parent)
                won = self._put(target, write)
        except OSError as error:
            raise StoreError(f"cannot write {target}: {hint(error)}. {NOTHING_APPENDED}") from error
        if won:
            self.make_durable(name)
        return won

    def make_durable(self, name: str) -> None:
        """Let the name of a file survive power loss, whoever wrote it."""
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
        """Remove a file, if it is there. After power loss it may be back."""
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
            with contextlib.suppress(OSError):  # a stale staged file is cleaned another day
                self._disk.unlink(staged)

    def _linked(self, staged: Path, target: Path) -> bool:
        try:
            self._disk.link(staged, target)
        except FileExistsError:
            return target.exists() and staged.samefile(target)  # a network may repeat what it did
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
        """Let the names of a folder and of those above it survive power loss.

        Whether they are new cannot be seen: another process may have made them a moment ago, and
        die before it syncs them. So it is done once for each folder that is written to.
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
                    raise  # further up is what one may pass through but not open: older than this
        self._settled.add(folder)

    def _clean(self) -> None:
        """Remove what writers that died more than a day ago left behind."""
        oldest = time.time() - STALE_SECONDS
        for staged in self._staging.glob("*"):
            with contextlib.suppress(FileNotFoundError):  # another process cleans as well
                if staged.stat().st_mtime < oldest:
                    self._disk.unlink(staged)

    def _stat(self, name: str) -> os.stat_result:
        path = self.root / name
        with _errors_explained(path):
            return path.stat()


def _files(folder: Path) -> Iterator[Path]:
    """The files below a folder; what is removed meanwhile may be among them or not."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        else:
            yield Path(entry.path)


@contextlib.contextmanager
def _errors_explained(path: Path) -> Iterator[None]:
    """Turns an error of reading, but for a missing file, into one for people."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(f"cannot read {path}: {hint(error)}") from error
