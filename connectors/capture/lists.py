"""The children of lists, in the file of a connector."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from connectors.capture.kept import Kept
from connectors.mapping.children import Child

Of = dict[str, Child]
"""The children of a parent, by their keys."""


class KeptLists:
    """``ChildLists`` in SQLite: a round works in memory, and is written when it is turned."""

    def __init__(self, kept: Kept) -> None:
        self._db = kept.connection
        self.met: list[tuple[str, str]] = []
        """The children that were asked for since this was emptied: the list and the key."""
        self.give_up()

    def child(self, name: str, key: str) -> Child | None:
        """Return a child by its key."""
        self.met.append((name, key))
        if (name, key) in self._changed:
            return self._changed[name, key]
        if self._is_empty(name):
            return None
        found = self._db.execute(
            "SELECT parent, value, place FROM child WHERE list = ? AND key = ?", (name, key)
        ).fetchone()
        return Child(*found) if found else None

    def put(self, name: str, key: str, child: Child) -> None:
        """Keep a child under its key, in place of what was there."""
        self._leave(name, key)
        self._children(name, child.parent)[key] = child
        self._changed[name, key] = child

    def drop(self, name: str, key: str) -> None:
        """Forget a child; one that is not there is no error."""
        self._leave(name, key)
        self._changed[name, key] = None

    def of(self, name: str, parent: str) -> Collection[tuple[str, Child]]:
        """Return the children of a parent with their keys, in any order."""
        if (name, parent) not in self._read and self._is_empty(name):
            return ()
        return list(self._children(name, parent).items())

    def parents(self, name: str) -> Iterable[str]:
        """Return the parents that have children in this list, each once."""
        self._write()
        found = self._db.execute("SELECT DISTINCT parent FROM child WHERE list = ?", (name,))
        return [parent for (parent,) in found]

    def drop_all(self, name: str) -> None:
        """Forget all children of a list."""
        self._write()
        self._db.execute(
            "INSERT OR IGNORE INTO child_before SELECT * FROM child WHERE list = ?", (name,)
        )
        self._db.execute("DELETE FROM child WHERE list = ?", (name,))
        self.give_up()

    def names_of(self, name: str) -> Iterable[tuple[str, str]]:
        """Return the keys of a list's children, with their parents."""
        return self._db.execute("SELECT key, parent FROM child WHERE list = ? ORDER BY 1", (name,))

    def keep(self) -> None:
        """Write what a round changed to the file, as a part of it."""
        self._write()
        self.give_up()

    def give_up(self) -> None:
        """Forget what a round changed, and what was read for it."""
        self._changed: dict[tuple[str, str], Child | None] = {}
        self._read: dict[tuple[str, str], Of] = {}
        self._empty: dict[str, bool] = {}

    def _children(self, name: str, parent: str) -> Of:
        """The children of a parent as they are in this round; to be changed in place."""
        children = self._read.get((name, parent))
        if children is None:
            children = self._read[name, parent] = {}
            if not self._is_empty(name):
                for key, *child in self._db.execute(
                    "SELECT key, parent, value, place FROM child WHERE list = ? AND parent = ?",
                    (name, parent),
                ):
                    if (name, key) not in self._changed:
                        children[key] = Child(*child)
        return children

    def _leave(self, name: str, key: str) -> None:
        """Take a child out of its parent's children."""
        old = self.child(name, key)
        if old is not None:
            self._children(name, old.parent).pop(key, None)

    def _is_empty(self, name: str) -> bool:
        """Whether the file has no child of a list, as when a first snapshot comes."""
        if name not in self._empty:
            found = self._db.execute("SELECT 1 FROM child WHERE list = ? LIMIT 1", (name,))
            self._empty[name] = found.fetchone() is None
        return self._empty[name]

    def _write(self) -> None:
        """Write the changes, and for each what was there before the round, once."""
        changed, self._changed = self._changed, {}
        self._db.executemany(
            "INSERT OR IGNORE INTO child_before SELECT ?1, ?2, c.parent, c.value, c.place"
            " FROM (SELECT 1) LEFT JOIN child c ON c.list = ?1 AND c.key = ?2",
            changed,
        )
        self._db.executemany(
            "DELETE FROM child WHERE list = ? AND key = ?",
            [where for where, child in changed.items() if child is None],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO child VALUES (?, ?, ?, ?, ?)",
            [(*where, *child) for where, child in changed.items() if child is not None],
        )
        self._read, self._empty = {}, {}
