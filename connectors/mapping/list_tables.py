"""Child tables: what a change of a line does to a list in its parent's stream."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from connectors.debezium.change import Change, Columns, Operation
from connectors.debezium.schema import EPOCH
from connectors.mapping.children import Child, ChildLists
from connectors.mapping.declared import ListOf, Table
from connectors.mapping.entities import StreamNames
from connectors.mapping.errors import Untranslatable
from connectors.mapping.planning import matches, of_one
from connectors.mapping.templates import as_text

NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


@dataclass(slots=True)
class Move:
    """What a change does to a list: a child leaves, a child comes, or all leave."""

    leaves: str | None = None
    comes: tuple[str, Child] | None = None
    numbered: bool = False
    """Whether the table has no key, so that equal lines are told apart by numbers."""
    counts: bool = True
    """Whether an equal line is one more; not in a snapshot, which may be taken again."""
    all_gone: bool = False

    def steps(self, lists: ChildLists, name: str) -> Iterator[tuple[str, Child | None]]:
        """Yield what becomes of keys: the child, or None where it leaves."""
        if self.leaves is not None:
            key = _last(lists, name, self.leaves) if self.numbered else self.leaves
            yield key, None
        if self.comes is not None:
            key, child = self.comes
            if self.numbered:
                key = _free(lists, name, key) if self.counts else f"{key}#0"
            yield key, child


def _free(lists: ChildLists, name: str, key: str) -> str:
    number = 0
    while lists.child(name, f"{key}#{number}") is not None:
        number += 1
    return f"{key}#{number}"


def _last(lists: ChildLists, name: str, key: str) -> str:
    number = 0
    while lists.child(name, f"{key}#{number + 1}") is not None:
        number += 1
    return f"{key}#{number}"


class ListTable:
    """One list that the lines of a table make."""

    def __init__(self, table: Table, declared: ListOf) -> None:
        self.table, self.declared = table, declared
        self.name, self.field, self.category = declared.name, declared.field, declared.category
        self._parents = StreamNames(table, declared.of)
        kind = self.category.fields.field(declared.field).type.value_type
        self._make = of_one(declared.value, kind, declared.is_reference)
        self._column = declared.value.columns[0]
        columns = (*self._parents.columns, self._column, declared.order)
        self._columns = sorted({c for c in columns if c is not None} | set(table.where))

    def changed(self) -> str:
        """Return the event type that says that a list changed."""
        if self.declared.changed is None:
            raise Untranslatable(
                self.table.name,
                None,
                f"{self.field} changed, but {self.category.name} has no event type that revises",
                stops=True,
            )
        return self.declared.changed

    def check_emptied(self) -> None:
        """Refuse to empty a list that may not be empty."""
        if self.field in self.category.required:
            raise Untranslatable(
                self.table.name, None, f"{self.field} is required, but its last line is gone"
            )

    @staticmethod
    def occurred_at(change: Change) -> datetime | None:
        """Return when a change happened; None for a snapshot."""
        if change.snapshot is not None or change.at is None:
            return None
        return EPOCH + timedelta(microseconds=change.at)

    def streams(self, change: Change) -> set[str]:
        """Return the parents that a change tells of."""
        lines = (change.after, change.before, change.key)
        return set().union(*(self.parents(line) for line in lines if line is not None))

    def parents(self, line: Columns) -> set[str]:
        """Return the parent of a line, if the line has one."""
        if all(line.get(column) is not None for column in self._parents.columns):
            return {self._parents.of(line)}
        return set()

    def move(self, change: Change) -> Move:
        """Return what a change does to the list; raises ``Untranslatable``."""
        if change.op == Operation.TRUNCATED:
            return self._truncated()
        move = Move(numbered=change.key is None, counts=change.snapshot is None)
        if change.op == Operation.DELETED:
            if self.table.delete == "remove" or change.new_key is not None:
                move.leaves = self._key(change.key, change.before)
            return move
        after = change.after or {}
        child = self._child(change, after)
        if change.key is None:
            if change.op == Operation.UPDATED and change.before is not None:
                move.leaves = self._key(None, change.before)
            if child is not None:
                move.comes = (self._key(None, after), child)
        elif child is None:
            move.leaves = self._key(change.key, None)
        else:
            move.comes = (self._key(change.key, None), child)
        return move

    def _truncated(self) -> Move:
        if self.table.truncate == "error":
            raise Untranslatable(
                self.table.name,
                None,
                "the table was truncated; the mapping says truncate: error. To go on, say truncate:"
                f" remove, which empties {self.field} of all, or truncate: ignore, which keeps it",
                stops=True,
            )
        return Move(all_gone=self.table.truncate == "remove")

    def _key(self, key: Columns | None, line: Columns | None) -> str:
        """What a child is kept by: its key, or for a table without one what the list is made of."""
        whole: Mapping[str, Any] = key or {}
        if key is None:
            whole = {column: (line or {}).get(column) for column in self._columns}
        elif len(key) == 1:
            (value,) = key.values()
            return value if isinstance(value, str) else str(value)
        return orjson.dumps(whole, option=orjson.OPT_SORT_KEYS, default=as_text).decode()

    def _child(self, change: Change, line: Columns) -> Child | None:
        self.check_columns(line, change.withheld)
        if not matches(self.table.where, line):
            return None
        if any(line[column] is None for column in (*self._parents.columns, self._column)):
            return None
        parent = self._parents.of(line)
        try:
            value = self._make(line[self._column])
            place = _place(line[self.declared.order]) if self.declared.order else None
        except ValueError as error:
            raise Untranslatable(self.table.name, self._column, f"{self.field}: {error}") from None
        return None if value is None else Child(parent, value, place)

    def check_columns(self, line: Columns, withheld: frozenset[str] = frozenset()) -> None:
        """Refuse lines that lack a column of which the list is made."""
        for column in self._columns:
            if column in line:
                continue
            if column in withheld:
                why = "the source withheld this long value, of which the list is made"
            else:
                there = ", ".join(line)
                why = f"there is no such column, of which the list is made; there is {there}"
            raise Untranslatable(self.table.name, column, f"{self.field}: {why}", stops=True)


def _place(value: Any) -> float | int | str | None:
    """A place in a list: a number also where it came as text, so that 10 comes after 9."""
    if value is None or type(value) is int or isinstance(value, float):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    text = str(as_text(value))
    return float(text) if NUMBER.fullmatch(text) else text
