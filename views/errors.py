"""What can go wrong where documents are made."""

from __future__ import annotations


class ViewError(Exception):
    """The base of every error of the views."""


class BrokenView(ViewError):
    """The expressions of a view cannot be computed; ``view`` says of which."""

    def __init__(self, view: str, reason: str) -> None:
        super().__init__(f"{view} cannot be computed: {reason}")
        self.view = view


class NotWritten(ViewError):
    """Documents or state could not be written; what was there before is as it was."""


class NoDocument(ViewError):
    """A view has no such document at that point."""
