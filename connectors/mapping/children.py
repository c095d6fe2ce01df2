"""Lists of children: lines of a child table as a list in the parent's stream, in any order.

A child is kept by its own key, so that a deletion, which tells nothing but the key, is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol


class Child(NamedTuple):
    """One line of a child table: the stream of its parent, its value in the list, its place."""

    parent: str
    value: str | int | None
    place: float | int | str | None


class ChildLists(Protocol):
    """Where children are kept; in SQLite for a connector, in memory for a file or a test.

    ``name`` is the list's, such as ``public.byline_of.byline_ids``. What is put in is seen by the
    next call, though it may be kept for good only later, together with the position.
    """

    def child(self, name: str, key: str) -> Child | None:
        """Return a child by its key."""

    def put(self, name: str, key: str, child: Child) -> None:
        """Keep a child under its key, in place of what was there."""

    def drop(self, name: str, key: str) -> None:
        """Forget a child; one that is not there is no error."""

    def of(self, name: str, parent: str) -> Iterable[tuple[str, Child]]:
        """Return the children of a parent with their keys, in any order."""

    def parents(self, name: str) -> Iterable[str]:
        """Return the parents that have children in this list, each once (for a truncation)."""

    def drop_all(self, name: str) -> None:
        """Forget all children of a list."""


class ListsInMemory:
    """``ChildLists`` in dictionaries."""
