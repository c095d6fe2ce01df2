"""State: the current entities of a log at one sequence, folded from its events by DuckDB."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from event_log import Snapshot, log_schema, machine
from replay.builds import parquet
from replay.closing import Closing
from replay.entities import Entities
from replay.fold import fold
from replay.progress_bar import hide_progress_bar

MOST_FILES = 500
"""DuckDB keeps a hundred kilobytes and more of each file that it reads: more are put together."""
LARGE = 1_000_000
"""A file of so many bytes is read as it is."""
EVENTS = "events"
"""The table of all events of the snapshot."""
_SQL: dict[Hashable, tuple[str, frozenset[str]]] = {}
"""The SQL of expressions over the tables of states, and the tables that each reads."""


class State(Entities, Closing):
    """The entities of a snapshot, as tables to make documents from.

    Each category is folded once, when first asked for, and kept as ``<category>.parquet`` in
    ``directory``; a state of the same snapshot there, also in another process, uses it again. So it
    is with the files of a log that has very many.
    Without a directory it is kept in a temporary one until ``close``. What does not fit into
    ``memory_limit`` spills to the directory. Threads and memory are the machine's unless given.

    >>> from event_log import EventLog, NewEvent
    >>> from newsroom.categories import CATEGORIES
    >>> log = EventLog(tempfile.mkdtemp(), CATEGORIES)
    >>> _ = log.append([NewEvent("tag/whales", "TagDefined", {"name": "Whales"}),
    ...                 NewEvent("tag/whales", "TagRemoved", {})])
    >>> with State(log.at(1)) as state:
    ...     state.entities("tag").select("id", "live", "name").execute().to_dict("records")
    [{'id': 'tag/whales', 'live': True, 'name': 'Whales'}]
    """

    def __init__(
        self,
        snapshot: Snapshot,
        directory: Path | None = None,
        *,
        threads: int | None = None,
        memory_limit: str | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.registry = snapshot.registry
        if directory:
            directory.mkdir(parents=True, exist_ok=True)
        prefix = ".spill-" if directory else "stet-"
        self._temporary = tempfile.TemporaryDirectory(prefix=prefix, dir=directory)
        self._spill = Path(self._temporary.name)
        self.directory = directory or self._spill
        self.memory_limit = memory_limit or machine.memory_limit()
        self.backend = ibis.duckdb.connect(
            threads=threads or machine.threads(),
            memory_limit=self.memory_limit,
            temp_directory=str(self._spill),
            preserve_insertion_order=False,
        )
        self.backend.raw_sql("SET TimeZone = 'UTC'")
        hide_progress_bar(self.backend.con)
        self.backend.raw_sql("SET enable_external_file_cache = false")  # each file is read once
        self._tables: dict[str, ir.Table] = {}
        self._read_tables: set[str] = set()
        self._files = snapshot.files()

    def sql(self, key: Hashable, expression: Callable[[], ir.Table]) -> str:
        """The SQL of an expression over this state's tables, compiled once in a process.

        ``key`` tells the expression from all others. The tables of every state have the same names,
        and for the same categories the same columns, so the SQL is that of every other state as
        well. Ibis takes two seconds to compile the newsroom's views, more than a small archive
        takes to be rebuilt.
        """
        key = tuple(self.registry.values()), key
        if key not in _SQL:
            outer, self._read_tables = self._read_tables, set()
            compiled = self.backend.compile(expression())
            _SQL[key] = compiled, frozenset(self._read_tables)
            self._read_tables |= outer
        sql, tables = _SQL[key]
        for table in tables:
            self._table(table)
        return sql

    def _table(self, name: str) -> ir.Table:
        """The table of all events, or of a category's entities: made when it is first read."""
        self._read_tables.add(name)
        if name not in self._tables:
            made = self._events() if name == EVENTS else self._folded(name)
            self._tables[name] = made
        return self._tables[name]

    def _events(self) -> ir.Table:
        """All events, also when a file lacks a category, or when there is no file yet."""
        few = len(self._files) <= MOST_FILES
        log = self._read(self._files if few else self._together())
        return self.backend.create_view(EVENTS, log.filter(log.sequence <= self.snapshot.sequence))

    def _folded(self, category: str) -> ir.Table:
        """The entities of a category, folded once and then read from their file."""
        path = self.path(category)
        if not path.exists():
            known = self.registry[category]
            sql = self.sql(("fold", category), lambda: fold(self.events(category), known))
            parquet.write(self.backend, sql, path)
        return self.backend.read_parquet(path, table_name=f"entities_{category}")

    def _together(self) -> list[str]:
        """The large files, and the small ones put together: a feed leaves thousands in an hour."""
        small = [file for file in self._files if Path(file).stat().st_size < LARGE]
        found = sorted({*self._files} - {*small})
        for first in range(0, len(small), MOST_FILES):
            some = small[first : first + MOST_FILES]
            name = hashlib.sha256("\n".join(some).encode()).hexdigest()
            path = self.directory / f"log-{name}.parquet"
            if not path.exists():
                parquet.write(self.backend, self.backend.compile(self._read(some)), path)
            found.append(str(path))
        return found

    def _read(self, files: Iterable[str]) -> ir.Table:
        """The events of files; an empty one with every column gives them its types."""
        typed = self._spill / "types.parquet"
        if not typed.exists():
            pq.write_table(log_schema(self.registry).empty_table(), typed)
        return self.backend.read_parquet(
            [str(typed), *files],
            table_name="log",
            union_by_name=True,
            hive_partitioning=False,  # sealed files have the partition's category as a column
        )

    def events(self, category: str) -> ir.Table:
        """The events of a category: the envelope, its fields, and ``cleared``.

        A field that is not used is not read from disk.
        """
        log = self._table(EVENTS)
        events = log.filter(log.category == category)
        envelope = [name for name in log_schema(self.registry).names if name not in self.registry]
        names = [field.name for field in self.registry[category].struct]
        return events.select(*envelope, **{name: events[category][name] for name in names})

    def entities(self, category: str) -> ir.Table:
        """The entities of a category, hidden ones too, as ``replay.fold.fold`` describes them."""
        return self._table(category)

    def count(self, category: str) -> int:
        """How many entities a category has, hidden ones too."""
        self._table(category)
        return int(pq.read_metadata(self.path(category)).num_rows)

    def path(self, category: str) -> Path:
        """The file of a category's entities."""
        return self.directory / f"{category}.parquet"

    def text(self, category: str, field: str) -> ir.Table:
        """The long prose that events gave: ``sequence`` and the field.

        Joined by ``<field>_sequence`` it is fetched once, however often views use the entity.
        """
        events = self.events(category)
        return events.filter(events[field].notnull()).select("sequence", field)

    def keys(self, ids: Iterable[str], name: str | None = None) -> ir.Table:
        """These ids as a table, to ask for the documents of just these.

        With a ``name`` the table takes the place of the one that had it before.
        """
        path = self._spill / f"keys-{uuid.uuid4().hex}.parquet"
        pq.write_table(pa.table({"id": pa.array(list(ids), pa.string())}), path)
        return self.backend.read_parquet(path, table_name=name)

    def close(self) -> None:
        """Close DuckDB and remove what was temporary."""
        self.backend.disconnect()
        self._temporary.cleanup()
