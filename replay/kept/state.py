"""The kept state: what catching up goes on from, in one transactional DuckDB file.

    views/state.duckdb      entities, who names whom, long texts, a digest of each document
    views/state.lock        held by the one process that advances it; it says which

It is a cache. It is made anew when it is gone, damaged, or of another log or other code
(``replay.kept.seed``), and nobody but the process that advances it opens it: whoever exports or
searches meanwhile reads the log, or the index.

    entity_<category>            the fold of the category, as ``replay.fold.fold`` gives it, with a
                                 hash of each id; sorted by id
    text_<category>_<field>      long prose by the sequence of the event that gave it
    named_by, names              who names whom, as hashes of ids, sorted by either side
    document_<view>              by document its digest, as of the state's sequence, sorted by hash
    about, followed              what all of it is as of, and which generations hold the documents
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import ibis
import pyarrow as pa

from event_log import Lock, LockHeld, machine
from replay.duckdb_errors import DamagedState, reading_state
from replay.errors import ReplayError
from replay.fold import long_texts
from replay.kept.plans import Tables
from replay.progress_bar import hide_progress_bar

if TYPE_CHECKING:
    from event_log import EventLog, Registry
    from replay.domain import References

FORMAT = 5
"""Raise with every change of the tables, or of the fold."""
STATE_FILE = "state.duckdb"
HASH = "hash of the id"
"""A column beside an entity's fields, named as no field is: a number is found sooner than an id."""
HASHED = f'"{HASH}"'
"""The same as it stands in SQL."""
SIDES = {"named_by": "target", "names": "source"}
"""The side that each of the two tables of references is asked for, and sorted by."""
Tell = Callable[[str], None]


class StateHeld(ReplayError):
    """Another process advances the kept state; the message says which."""


@dataclass(frozen=True)
class Followed:
    """The generation of a view that has the documents whose digests are kept."""

    generation: int
    engine: str
    code_version: int


@contextmanager
def lock_kept_state(path: Path) -> Iterator[None]:
    """Hold the kept state; raises ``StateHeld`` when another process does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock_kept_state = Lock(path.with_suffix(".lock"))
    try:
        lock_kept_state.take()
    except LockHeld as error:
        raise StateHeld(
            f"the views are being caught up by {error.who}; let it do that, or stop it"
        ) from None
    try:
        yield
    finally:
        lock_kept_state.release()


class Kept:
    """An open kept state. Made by ``opened`` or ``replay.kept.seed.seeded``, under ``lock``."""

    def __init__(self, path: Path, registry: Registry, memory_limit: str | None = None) -> None:
        self.path = path
        self.registry = registry
        self._metadata: dict[str, Any] | None = None
        spill = path.with_suffix(".spill")
        with reading_state():
            self.connection = duckdb.connect(
                str(path),
                config={
                    "threads": machine.threads(),
                    "memory_limit": memory_limit or machine.memory_limit(),
                    "temp_directory": str(spill),
                    "preserve_insertion_order": False,
                },
            )
            self.connection.execute("SET TimeZone = 'UTC'")
        self.backend = ibis.duckdb.from_connection(self.connection)
        self.tables = Tables(self.connection)
        hide_progress_bar(self.connection)

    # what it is as of

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The sequence and the log that the state is as of, and the code that made it.

        It is read once a transaction: whoever has the file open is the only one to change it.
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
        """The sequence that all of it is as of."""
        return int(self.metadata["sequence"])

    @property
    def pending(self) -> int | None:
        """The sequence of a step that was begun: an engine may have had it already."""
        found: int | None = self.metadata.get("pending")
        return found

    def followed(self) -> dict[str, Followed]:
        """By view, the generation that has the documents whose digests are kept."""
        found = self.connection.execute("SELECT * FROM followed").fetchall()
        return {view: Followed(*said) for view, *said in found}

    def follow(self, view: str, followed: Followed | None) -> None:
        """Note which generation has a view's documents; none forgets the view."""
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
        """Are the digests of a view's documents kept?"""
        found = self.connection.execute(
            "SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [documents_table(view)]
        )
        return found.fetchone() is not None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is changed within, or nothing of it."""
        self.connection.begin()
        try:
            yield
        except BaseException:
            self.rollback()
            raise
        self._metadata = None  # a commit may fail
        self.connection.commit()

    def rollback(self) -> None:
        """Undo what was done since the transaction began."""
        self._metadata = None
        self.connection.rollback()
        self.tables.forget()

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()


def documents_table(view: str) -> str:
    """The table of a view's digests."""
    return f"document_{view}"


def entity_table(category: str) -> str:
    """The table of a category's entities."""
    return f"entity_{category}"


def text_table(category: str, field: str) -> str:
    """The table of a category's long prose."""
    return f"text_{category}_{field}"


def hashed(entities: str) -> str:
    """The query for entities as they are kept: with the hash of each id.

    >>> hashed("folded_tag")
    'SELECT *, hash(id) AS "hash of the id" FROM folded_tag'
    """
    return f"SELECT *, hash(id) AS {HASHED} FROM {entities}"


def lines(table: str, where: str) -> str:
    """The query for the lines of a table that fulfil a condition.

    It asks for them by their number: DuckDB then reads the columns that the condition does not name
    only where a line is found, as long as these are few.

    >>> lines("entity_tag", "live")
    'FROM entity_tag WHERE rowid IN (SELECT rowid FROM entity_tag WHERE live)'
    """
    return f"FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {where})"


def texts(registry: Registry) -> list[tuple[str, str]]:
    """Category and name of each field of long prose."""
    return [(name, field) for name, category in registry.items() for field in long_texts(category)]


def pairs(tables: Mapping[str, str], registry: Registry, references: References) -> str:
    """The query for who names whom in tables of entities: ``source, target, field``, each once.

    Ids are told by their hashes: strings take four times as long to find. Two of a million ids have
    the same one in one of 40 million archives; whoever asks is told of an entity too many then.
    """
    found = ["SELECT 0::UBIGINT AS source, 0::UBIGINT AS target, '' AS field WHERE false"]
    for category in (name for name in references if name in registry):
        for field in references[category]:
            value = f'"{field}"'
            if pa.types.is_list(registry[category].fields.field(field).type):
                value = f"unnest({value})"
            named = f"SELECT id, {value} AS named FROM {tables[category]}"
            pair = f"hash(id) AS source, hash(named) AS target, '{field}' AS field"
            found.append(f"SELECT {pair} FROM ({named}) WHERE named IS NOT NULL")
    return f"SELECT DISTINCT * FROM ({' UNION ALL '.join(found)})"


def identity(registry: Registry, references: References) -> str:
    """Tells the code and the library that made a kept state from others."""
    said = [FORMAT, duckdb.__version__, {k: dict(v) for k, v in references.items()}]
    for name, category in registry.items():
        said.append([name, str(category.struct), [[t.name, t.effect] for t in category.types]])
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def open_kept_state(
    path: Path,
    log: EventLog,
    references: References,
    tell: Tell,
    memory_limit: str | None = None,
) -> Kept | None:
    """The kept state of a log; none when there is none that fits: that is set aside, and told."""
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
    there = log.at(sequence)
    if (there.digest, there.upcast_digest) != (metadata["digest"], metadata["upcast"]):
        return "is of another log"
    return ""


def set_aside(path: Path) -> Path:
    """Give the file another name, for whoever wants to know; the one before goes."""
    for old in path.parent.glob(f"{path.stem}.aside-*"):
        old.unlink(missing_ok=True)
    aside = path.with_name(f"{path.stem}.aside-{int(time.time())}")
    path.rename(aside)
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
    return aside
