"""What DuckDB says of its file, its disk and its memory, as errors of the views."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from event_log import machine
from replay.errors import NotWritten, ReplayError

SPILLED = "max_temp_directory_size"
"""How DuckDB says that it is the disk that has no room for what memory has none for."""
REFUSED = re.compile(r"(?i)could not (write|fsync|truncate)|no space left|file too large")
"""How DuckDB says that the disk refuses."""
DAMAGES = (
    duckdb.IOException,
    duckdb.SerializationException,
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.CatalogException,
)


class DamagedState(ReplayError):
    """The kept state cannot be read; it is to be set aside and made anew."""


@contextmanager
def reading_state() -> Iterator[None]:
    """What DuckDB says of a file that it cannot make sense of is ``DamagedState``.

    Where disk or memory do not suffice it is ``NotWritten``: the file is whole, and what was begun
    is not done.
    """
    try:
        yield
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        said = one_line(error)
        if isinstance(error, duckdb.OutOfMemoryException) or REFUSED.search(said):
            raise NotWritten(f"cannot keep the state: {too_little(error)}") from error
        if not isinstance(error, DAMAGES):
            raise
        raise DamagedState(said) from error


def one_line(error: Exception) -> str:
    """What an error says, without its line breaks."""
    return " ".join(str(error).split())


def too_little(error: Exception) -> str:
    """What disk or memory did not suffice for, and what to do about it.

    >>> too_little(OSError("No space left on device"))
    'No space left on device. Make room, and repeat'
    >>> from event_log import settings
    >>> error = duckdb.OutOfMemoryException("could not allocate block. Possible solutions: ...")
    >>> with settings.using({"STET_MEMORY": "2GB"}):
    ...     too_little(error)
    'could not allocate block. STET_MEMORY allows 2GB; allow more, and repeat'
    """
    said = one_line(error)
    first = said.partition(" Possible solutions")[0]  # they are settings that nobody has here
    first = first.removesuffix(".")
    if isinstance(error, duckdb.OutOfMemoryException) and SPILLED not in said:
        return f"{first}. STET_MEMORY allows {machine.memory_limit()}; allow more, and repeat"
    return f"{first}. Make room, and repeat"
