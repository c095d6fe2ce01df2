"""What can go wrong where log, documents and indexes work together."""

from __future__ import annotations


class ArchiveError(Exception):
    """The base of every error of this room."""


class UnknownDomain(ArchiveError):
    """There is no domain of that name, or what was named is no domain."""


class WrongDomain(ArchiveError):
    """The archive belongs to another domain than the one it was opened with."""
