"""Where an archive lies: its log below ``home``, and what is made from it on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from event_log import Category, EventLog


def open_log(home: Path | str, categories: Sequence[Category] | None = None) -> EventLog:
    """The log of an archive, with the newsroom's categories unless others are given.

    ``home`` is a folder, or a URL such as ``s3://bucket/prefix``.
    """
    from event_log import EventLog  # here, because the command line starts without Arrow

    if categories is None:
        from newsroom.categories import CATEGORIES

        categories = CATEGORIES
    if _is_url(home):
        return EventLog(f"{_trimmed(str(home))}/log", categories)
    return EventLog(Path(home) / "log", categories)


def the_newsroom(
    references: Mapping[str, Mapping[str, str]] | None,
) -> Mapping[str, Mapping[str, str]]:
    """Which fields name other entities: the newsroom's unless others are given."""
    if references is not None:
        return references
    from newsroom.categories import REFERENCES

    return REFERENCES


def derived(home: Path | str) -> Path:
    """The folder of what is made from the log of an archive: its views and its indexes.

    It is ``home`` itself. Of an archive in an object store it is a folder of this machine, below
    ``$STET_CACHE`` or ``~/.cache/stet``; each machine makes its own, and any may be deleted.

    >>> derived("archive")
    PosixPath('archive')
    """
    if not _is_url(home):
        return Path(home)
    from event_log.store import local_folder

    return local_folder(_trimmed(str(home)))


def _is_url(home: Path | str) -> bool:
    return isinstance(home, str) and "://" in home


def _trimmed(url: str) -> str:
    return url.rstrip("/") if urlsplit(url).netloc else url
