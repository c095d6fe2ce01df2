"""The steps on a file system that durability depends on, each in its own function or method.

Tests replace ``Disk`` by a disk that fails at a step, or that loses what was not synced.
"""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

if sys.platform == "darwin":
    import fcntl


def fsync(place: Path | int) -> None:
    """Make a file's content, or a folder's names, survive power loss.

    ``place`` is a path or an open file's descriptor.
    """
    if isinstance(place, int):
        _fsync(place)
        return
    descriptor = os.open(place, os.O_RDONLY)
    try:
        _fsync(descriptor)
    finally:
        os.close(descriptor)


def _fsync(descriptor: int) -> None:
    if sys.platform == "darwin":  # fsync there leaves the content in the drive's own cache
        with contextlib.suppress(
            OSError
        ):  # not every file system supports it; SQLite falls back, too
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def durable_rename(unfinished: Path, path: Path) -> None:
    """Rename a finished file to its final name, replacing any file there.

    The file and its name survive power loss when this returns, and no reader sees a part of it.
    """
    fsync(unfinished)
    unfinished.replace(path)
    fsync(path.parent)


def durable_write(path: Path, content: str | bytes) -> None:
    """Replace a small file; the new content survives power loss when this returns.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "checkpoint.json"
    >>> durable_write(path, "{}")
    >>> path.read_text()
    '{}'
    """
    unfinished = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
        durable_rename(unfinished, path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


class Disk:
    """The real file system."""

    def write(self, path: Path, write: Callable[[Path], None]) -> None:
        """Let ``write`` make a new file; it need not survive power loss."""
        write(path)

    def sync(self, path: Path) -> None:
        """Make a file's content, or a folder's names, survive power loss."""
        fsync(path)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name; raises ``FileExistsError`` when it is taken."""
        os.link(source, target)

    def rename(self, source: Path, target: Path) -> None:
        """Rename a file, replacing any file of the new name."""
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        path.unlink()

    def mkdir(self, path: Path) -> None:
        """Make one folder, unless it exists."""
        path.mkdir(exist_ok=True)
