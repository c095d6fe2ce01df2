"""The errors of this room."""

from __future__ import annotations

import re

OF_A_FIELD = re.compile(r"data\.(\w+): (.*)", re.DOTALL)
"""How a refusal begins that is of one field of an event, in the rules of any domain."""


class ReplayError(Exception):
    """The base of every error of this room."""


class BrokenView(ReplayError):
    """A view is wrong: a part of its declaration, or one of its expressions.

    ``view`` is the name of the view, ``part`` the parameter of ``View`` that is wrong.

    >>> str(BrokenView("books", "date", "there is no field 'bougth_at'"))
    "view books: date: there is no field 'bougth_at'"
    """

    def __init__(self, view: str, part: str, reason: str) -> None:
        super().__init__(f"view {view}: {part}: {reason}")
        self.view, self.part = view, part


class NotWritten(ReplayError):
    """Documents or the kept state could not be written; those of before are unchanged."""


class NoDocument(ReplayError):
    """A view has no such document at that point of the log."""


class Refused(ReplayError):
    """An editor's event contradicts the current state; nothing was appended."""
