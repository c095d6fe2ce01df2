"""How much memory DuckDB may take; what does not fit goes to disk."""

from __future__ import annotations

import os
import re

from views.errors import ViewError

VARIABLE = "STET_MEMORY"
DEFAULT = "2GB"
SIZE = re.compile(r"\d+(\.\d+)? ?(MB|GB|MiB|GiB)")


class InvalidMemory(ViewError, ValueError):
    """``STET_MEMORY`` does not say an amount of memory."""


def limit() -> str:
    """The limit that ``STET_MEMORY`` says, else two gigabytes.

    >>> limit()
    '2GB'
    """
    said = os.environ.get(VARIABLE) or DEFAULT
    if not SIZE.fullmatch(said):
        raise InvalidMemory(f"{VARIABLE} is {said!r}; give an amount of memory, such as 1GB")
    return said
