"""What can be wrong with a mapping, and with a change that it does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.errors import ConnectorError


@dataclass(frozen=True)
class Mistake:
    """One mistake in a mapping: its line and column (from 1), its key, and what was wrong."""

    line: int
    column: int
    key: str
    reason: str


class InvalidMapping(ConnectorError):
    """A mapping cannot be used; the message lists all its mistakes, each with its line."""

    def __init__(self, path: str, mistakes: Sequence[Mistake]) -> None:
        told = [f"{path}, line {m.line}: {m.key}: {m.reason}" for m in mistakes]
        super().__init__("\n".join(told))
        self.path = path
        self.mistakes = tuple(mistakes)


class Untranslatable(ConnectorError):
    """A change does not fit the mapping, or a value the field: it is set aside, or stops all.

    ``stops`` says what the mapping wants: to stop, so that somebody looks, or to set it aside.
    """

    def __init__(self, table: str, column: str | None, reason: str, stops: bool = False) -> None:
        where = table if column is None else f"{table}, column {column}"
        super().__init__(f"{where}: {reason}")
        self.table = table
        self.column = column
        self.reason = reason
        self.stops = stops
