"""What can go wrong between the log and the documents."""

from __future__ import annotations


class ReplayError(Exception):
    """The base of every error of this room."""


class BrokenView(ReplayError):
    """The expressions of a view cannot be computed; ``view`` says of which."""

    def __init__(self, view: str, reason: str) -> None:
        super().__init__(f"{view} cannot be computed: {reason}")
        self.view = view


class NotWritten(ReplayError):
    """Documents or state could not be written; what was there before is as it was."""


class NoDocument(ReplayError):
    """A view has no such document at that point."""


class Refused(ReplayError):
    """An editor's event that contradicts the current state; nothing was appended."""
