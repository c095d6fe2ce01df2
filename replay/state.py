"""``State``: the entities of a log at one sequence, folded from its events by DuckDB."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from event_log import Snapshot, log_schema, machine, plain_path
from replay.builds import parquet
from replay.compiled import sql_once
from replay.entities import Entities
from replay.fold import fold, form_of
from replay.lazy_ibis import ibis
from replay.progress_bar import hide_progress_bar

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

MOST_FILES = 500
"""More files are merged first: DuckDB holds more than 100 kB in memory for each file it reads."""
LARGE = 1_000_000
"""A file of so many bytes is not merged."""
OF_THE_QUERY = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
"""DuckDB's errors that no file's content causes."""
EVENTS = "all events"
"""The name of the view of all events in the snapshot, which no category can have."""
LOG = "log"
"""The name of the view of all events in the snapshot's files, later ones included."""


class State(Entities):
    """The entities of a snapshot, as tables that documents are computed from.

    Each category is folded when it is first read, and kept as a file in ``directory``. Another
    state of the same snapshot in the same directory uses the file again, also in another process.
    The merged files of a log that has very many are kept likewise. Without ``directory`` they are
    kept in a temporary one until ``close``. Tables that do not fit into ``memory_limit`` spill to
    the directory. Threads and memory are by default the machine's.

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
        hidden: Mapping[str, str] | None = None,
    ) -> None:
        """``hidden`` has by category the SQL of which entities are left out, as if unknown."""
        self.snapshot = snapshot
        self._hidden = hidden or {}
        self.registry = snapshot.registry
        if directory:
            directory.mkdir(parents=True, exist_ok=True)
        prefix = ".spill-" if directory else "stet-"
        self._temporary = tempfile.TemporaryDirectory(prefix=prefix, dir=directory)
        self._spill = Path(self._temporary.name)
        self.directory = directory or self._spill
        self.memory_limit = memory_limit or machine.memory_limit()
        self.connection = duckdb.connect(
            config={
                "threads": threads or machine.threads(),
                "memory_limit": self.memory_limit,
                "temp_directory": plain_path(self._spill),
                "preserve_insertion_order": False,
            }
        )
        self.connection.execute("SET TimeZone = 'UTC'")
        hide_progress_bar(self.connection)
        self.connection.execute("SET enable_external_file_cache = false")  # each file is read once
        self._created: set[str] = set()
        self._read_tables: set[str] = set()
        self._files = snapshot.files()

    @cached_property
    def backend(self) -> Backend:
        """The backend of Ibis, which compiles expressions that are not compiled yet."""
        return ibis.duckdb.from_connection(self.connection)

    def sql(self, key: Hashable, expression: Callable[[], ir.Table]) -> str:
        """The SQL of an expression over this state's tables, compiled once in a process.

        ``key`` identifies the expression. The tables of all states have the same names and columns,
        so all states can use the SQL; those that it reads are created.
        """
        return self._compiled(key, expression)[0]

    def _compiled(
        self, key: Hashable, expression: Callable[[], ir.Table]
    ) -> tuple[str, frozenset[str]]:
        """The SQL of an expression, and the names of the tables that it reads; all are created."""
        sql, tables = sql_once(self.registry, ("state", key), lambda: self._compile(expression))
        for table in tables:
            self._create(table)
        return sql, tables

    def all_events(self) -> str:
        """The name of the view of all events in DuckDB."""
        self._create(EVENTS)
        return EVENTS

    def query(self, sql: str) -> pa.Table:
        """The result of a query over this state's tables."""
        return self.connection.execute(sql).to_arrow_table()

    def _compile(self, expression: Callable[[], ir.Table]) -> tuple[str, frozenset[str]]:
        """The SQL of an expression, and the names of the tables that it reads."""
        outer, self._read_tables = self._read_tables, set()
        try:
            return self.backend.compile(expression()), frozenset(self._read_tables)
        finally:
            self._read_tables = outer

    def _table(self, name: str) -> ir.Table:
        """The table of all events, or of a category's entities, for an expression."""
        self._create(name)
        return self.backend.table(EVENTS if name == EVENTS else entity_view(name))

    def _create(self, name: str) -> None:
        """Create the table of all events, or of a category's entities, when it is first read."""
        if name in self._created:
            return
        if name == EVENTS:
            few = len(self._files) <= MOST_FILES
            self._view(LOG, self._read(self._files if few else self._merged()))
            self._create_events()
        else:
            of = self.category(name)
            self._fold(name, self.sql(("fold", name), lambda: fold(self.events(name), of)))
        self._created.add(name)

    def _create_events(self) -> None:
        """Create the view of all events, with the columns of all categories."""
        self._view(EVENTS, f"SELECT * FROM {LOG} WHERE sequence <= {self.snapshot.sequence}")

    def _fold(self, category: str, sql: str) -> None:
        """Fold the entities of a category once; then they are read from their file."""
        path = self.path(category)
        if not path.exists():
            parquet.write(self.connection, sql, path)
        self._view(
            entity_view(category),
            self._shown(category, f"FROM read_parquet('{parquet.quoted(path)}')"),
        )

    def _shown(self, category: str, sql: str) -> str:
        """The SQL of the entities of a category without those that are left out."""
        hidden = self._hidden.get(category)
        return f"SELECT * FROM ({sql}) WHERE ({hidden}) IS NOT TRUE" if hidden else sql

    def _view(self, name: str, sql: str) -> None:
        self.connection.execute(f'CREATE OR REPLACE VIEW "{name}" AS {sql}')

    def _merged(self) -> list[str]:
        """The large files, and merged small ones: a feed leaves thousands of files in an hour."""
        small = [file for file in self._files if Path(file).stat().st_size < LARGE]
        files = sorted({*self._files} - {*small})
        for first in range(0, len(small), MOST_FILES):
            some = small[first : first + MOST_FILES]
            name = hashlib.sha256("\n".join(some).encode()).hexdigest()
            path = self.directory / f"log-{name}.parquet"
            if not path.exists():
                parquet.write(self.connection, self._read(some), path)
            files.append(str(path))
        return files

    def _read(self, files: Iterable[str]) -> str:
        """The query for the events of files; an empty file with every column fixes the types."""
        typed = self._spill / "types.parquet"
        if not typed.exists():
            pq.write_table(log_schema(self.registry).empty_table(), plain_path(typed))
        paths = [plain_path(file, partitioned=True) for file in [str(typed), *files]]
        quoted = ", ".join(f"'{path}'" for path in paths)
        # Sealed files have the partition's category as a column.
        return f"FROM read_parquet([{quoted}], union_by_name=true, hive_partitioning=false)"

    def events(self, category: str) -> ir.Table:
        """The events of a category: the envelope, its fields, and ``cleared``.

        Only the fields that are used are read from disk.
        """
        self._read_tables.add(EVENTS)
        log = self._table(EVENTS)
        of = self.category(category)
        events = log.filter(log.category == of.name)
        envelope = [name for name in log_schema(self.registry).names if name not in self.registry]
        names = [field.name for field in of.struct]
        return events.select(*envelope, **{name: events[category][name] for name in names})

    def entities(self, category: str) -> ir.Table:
        """The entities of a category, removed ones included, as ``fold`` gives them."""
        self._read_tables.add(category)
        return self._table(category)

    def count(self, category: str) -> int:
        """The number of entities of a category, removed ones included."""
        self._create(category)
        return int(pq.read_metadata(plain_path(self.path(category))).num_rows)

    def path(self, category: str) -> Path:
        """The file of a category's entities; another one for each form of the category."""
        form = hashlib.sha256(repr(form_of(self.category(category))).encode()).hexdigest()[:16]
        return self.directory / f"{category}-{form}.parquet"

    def text(self, category: str, field: str) -> ir.Table:
        """The values of a long text field: ``sequence`` of the event, and the field.

        Joined by ``<field>_sequence``, a text is read once, however often views use the entity.
        """
        events = self.events(category)
        return events.filter(events[field].notnull()).select("sequence", field)

    def keys(self, ids: Iterable[str]) -> ir.Table:
        """A table with these ids, by which a view's documents are limited to them."""
        name = f"keys_{uuid.uuid4().hex}"
        self.name_keys(name, ids)
        return self.named_keys(name)

    def name_keys(self, name: str, ids: Iterable[str]) -> None:
        """Make a table of this name with these ids, in place of the one before."""
        path = plain_path(self._spill / f"{name}-{uuid.uuid4().hex}.parquet")
        pq.write_table(pa.table({"id": pa.array(list(ids), pa.string())}), path)
        self._view(name, f"FROM read_parquet('{path}')")

    def named_keys(self, name: str) -> ir.Table:
        """The table that ``name_keys`` has made, for an expression."""
        return self.backend.table(name)

    @contextmanager
    def log_errors(self) -> Iterator[None]:
        """Raises ``DamagedLog`` for an error of DuckDB, if a file of the log is damaged.

        DuckDB says the same of a damaged file as of much else. So the files decide: they are read
        again, and only if all are as they were written the error is what it says.
        """
        try:
            yield
        except Exception as error:
            if _may_be_damage(error):
                self.snapshot.check_files()
            raise

    def close(self) -> None:
        """Close DuckDB, and delete temporary files."""
        self.connection.close()
        self._temporary.cleanup()

    def __enter__(self) -> State:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            if _may_be_damage(error):
                self.snapshot.check_files()
        finally:
            self.close()


def entity_view(category: str) -> str:
    """The name of the view of a category's entities in DuckDB."""
    return f"entities_{category}"


def _may_be_damage(error: BaseException | None) -> bool:
    """Whether an error is DuckDB's, or follows from one of DuckDB's, and not about the query."""
    while error is not None:
        if isinstance(error, duckdb.Error):
            return not isinstance(error, OF_THE_QUERY)
        error = error.__cause__
    return False
