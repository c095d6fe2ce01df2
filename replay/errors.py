"""The errors of this room."""

from __future__ import annotations


class ReplayError(Exception):
    """The base of every error of this room."""


class BrokenView(ReplayError):
    """The expressions of a view cannot be computed; ``view`` is its name."""

    def __init__(self, view: str, reason: str) -> None:
        super().__init__(f"{view} cannot be computed: {reason}")
        self.view = view


class NotWritten(ReplayError):
    """Documents or the kept state could not be written; those of before are unchanged."""


class NoDocument(ReplayError):
    """A view has no such document at that point of the log."""


class Refused(ReplayError):
    """An editor's event contradicts the current state; nothing was appended."""
