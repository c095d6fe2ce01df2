"""DuckDB's errors about its file, its disk and its memory, as errors of this room."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from event_log import advice, as_told, machine
from replay.errors import NotWritten, ReplayError

SPILLED = "max_temp_directory_size"
"""In an out-of-memory error of DuckDB: the disk is full, to which it spills from memory."""
REFUSED = re.compile(r"(?i)could not (write|fsync|truncate)|no space left|file too large")
"""In an error of DuckDB: it cannot write to the disk."""
DAMAGES = (
    duckdb.IOException,
    duckdb.SerializationException,
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.CatalogException,
)


class DamagedState(ReplayError):
    """The kept state cannot be read; catching up sets it aside, and makes it anew."""


@contextmanager
def reading_state() -> Iterator[None]:
    """Raises ``DamagedState`` for DuckDB's errors about a file that it cannot read.

    When disk or memory do not suffice, raises ``NotWritten``: the file is whole, and the
    transaction has not happened.
    """
    try:
        yield
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        message = one_line(error)
        if isinstance(error, duckdb.OutOfMemoryException) or REFUSED.search(message):
            raise NotWritten(f"cannot keep the state: {too_little(error)}") from error
        if not isinstance(error, DAMAGES):
            raise
        raise DamagedState(message) from error


def one_line(error: Exception) -> str:
    """The message of an error, in one line."""
    return " ".join(str(error).split())


def too_little(error: Exception) -> str:
    """The message of an error about disk or memory, and what to do about its cause.

    >>> too_little(OSError("No space left on device"))
    'No space left on device. Make room, and repeat'
    >>> from event_log import settings
    >>> error = duckdb.OutOfMemoryException("could not allocate block. Possible solutions: ...")
    >>> with settings.using({"STET_MEMORY": "2GB"}):
    ...     too_little(error)
    'could not allocate block. STET_MEMORY allows 2GB; allow more, and repeat'
    """
    message = one_line(error)
    first = message.partition(" Possible solutions")[0]  # they are settings of DuckDB
    first = first.removesuffix(".")
    if isinstance(error, duckdb.OutOfMemoryException) and SPILLED not in message:
        return f"{first}. STET_MEMORY allows {machine.memory_limit()}; allow more, and repeat"
    todo = "Make room, and repeat" if SPILLED in message else advice(error)
    return f"{as_told(first)}. {todo}"
