"""The errors of the connectors. Each message names the file, and the line where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from event_log import hint


class ConnectorError(Exception):
    """The base of every error of the connectors."""


class UnreadableFile(ConnectorError):
    """A file cannot be read at all, or not from a line on; ``line`` is None for the first."""

    def __init__(self, path: str, line: int | None, reason: str) -> None:
        where = path if line is None else f"{path}, line {line}"
        super().__init__(f"{where}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


class BadLine(ConnectorError):
    """A line is no event, or an invalid one: its file, number, field and the reason.

    ``part`` is what the file's format has for a line, such as a document, and ``name`` what the
    part is called besides.
    """

    def __init__(
        self,
        path: str,
        line: int,
        field: str | None,
        reason: str,
        part: str = "line",
        name: str | None = None,
    ) -> None:
        where = f"{path}, {part} {line}" if name is None else f"{path}, {part} {line} ({name})"
        super().__init__(f"{where}: {reason if field is None else f'{field}: {reason}'}")
        self.path = path
        self.line = line
        self.field = field
        self.reason = reason


class OtherImport(ConnectorError):
    """Another import is writing the same file of rejected lines, or uses the same producer."""


class Unwritable(ConnectorError):
    """A file beside the log or the source cannot be written; the message says what to do."""


@contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """Tell what the system refuses in the block as ``Unwritable``, with the file's path.

    >>> with writing("cms.json"):
    ...     raise OSError(28, "No space left on device")
    Traceback (most recent call last):
    connectors.errors.Unwritable: cannot write cms.json: the disk is full; make room and repeat
    """
    try:
        yield
    except OSError as error:
        raise Unwritable(f"cannot write {path}: {hint(error)}") from None
