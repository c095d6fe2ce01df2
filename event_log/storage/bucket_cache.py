"""Local copies of the immutable files of an object store, so that readers open files.

A copy lies in a folder named after the object's entity tag, so it never goes stale; a log that was
deleted, restored or written again under the same names gets its own copies. All copies may be
deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from event_log.storage.caches import user_cache
from event_log.storage.disk import Disk
from event_log.storage.folder import STALE_SECONDS
from event_log.storage.store import StoreError, hint

UNUSED_SECONDS = 30 * 86_400.0
"""A copy that is not used for this long is removed."""
ENDPOINTS = (
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT",
    "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_ENDPOINT",
    "GOOGLE_BASE_URL",
)
"""The variables that identify the endpoint, and so the bucket of a URL."""


def cache_folder(url: str) -> Path:
    """Return the cache folder of one URL: below ``$STET_CACHE``, or the user's cache folder.

    The same URL at another endpoint is another log, and has another folder.
    """
    return user_cache(url, *(os.environ.get(name, "") for name in ENDPOINTS))


class Copies:
    """The copies of one log below a folder that only its owner may read."""

    def __init__(self, folder: Path) -> None:
        self._files = folder / "files"
        self._staging = folder / "staging"
        self._disk = Disk()
        self._prepared = False
        with self._errors_explained():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextlib.contextmanager
    def staged(self) -> Iterator[Path]:
        """Yield a unique path for a file to fill; it is removed afterwards, unless kept."""
        if not (self._prepared and self._staging.is_dir()):
            with self._errors_explained():
                self._staging.mkdir(parents=True, exist_ok=True)
                self._clean()
            self._prepared = True
        path = self._staging / f"{os.getpid()}-{uuid.uuid4().hex}"
        try:
            yield path
        finally:
            with contextlib.suppress(OSError):  # a later clean-up removes it
                path.unlink(missing_ok=True)

    def path(self, name: str, tag: str) -> Path:
        """Return where the copy of this version of a file lies, or would lie.

        Folder and file keep their names, because readers parse both.
        """
        folder, _, base = name.rpartition("/")
        return self._files / folder / hashlib.sha256(tag.encode()).hexdigest()[:16] / base

    def find(self, name: str, tag: str) -> Path | None:
        """Return the copy and mark it as used; None without a copy."""
        path = self.path(name, tag)
        try:
            if path.stat().st_mtime < time.time() - STALE_SECONDS:
                os.utime(path)
        except FileNotFoundError:
            return None
        return path

    def keep(self, name: str, tag: str, staged: Path) -> Path:
        """Make a staged file the copy, atomically, also under power loss."""
        path = self.path(name, tag)
        with self._errors_explained():
            self._disk.sync(staged)
            try:
                self._move(staged, path)
            except FileNotFoundError:  # another process removed the empty folder
                self._move(staged, path)
        return path

    def _move(self, staged: Path, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._disk.rename(staged, path)

    def forget(self, name: str) -> None:
        """Remove the copies of a file."""
        folder, _, base = name.rpartition("/")
        for path in (self._files / folder).glob(f"*/{base}"):
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # another process is putting its own copy there
                path.parent.rmdir()

    def _clean(self) -> None:
        """Remove files of dead writers, and copies that were not used for long."""
        now = time.time()
        for folder, age in ((self._staging, STALE_SECONDS), (self._files, UNUSED_SECONDS)):
            for path in list(folder.rglob("*")):
                with contextlib.suppress(FileNotFoundError):  # another process cleans as well
                    if path.is_file() and path.stat().st_mtime < now - age:
                        path.unlink()

    @contextlib.contextmanager
    def _errors_explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"cannot keep a copy in {self._files.parent}: {hint(error)}. "
                "Set STET_CACHE to another folder"
            ) from error
