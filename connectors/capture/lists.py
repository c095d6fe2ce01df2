"""The children of lists, in the file of a connector."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.capture.kept import Kept
from connectors.mapping.children import Child


class KeptLists:
    """``ChildLists`` in SQLite; a round puts in, and what it replaces can be put back."""

    def __init__(self, kept: Kept) -> None:
        self._db = kept.connection
        self.put_in: list[tuple[str, str]] = []
        """What was put in since this was emptied: the list and the key."""

    def child(self, name: str, key: str) -> Child | None:
        """Return a child by its key."""
        found = self._db.execute(
            "SELECT parent, value, place FROM child WHERE list = ? AND key = ?", (name, key)
        ).fetchone()
        return Child(*found) if found else None

    def put(self, name: str, key: str, child: Child) -> None:
        """Keep a child under its key, in place of what was there."""
        self._remember(name, key)
        self._db.execute("INSERT OR REPLACE INTO child VALUES (?, ?, ?, ?, ?)", (name, key, *child))
        self.put_in.append((name, key))

    def drop(self, name: str, key: str) -> None:
        """Forget a child; one that is not there is no error."""
        self._remember(name, key)
        self._db.execute("DELETE FROM child WHERE list = ? AND key = ?", (name, key))

    def of(self, name: str, parent: str) -> Iterable[tuple[str, Child]]:
        """Return the children of a parent with their keys, in any order."""
        found = self._db.execute(
            "SELECT key, parent, value, place FROM child WHERE list = ? AND parent = ?",
            (name, parent),
        )
        return [(key, Child(*child)) for key, *child in found]

    def parents(self, name: str) -> Iterable[str]:
        """Return the parents that have children in this list, each once."""
        found = self._db.execute("SELECT DISTINCT parent FROM child WHERE list = ?", (name,))
        return [parent for (parent,) in found]

    def drop_all(self, name: str) -> None:
        """Forget all children of a list."""
        self._db.execute(
            "INSERT OR IGNORE INTO child_before SELECT * FROM child WHERE list = ?", (name,)
        )
        self._db.execute("DELETE FROM child WHERE list = ?", (name,))

    def names_of(self, name: str) -> Iterable[tuple[str, str]]:
        """Return the keys of a list's children, with their parents."""
        return self._db.execute("SELECT key, parent FROM child WHERE list = ? ORDER BY 1", (name,))

    def _remember(self, name: str, key: str) -> None:
        """Keep what a round replaces, once: what was there before the round."""
        self._db.execute(
            "INSERT OR IGNORE INTO child_before SELECT ?1, ?2, c.parent, c.value, c.place"
            " FROM (SELECT 1) LEFT JOIN child c ON c.list = ?1 AND c.key = ?2",
            (name, key),
        )
