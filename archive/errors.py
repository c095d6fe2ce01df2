"""The errors of the archive."""

from __future__ import annotations


class ArchiveError(Exception):
    """The base of every error of this room."""


class UnknownDomain(ArchiveError):
    """There is no domain of that name, or the name is of something else."""


class WrongDomain(ArchiveError):
    """An archive was opened with another domain than the one it belongs to."""
