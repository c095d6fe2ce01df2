"""The errors of the archive."""

from __future__ import annotations


class ArchiveError(Exception):
    """The base of every error of this room."""


class UnknownDomain(ArchiveError):
    """There is no domain of that name, or the name is of something else."""


class UnknownView(ArchiveError, LookupError):
    """A document's id does not tell the view that it belongs to."""


class WrongDomain(ArchiveError):
    """An archive was opened with another domain than the one it belongs to."""


class NoArchive(ArchiveError):
    """There is no folder where an archive is to be read; reading never makes one."""


class RefusedInBatch(ArchiveError):
    """One of several events cannot be appended, so none was; ``number`` is its place, from 1."""

    def __init__(self, number: int, cause: Exception) -> None:
        super().__init__(f"event {number}: {cause}; nothing was appended")
        self.number = number
        self.cause = cause


class NotExported(ArchiveError):
    """The documents of a view cannot be written to a file; the file is as it was."""
