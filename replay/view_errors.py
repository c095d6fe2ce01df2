"""The errors of a view's functions as ``BrokenView``: the view, the function and its line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import duckdb

from replay.duckdb_errors import one_line
from replay.errors import BrokenView, ReplayError

if TYPE_CHECKING:
    from replay.view import View

DOCUMENTS, LINEAGE, ROOTS = "documents", "lineage", "roots"
MOST = 400
"""The most characters of a reason; Ibis' errors may show whole expressions."""
OF_THE_MACHINE = (
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.SerializationException,
    duckdb.InterruptException,
    OSError,
    MemoryError,
    ReplayError,
)
"""Errors of the disk, the memory or another part, whichever view was computed meanwhile."""
OF_A_FILE = re.compile(r"(?i)parquet|magic bytes")
"""In an error of DuckDB: a file that it reads is damaged."""
SQL = re.compile(r" (LINE [0-9]+|Candidate functions|Candidate macros): .*")
"""In an error of DuckDB: where it is in SQL that nobody wrote."""
ADDRESS = re.compile(r"<ibis\.[\w.]+ object at 0x[0-9a-f]+>")


@contextmanager
def errors_of(view: View, part: str = DOCUMENTS) -> Iterator[None]:
    """Raises ``BrokenView`` for errors of a view's functions, not of the file or the machine."""
    try:
        yield
    except OF_THE_MACHINE:
        raise
    except Exception as error:
        if isinstance(error, duckdb.Error) and OF_A_FILE.search(str(error)):
            raise
        where = f"{part}{_place(error, getattr(view, part, None))}"
        raise BrokenView(view.name, where, reason(error)) from error


def reason(error: Exception) -> str:
    """The message of an error in a line, without the SQL and the addresses that it may contain.

    >>> reason(KeyError("shelf"))
    "KeyError: 'shelf'"
    """
    text = ADDRESS.sub("a column", SQL.sub("", one_line(error)))
    if isinstance(error, AttributeError) and hasattr(error.obj, "columns"):
        text = f"there is no column {error.name!r}; there is {', '.join(error.obj.columns)}"
    elif type(error).__module__ == "builtins" or not text:
        text = f"{type(error).__name__}: {text}"
    return text if len(text) <= MOST else f"{text[: MOST - 1]}…"


def _place(error: Exception, function: Callable[..., Any] | None) -> str:
    """The file of a view's function, and the last line there that the error came through."""
    code = getattr(function, "__code__", None)
    if code is None:
        return ""
    lines = [
        line
        for frame, line in walk_tb(error.__traceback__)
        if frame.f_code.co_filename == code.co_filename
    ]
    return f" ({Path(code.co_filename).name}, line {lines[-1]})" if lines else ""
