"""``Kept``: the state that catching up continues from, in one transactional DuckDB file.

    views/state.duckdb      entities, references, long texts, a digest of each document
    views/state.lock        held by the one process that advances the state; names that process

The file is a cache. It is made anew (``replay.kept.seed``) when it is missing, damaged, or of
another log or other code. Only the process that advances it opens it: other processes export from
the log, and search the index.

    entity_<category>            the folded entities of the category (``replay.fold.fold``), with a
                                 hash of each id; sorted by id
    text_<category>_<field>      long texts by the sequence of their events
    named_by, names              references as pairs of hashes of ids, sorted by either side
    document_<view>              the digest of each document at the state's sequence, sorted by hash
    about, followed              the metadata, and the generations that have the documents
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from event_log import Lock, LockHeld, machine, plain_path
from replay.duckdb_errors import DamagedState, reading_state
from replay.errors import ReplayError
from replay.fold import form_of, long_texts
from replay.kept.plans import Tables
from replay.lazy_ibis import ibis
from replay.progress_bar import hide_progress_bar

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

    from event_log import EventLog, Registry
    from replay.domain import References

FORMAT = 5
"""Raise with every change of the tables, or of the fold."""
STATE_FILE = "state.duckdb"
HASH = "hash of the id"
"""A column beside an entity's fields, whose name no field can have; numbers are found faster."""
HASHED = f'"{HASH}"'
"""``HASH`` quoted for SQL."""
SIDES = {"named_by": "target", "names": "source"}
"""The two tables of references, and the column that each is sorted and searched by."""
Tell = Callable[[str], None]
"""Is called with a line about work that takes long."""


class StateHeld(ReplayError):
    """Another process has locked the kept state; the message names it."""


@dataclass(frozen=True)
class Followed:
    """The generation of a view that has the documents whose digests are kept."""

    generation: int
    engine: str
    code_version: int


@contextmanager
def lock_kept_state(path: Path) -> Iterator[None]:
    """Lock the kept state by this file; ``StateHeld`` when another process has locked it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = Lock(path)
    try:
        lock.take()
    except LockHeld as error:
        raise StateHeld(
            f"the views are being caught up by {error.who}; let it do that, or stop it"
        ) from None
    try:
        yield
    finally:
        lock.release()


class Kept:
    """An open kept state.

    ``open_kept_state`` or ``make_kept_state`` give it, under ``lock_kept_state``.
    """

    def __init__(self, path: Path, registry: Registry, memory_limit: str | None = None) -> None:
        self.path = path
        self.registry = registry
        self._metadata: dict[str, Any] | None = None
        spill = path.with_suffix(".spill")
        with reading_state():
            self.connection = duckdb.connect(
                plain_path(path),
                config={
                    "threads": machine.threads(),
                    "memory_limit": memory_limit or machine.memory_limit(),
                    "temp_directory": plain_path(spill),
                    "preserve_insertion_order": False,
                },
            )
            self.connection.execute("SET TimeZone = 'UTC'")
        self.tables = Tables(self.connection)
        hide_progress_bar(self.connection)

    @cached_property
    def backend(self) -> Backend:
        """The backend of Ibis, which compiles expressions that are not compiled yet."""
        return ibis.duckdb.from_connection(self.connection)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The sequence and the log that the state is as of, and the code that made it.

        It is read once a transaction: only the process that has the file open changes it.
        """
        if self._metadata is None:
            line = self.connection.execute("SELECT said FROM about").fetchone()
            self._metadata = json.loads(line[0]) if line else {}
        return self._metadata

    def note(self, **changed: Any) -> None:
        """Change some of the metadata."""
        metadata = {**self.metadata, **changed}
        self.connection.execute("UPDATE about SET said = ?", [json.dumps(metadata)])
        self._metadata = metadata

    @property
    def sequence(self) -> int:
        """The sequence of the log that the state is as of."""
        return int(self.metadata["sequence"])

    @property
    def pending(self) -> int | None:
        """The sequence of a step that was begun; an engine may already have its documents."""
        pending: int | None = self.metadata.get("pending")
        return pending

    def followed(self) -> dict[str, Followed]:
        """By view, the generation that has the documents whose digests are kept."""
        lines = self.connection.execute("SELECT * FROM followed").fetchall()
        return {view: Followed(*fields) for view, *fields in lines}

    def follow(self, view: str, followed: Followed | None) -> None:
        """Note which generation has a view's documents; ``None`` forgets the view."""
        self.connection.execute("DELETE FROM followed WHERE view = ?", [view])
        if followed:
            self.connection.execute(
                "INSERT INTO followed VALUES (?, ?, ?, ?)",
                [view, followed.generation, followed.engine, followed.code_version],
            )
        else:
            self.connection.execute(f"DROP TABLE IF EXISTS {documents_table(view)}")
            self.tables.forget()

    def has_digests(self, view: str) -> bool:
        """Whether the digests of a view's documents are kept."""
        tables = self.connection.execute(
            "SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [documents_table(view)]
        )
        return tables.fetchone() is not None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all changes that are made inside of ``with``, or none of them."""
        self.connection.begin()
        try:
            yield
        except BaseException:
            self.rollback()
            raise
        self._metadata = None  # a commit may fail
        self.connection.commit()

    def rollback(self) -> None:
        """Undo all changes since the transaction began."""
        self._metadata = None
        self.connection.rollback()
        self.tables.forget()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def documents_table(view: str) -> str:
    """The name of the table of a view's digests."""
    return f"document_{view}"


