"""Lists of children: lines of a child table as a list in the parent's stream, in any order.

A child is kept by its own key, so that a deletion, which tells nothing but the key, is enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple, Protocol


class Child(NamedTuple):
    """One line of a child table: the stream of its parent, its value in the list, its place."""

    parent: str
    value: str | int
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

    def of(self, name: str, parent: str) -> Collection[tuple[str, Child]]:
        """Return the children of a parent with their keys, in any order."""

    def parents(self, name: str) -> Iterable[str]:
        """Return the parents that have children in this list, each once (for a truncation)."""

    def drop_all(self, name: str) -> None:
        """Forget all children of a list."""


class ListsInMemory:
    """``ChildLists`` in dictionaries."""

    def __init__(self) -> None:
        self._children: dict[str, dict[str, Child]] = {}
        self._of: dict[tuple[str, str], dict[str, Child]] = {}

    def child(self, name: str, key: str) -> Child | None:
        """Return a child by its key."""
        return self._children.get(name, {}).get(key)

    def put(self, name: str, key: str, child: Child) -> None:
        """Keep a child under its key, in place of what was there."""
        self.drop(name, key)
        self._children.setdefault(name, {})[key] = child
        self._of.setdefault((name, child.parent), {})[key] = child

    def drop(self, name: str, key: str) -> None:
        """Forget a child; one that is not there is no error."""
        old = self._children.get(name, {}).pop(key, None)
        if old is not None:
            siblings = self._of[name, old.parent]
            del siblings[key]
            if not siblings:
                del self._of[name, old.parent]

    def of(self, name: str, parent: str) -> Collection[tuple[str, Child]]:
        """Return the children of a parent with their keys, in any order."""
        children = self._of.get((name, parent))
        return list(children.items()) if children else ()

    def parents(self, name: str) -> Iterable[str]:
        """Return the parents that have children in this list, each once (for a truncation)."""
        return [parent for of, parent in self._of if of == name]

    def drop_all(self, name: str) -> None:
        """Forget all children of a list."""
        self._children.pop(name, None)
        self._of = {whose: children for whose, children in self._of.items() if whose[0] != name}


def ordered(children: Collection[tuple[str, Child]]) -> list[str | int]:
    """Return the values of children by their places; those without one come last, by their keys.

    >>> ordered([("b", Child("a/1", "x", None)), ("c", Child("a/1", "y", 2)),
    ...          ("d", Child("a/1", "z", 1))])
    ['z', 'y', 'x']
    """
    return [child.value for _, child in sorted(children, key=_place)] if children else []


def _place(child: tuple[str, Child]) -> tuple[int, float, str, str]:
    key, (_, _, place) = child
    if place is None:
        return 2, 0, "", key
    if isinstance(place, str):
        return 1, 0, place, key
    return 0, place, "", key
