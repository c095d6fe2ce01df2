"""What can go wrong where the log meets other systems."""

from __future__ import annotations


class ConnectorError(Exception):
    """The base of every error of the connectors."""


class UnreadableFile(ConnectorError):
    """A file that cannot be read, or not further than a line."""

    def __init__(self, path: str, line: int | None, reason: str) -> None:
        where = path if line is None else f"{path}, line {line}"
        super().__init__(f"{where}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


class BadLine(ConnectorError):
    """A line that is no event, or none that fits: its file, number, field and the reason."""

    def __init__(self, path: str, line: int, field: str | None, reason: str) -> None:
        told = reason if field is None else f"{field}: {reason}"
        super().__init__(f"{path}, line {line}: {told}")
        self.path = path
        self.line = line
        self.field = field
        self.reason = reason


class OtherImport(ConnectorError):
    """Another import works on the same file, or under the same producer's name."""
