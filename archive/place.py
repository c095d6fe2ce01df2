"""Where an archive lies: its log in ``home``, all that is computed from it on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from event_log import Category, EventLog


def open_log(home: Path | str, categories: Sequence[Category]) -> EventLog:
    """Open the log of the archive at ``home``: a folder, or a URL such as ``s3://bucket/prefix``."""
    from event_log import EventLog

    if is_url(home):
        return EventLog(f"{_trimmed(str(home))}/log", categories)
    return EventLog(Path(home) / "log", categories)


def local_folder(home: Path | str) -> Path:
    """The folder on this machine for documents, indexes and the kept state of an archive.

    It is the folder ``home`` itself. If ``home`` is in an object store, the folder is below
    ``$STET_CACHE`` or ``~/.cache/stet``: each machine fills its own, and any may be deleted.

    >>> local_folder("my-archive")
    PosixPath('my-archive')
    """
    if not is_url(home):
        return Path(home)
    from event_log import local_folder as local

    return local(_trimmed(str(home)))


def is_archive(home: Path | str) -> bool:
    """Whether there is an archive: a folder with a log in it, or any URL."""
    return is_url(home) or (Path(home) / "log").is_dir()


def is_url(home: Path | str) -> bool:
    """Whether an archive lies in an object store instead of a folder."""
    return isinstance(home, str) and "://" in home


def _trimmed(url: str) -> str:
    return url.rstrip("/") if urlsplit(url).netloc else url
