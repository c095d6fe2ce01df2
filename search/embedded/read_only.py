"""An index in a folder where this process may not write: tantivy takes its lock elsewhere.

Tantivy makes a lock file beside an index to open it, and so cannot open one that may only be read.
It opens a temporary folder with links to the index's files instead, which it then holds open.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from replay import may_write

LOCK = ".tantivy-meta.lock"
"""The file that tantivy locks while it opens an index."""


def may_lock(directory: Path) -> bool:
    """Whether this process may take tantivy's lock in the folder of an index."""
    lock = directory / LOCK
    return may_write(directory) and (not lock.exists() or os.access(lock, os.W_OK))


@contextmanager
def linked(directory: Path) -> Iterator[Path]:
    """A temporary folder with links to the files of an index, without its locks."""
    with tempfile.TemporaryDirectory(prefix="stet-index-") as folder:
        for path in directory.absolute().iterdir():
            if path.suffix != ".lock":
                Path(folder, path.name).symlink_to(path)
        yield Path(folder)
