"""What DuckDB says of its file, its disk and its memory, as errors of the views."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from views import memory
from views.errors import NotWritten, ViewError

REFUSED = re.compile(r"(?i)could not (write|fsync|truncate)|no space left|file too large")
"""How DuckDB says that the disk refuses."""
DAMAGES = (
    duckdb.IOException,
    duckdb.SerializationException,
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.CatalogException,
)


class DamagedState(ViewError):
    """The kept state cannot be read; it is to be set aside and made anew."""


@contextmanager
def reading() -> Iterator[None]:
    """What DuckDB says of a file that it cannot make sense of is ``DamagedState``.

    Where disk or memory do not suffice it is ``NotWritten``: the file is whole, and what was begun
    is not done.
    """
    try:
        yield
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        said = " ".join(str(error).split())
        if isinstance(error, duckdb.OutOfMemoryException):
            raise NotWritten(_more_memory(said)) from error
        if REFUSED.search(said):
            raise NotWritten(f"cannot keep the state: {said}. Make room and repeat") from error
        if not isinstance(error, DAMAGES):
            raise
        raise DamagedState(said) from error


def _more_memory(said: str) -> str:
    first = said.partition(" Possible solutions")[0]  # they are settings that nobody has here
    return (
        f"cannot keep the state: {first}. {memory.VARIABLE} allows {memory.limit()}; allow more,"
        " and repeat"
    )
