"""Snapshots: what a whole one shows of a table is compared with what there is.

Its lines become events only where they differ from the state (``Known.fields``). What it does not
show is not removed: a line may be missing because the source leaves it out. It is reported, so that
somebody can look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from connectors.capture.kept import Kept
from connectors.capture.lists import KeptLists
from connectors.debezium.change import Change
from connectors.errors import writing
from connectors.mapping.declared import Mapping, Table
from connectors.mapping.translation import Translator
from event_log import EventLog, counted
from replay import live_beginning

FIRST, FIRST_OF_TABLE = "first", "first_in_data_collection"
LAST, LAST_OF_TABLE = "last", "last_in_data_collection"
INCREMENTAL = "incremental"
"""A part of a snapshot that was asked for while changes come: it has no first and no last line."""


@dataclass(frozen=True)
class Missing:
    """What a whole snapshot of a table did not show, though the log or the lists have it."""

    table: str
    what: str
    """``streams``, or the name of a list."""
    count: int
    names: tuple[str, ...]
    ended_at: str


class Snapshots:
    """The snapshots that are under way, in the file of a connector."""

    def __init__(
        self,
        log: EventLog,
        mapping: Mapping,
        kept: Kept,
        lists: KeptLists,
        translator: Translator,
    ) -> None:
        self._log, self._mapping = log, mapping
        self._kept, self._db = kept, kept.connection
        self._lists, self._translator = lists, translator
        self._together = len(mapping.topics) == 1
        self.read_again()

    def read_again(self) -> None:
        """Read which snapshots are under way: a round that noted some may have been given up."""
        found = self._db.execute("SELECT of FROM snapshot WHERE ended IS NULL")
        self._open = {table for (table,) in found}
        found = self._db.execute("SELECT of FROM snapshot WHERE ended IS NOT NULL")
        self._ended = {table for (table,) in found}

    def note(self, changes: Sequence[Change]) -> None:
        """Note what some lines of a snapshot show, in their order, as a part of the round."""
        of_table: dict[str, list[Change]] = {}
        for change in changes:
            if change.snapshot != INCREMENTAL and change.table in self._mapping.tables:
                self._begin_at(change)
                of_table.setdefault(change.table, []).append(change)
                if change.snapshot == LAST and self._together:
                    self._end(*self._open)
                elif change.snapshot in (LAST, LAST_OF_TABLE):
                    self._end(change.table)
        self._show_all(of_table)

    def note_later(self, changes: Sequence[Change]) -> None:
        """Note changes after a snapshot's end, before it is reported: they are not missing."""
        if self._ended:
            of_table: dict[str, list[Change]] = {}
            for change in changes:
                if change.table in self._ended:
                    of_table.setdefault(change.table, []).append(change)
            self._show_all(of_table)

    def _show_all(self, of_table: MappingOf[str, Sequence[Change]]) -> None:
        for table, shown in of_table.items():
            if self._mapping.tables[table].stream is not None:
                self._show(table, self._translator.streams(shown))
        for name, key in self._lists.met:
            self._show(name, [key])

    def report(self, tell: Callable[[str], None]) -> list[Missing]:
        """Report what the snapshots that ended did not show, once; the log must have their lines.

        The names stand in a file beside the log, one line of JSON for each table.
        """
        ended = self._db.execute(
            "SELECT of, ended FROM snapshot WHERE ended IS NOT NULL"
        ).fetchall()
        missing = []
        for name, ended_at in ended:
            table = self._mapping.tables.get(name)
            if table is not None:
                missing += self._missing(table, ended_at)
        path = self._kept.path.with_suffix(".missing.jsonl")
        if missing:
            _append(path, b"".join(orjson.dumps(asdict(each)) + b"\n" for each in missing))
        for each in missing:
            names = ", ".join(each.names[:3]) + (", …" if each.count > 3 else "")
            what = "entity" if each.what == "streams" else "child"
            tell(
                f"the snapshot of {each.table} did not show {counted(each.count, what)} that there"
                f" is: {names}; nothing was removed. All names are in {path}"
            )
        self._forget([name for name, _ in ended])
        self._ended.clear()
        return missing

    def _missing(self, table: Table, ended_at: str) -> list[Missing]:
        found = []
        prefix = (table.stream or "").partition("{")[0]
        if "/" in prefix and not self._is_shared(table, prefix):
            shown = self._shown(table.name)
            names = [name for name in live_beginning(self._log, prefix) if name not in shown]
            found.append(("streams", names))
        for each in table.lists:
            shown = self._shown(each.name)
            keys = [key for key, _ in self._lists.names_of(each.name) if key not in shown]
            found.append((each.name, keys))
        return [
            Missing(table.name, what, len(names), tuple(sorted(names)), ended_at)
            for what, names in found
            if names
        ]

    def _is_shared(self, table: Table, prefix: str) -> bool:
        """Whether another table has streams that begin so: which are whose cannot be told."""
        return any(
            (other.stream or "").startswith(prefix)
            for other in self._mapping.tables.values()
            if other is not table
        )

    def _shown(self, of: str) -> set[str]:
        return {name for (name,) in self._db.execute("SELECT name FROM shown WHERE of = ?", (of,))}

    def _show(self, of: str, names: Sequence[str] | set[str]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO shown VALUES (?, ?)", ((of, name) for name in names)
        )

    def _begin_at(self, change: Change) -> None:
        """Begin the snapshot of a table, or of all tables, where a line says that it is the first.

        It may do so again after it was broken off. A table without lines has no first one: where
        all tables are in one topic, the first line of all begins the snapshots of all.
        """
        if change.snapshot == FIRST and self._together:
            self._begin(*self._mapping.tables)
        elif change.table not in self._open or change.snapshot in (FIRST, FIRST_OF_TABLE):
            self._begin(change.table)

    def _begin(self, *tables: str) -> None:
        for table in tables:
            lists = [each.name for each in self._mapping.tables[table].lists]
            for of in (table, *lists):
                self._db.execute("DELETE FROM shown WHERE of = ?", (of,))
            self._db.execute("INSERT OR REPLACE INTO snapshot VALUES (?, NULL)", (table,))
            self._open.add(table)
            self._ended.discard(table)

    def _end(self, *tables: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for table in tables:
            self._db.execute("UPDATE snapshot SET ended = ? WHERE of = ?", (now, table))
        self._open.difference_update(tables)
        self._ended.update(tables)

    def _forget(self, tables: Sequence[str]) -> None:
        """Forget snapshots that were reported."""
        self._db.execute("BEGIN IMMEDIATE")
        self._delete(tables)
        self._db.execute("COMMIT")

    def forget_ended(self) -> None:
        """Forget in a round the snapshots that ended: they were reported when they did."""
        self._delete(sorted(self._ended))
        self._ended.clear()

    def _delete(self, tables: Sequence[str]) -> None:
        for table in tables:
            declared = self._mapping.tables.get(table)
            lists = [each.name for each in declared.lists] if declared else []
            for of in (table, *lists):
                self._db.execute("DELETE FROM shown WHERE of = ?", (of,))
            self._db.execute("DELETE FROM snapshot WHERE of = ?", (table,))


def _append(path: Path, lines: bytes) -> None:
    """Append lines to a file, all or none; raises ``Unwritable``."""
    with writing(path), path.open("ab", buffering=0) as file:
        length = file.tell()
        try:
            if (written := file.write(lines)) < len(lines):
                file.write(lines[written:])  # which says why not all of it was written
        except OSError:
            file.truncate(length)
            raise