def entity_table(category: str) -> str:
    """The name of the table of a category's entities."""
    return f"entity_{category}"


def text_table(category: str, field: str) -> str:
    """The name of the table of a long text field."""
    return f"text_{category}_{field}"


def hashed(entities: str) -> str:
    """The query for entities with the hash of each id, as they are stored.

    >>> hashed("folded_tag")
    'SELECT *, hash(id) AS "hash of the id" FROM folded_tag'
    """
    return f"SELECT *, hash(id) AS {HASHED} FROM {entities}"


def lines(table: str, where: str) -> str:
    """The query for the lines of a table that meet a condition.

    It selects them by their numbers: if they are few, DuckDB then reads the columns that are not
    part of the condition only for these lines.

    >>> lines("entity_tag", "live")
    'FROM entity_tag WHERE rowid IN (SELECT rowid FROM entity_tag WHERE live)'
    """
    return f"FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {where})"


def texts(registry: Registry) -> list[tuple[str, str]]:
    """The category and the name of each long text field."""
    return [(name, field) for name, category in registry.items() for field in long_texts(category)]


def pairs(tables: Mapping[str, str], registry: Registry, references: References) -> str:
    """The query for the references in tables of entities: ``source, target, field``, each once.

    The ids are hashed: strings take four times as long to find. Two of a million ids have the same
    hash in one of 40 million archives; then an entity is found that does not refer to the key.
    """
    queries = ["SELECT 0::UBIGINT AS source, 0::UBIGINT AS target, '' AS field WHERE false"]
    for category in (name for name in references if name in registry):
        for field in references[category]:
            value = f'"{field}"'
            if pa.types.is_list(registry[category].fields.field(field).type):
                value = f"unnest({value})"
            named = f"SELECT id, {value} AS named FROM {tables[category]}"
            pair = f"hash(id) AS source, hash(named) AS target, '{field}' AS field"
            queries.append(f"SELECT {pair} FROM ({named}) WHERE named IS NOT NULL")
    return f"SELECT DISTINCT * FROM ({' UNION ALL '.join(queries)})"


def identity(registry: Registry, references: References) -> str:
    """The hash of all that the tables depend on: format, library, references, categories."""
    parts = [FORMAT, duckdb.__version__, {k: dict(v) for k, v in references.items()}]
    for name, category in registry.items():
        parts.append([name, *form_of(category)])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def open_kept_state(
    path: Path,
    log: EventLog,
    references: References,
    tell: Tell,
    memory_limit: str | None = None,
) -> Kept | None:
    """Open the kept state of a log, or return ``None`` when there is none.

    One that is damaged, or of another log or other code, is set aside, and ``tell`` is called.
    """
    if not path.exists():
        return None
    kept = None
    try:
        kept = Kept(path, log.registry, memory_limit)
        with reading_state():
            problem = _problem(kept.metadata, log, references)
    except DamagedState as error:
        problem = f"is damaged ({error})"
    if not problem:
        return kept
    if kept:
        kept.close()
    aside = set_aside(path)
    tell(f"{path} {problem}; it is set aside as {aside.name} and made anew from the log")
    return None


def _problem(metadata: Mapping[str, Any], log: EventLog, references: References) -> str:
    if metadata.get("identity") != identity(log.registry, references):
        return "was made by another version of Stet"
    sequence = metadata["sequence"]
    if sequence > log.head:
        return f"is as of sequence {sequence}, and the log ends at {log.head}"
    at = log.at(sequence)
    if (at.digest, at.upcast_digest) != (metadata["digest"], metadata["upcast"]):
        return "is of another log"
    return ""


def set_aside(path: Path) -> Path:
    """Rename the file, to be examined; delete the one that was set aside before."""
    for old in path.parent.glob(f"{path.stem}.aside-*"):
        old.unlink(missing_ok=True)
    aside = path.with_name(f"{path.stem}.aside-{int(time.time())}")
    path.rename(aside)
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
    return aside
