"""How much memory DuckDB may take; what does not fit goes to disk."""

from __future__ import annotations

import os
import re

from views.errors import ViewError

VARIABLE = "STET_MEMORY"
DEFAULT = "2GB"
SIZE = re.compile(r"(\d+(\.\d+)?) ?(MB|GB|MiB|GiB)")


class InvalidMemory(ViewError, ValueError):
    """``STET_MEMORY`` does not say an amount of memory."""


UNITS = {"MB": 1e-3, "GB": 1.0, "MiB": 1.048576e-3, "GiB": 1.073741824}


def gigabytes(said: str) -> float:
    """An amount of memory in gigabytes.

    >>> gigabytes("500 MB")
    0.5
    """
    found = SIZE.fullmatch(said)
    if not found:
        raise InvalidMemory(f"{said!r} is no amount of memory; give one such as 1GB")
    return float(found[1]) * UNITS[found[3]]


def limit() -> str:
    """The limit that ``STET_MEMORY`` says, else two gigabytes.

    >>> limit()
    '2GB'
    """
    said = os.environ.get(VARIABLE) or DEFAULT
    if not SIZE.fullmatch(said):
        raise InvalidMemory(f"{VARIABLE} is {said!r}; give an amount of memory, such as 1GB")
    return said
