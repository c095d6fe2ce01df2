"""The steps on a file system that durability depends on, each a method of its own.

Here is what tests replace: a disk that fails at any step, or that forgets what was not synced.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

if sys.platform == "darwin":
    import fcntl


class Disk:
    """The file system as it is."""

    def write(self, path: Path, write: Callable[[Path], None]) -> None:
        """Let ``write`` make a new file; it need not survive power loss."""
        write(path)

    def sync(self, path: Path) -> None:
        """Let a file's content, or a folder's names, survive power loss."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            if sys.platform == "darwin":  # fsync there leaves it in the drive's own cache
                with contextlib.suppress(OSError):  # not every file system can; SQLite falls back
                    fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
                    return
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name; raises ``FileExistsError`` when it is taken."""
        os.link(source, target)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name, in place of what had it."""
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """Take a name away."""
        path.unlink()

    def mkdir(self, path: Path) -> None:
        """Make one folder, unless it is there."""
        path.mkdir(exist_ok=True)
