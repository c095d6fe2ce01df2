"""What can go wrong where documents are made."""

from __future__ import annotations


class ViewError(Exception):
    """The base of every error of the views."""


class NotWritten(ViewError):
    """Documents or state could not be written; what was there before is as it was."""
