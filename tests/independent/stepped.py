"""A kept state that goes on step by step beside what engines would hold, and rebuilds beside it.

Ibis takes seconds to compile all views. Here each expression is compiled once for all examples:
``Rebuilds`` folds one log after another in the place of the first, with the SQL that a ``State``
of that place has.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from histories import REGISTRY

from archive.step import digest
from event_log import EventLog, log_schema
from newsroom import CATEGORIES, DOMAIN, REFERENCES
from replay.fold import fold
from replay.kept import digests, seed
from replay.kept.advance import Advance
from replay.kept.remake import Changed
from replay.kept.state import HASHED, Kept, entity_table, text_table, texts
from replay.lineage import completed
from replay.state import State

VIEWS = DOMAIN.views
VIEW_NAMES = tuple(VIEWS)
Entities = dict[str, list[dict[str, Any]]]
Documents = dict[str, dict[str, dict[str, Any]]]


class Killed(Exception):
    """The engine has it, and the state does not."""


class Stepped:
    """What engines would hold, by view and id, brought forward by a kept state."""

    def __init__(self, kept: Kept, log: EventLog, documents: Documents, folder: Path) -> None:
        self.kept, self.log, self.documents, self.folder = kept, log, documents, folder
        self.advance = Advance(kept, VIEWS, REFERENCES, digest)
        self.made: dict[str, Changed] = {}

    def restart(self) -> None:
        """Let go of the kept state, and open it again as another process would."""
        self.kept.close()
        self.kept = Kept(self.kept.path, REGISTRY)
        self.advance = Advance(self.kept, VIEWS, REFERENCES, digest)

    def step(self, until: int, fail: bool = False) -> None:
        """One step; one that fails does so when the engine has it, and it is to be repeated."""
        with self.advance.step(self.log, until, VIEW_NAMES) as step:
            self.made = {}
            for changed in step.remake(VIEW_NAMES, self.folder):
                figures = changed.figures
                name = figures.view
                self.made[name] = changed
                documents = []
                if changed.documents:
                    documents = pq.read_table(changed.documents).to_pylist()
                assert len(documents) == figures.written
                assert figures.touched >= figures.computed
                self.documents[name].update({d["id"]: d for d in documents})
                for key in changed.gone:
                    self.documents[name].pop(key, None)  # the step may be repeated
            if fail:
                raise Killed

    def twice(self, until: int) -> None:
        """One step that the engine has twice."""
        try:
            self.step(until, fail=True)
        except Killed:
            self.step(until)

    def entities(self) -> Entities:
        """The kept entities by category, in the order of their ids."""
        run = self.kept.connection.execute
        return {
            name: run(f"SELECT * EXCLUDE {HASHED} FROM {entity_table(name)} ORDER BY id")
            .to_arrow_table()
            .to_pylist()
            for name in REGISTRY
        }

    def names(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Who names whom, by hash, as both tables have it."""
        run = self.kept.connection.execute
        first, second = (
            run(f"SELECT DISTINCT source, target FROM {table} ORDER BY ALL").fetchall()
            for table in ("names", "named_by")
        )
        return first, second

    def texts(self) -> dict[str, list[tuple[int, str]]]:
        """The long texts that are kept, by the sequence that gave them."""
        run = self.kept.connection.execute
        return {
            field: run(f"FROM {text_table(name, field)} ORDER BY ALL").fetchall()
            for name, field in texts(REGISTRY)
        }

    def digests(self) -> dict[str, set[str]]:
        """The ids whose digests are kept, by view."""
        run = self.kept.connection.execute
        return {
            name: {key for (key,) in run(f"SELECT id FROM document_{name}").fetchall()}
            for name in VIEW_NAMES
        }


class Template:
    """The kept state of an empty log, to be copied for each example: it takes a second to make."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        empty = EventLog(self.folder / "log", CATEGORIES)
        kept = begun(empty, 0, self.folder).kept
        kept.close()
        self._path = kept.path

    def stepped(self, log: EventLog) -> Stepped:
        """A kept state as of sequence 0, of this log as of any."""
        folder = Path(tempfile.mkdtemp())
        path = Path(shutil.copy(self._path, folder))
        return Stepped(Kept(path, REGISTRY), log, {name: {} for name in VIEW_NAMES}, folder)


def begun(log: EventLog, at: int, folder: Path) -> Stepped:
    """The kept state of a log at a sequence, and all documents, made as a rebuild makes them."""
    kept = seed.make_kept_state(folder / "state.duckdb", log.at(at), REFERENCES)
    documents: Documents = {}
    for name, path in rebuilds().write(log, folder, at).items():
        digests.keep_digests(kept, name, path, digest(pq.read_schema(path)))
        documents[name] = {d["id"]: d for d in pq.read_table(path).to_pylist()}
    return Stepped(kept, log, documents, folder)


class Place:
    """A snapshot whose file is overwritten with one log after another."""

    registry, sequence = REGISTRY, 2**62

    def __init__(self, path: Path) -> None:
        self.path = path

    def files(self, _: Sequence[str] | None = None) -> list[str]:
        """The file that has all events."""
        return [str(self.path)]


class Rebuilds:
    """Entities and documents of logs, from zero, by the expressions of a rebuild."""

    def __init__(self) -> None:
        folder = Path(tempfile.mkdtemp())
        self._place = Place(folder / "log.parquet")
        pq.write_table(log_schema(REGISTRY).empty_table(), self._place.path)
        self._state = State(self._place, folder / "state")
        backend = self._state.backend
        self._folds = {
            name: backend.compile(fold(self._state.events(name), REGISTRY[name]))
            for name in REGISTRY
        }
        self._views = {
            name: backend.compile(completed(VIEWS[name], self._state)) for name in VIEW_NAMES
        }

    def of(self, log: EventLog, at: int | None = None) -> tuple[Entities, Documents]:
        """All entities and documents of a log, as of its head or before."""
        self._take(log, at)
        run = self._state.backend.con.execute
        entities = {
            name: run(f"FROM '{self._state.path(name)}' ORDER BY id").to_arrow_table().to_pylist()
            for name in self._folds
        }
        documents = {
            name: {d["id"]: d for d in pq.read_table(path).to_pylist()}
            for name, path in self._written(self._state.directory).items()
        }
        return entities, documents

    def write(self, log: EventLog, folder: Path, at: int | None = None) -> dict[str, Path]:
        """The documents of a log by view, as the Parquet files that a rebuild indexes."""
        self._take(log, at)
        return self._written(folder)

    def _written(self, folder: Path) -> dict[str, Path]:
        paths = {name: folder / f"view-{name}.parquet" for name in self._views}
        for name, sql in self._views.items():
            ordered = f"FROM ({sql}) ORDER BY id"
            self._state.backend.con.execute(f"COPY ({ordered}) TO '{paths[name]}' (FORMAT parquet)")
        return paths

    def _take(self, log: EventLog, at: int | None = None) -> None:
        events = pa.Table.from_batches(log.at(at).scan(), log_schema(REGISTRY))
        pq.write_table(events, self._place.path)
        for name, sql in self._folds.items():
            path = self._state.path(name)
            self._state.backend.con.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")


@cache
def rebuilds() -> Rebuilds:
    """The rebuilds that all tests of a process share: their views are compiled once."""
    return Rebuilds()


@cache
def template() -> Template:
    """The template that all tests of a process copy."""
    return Template()


def naming(entities: Entities) -> list[tuple[int, int]]:
    """Who names whom, in plain Python; by DuckDB's hash of each."""
    found = set()
    for category, fields in REFERENCES.items():
        for entity in entities[category]:
            for field in fields:
                value = entity[field]
                named = value if isinstance(value, list) else [value]
                found |= {(entity["id"], one) for one in named if one is not None}
    ids = list({each for pair in found for each in pair})
    hashes = duckdb.execute("SELECT hash(unnest(?::VARCHAR[]))", [ids]).fetchall()
    hashed = dict(zip(ids, (value for (value,) in hashes), strict=True))
    return sorted((hashed[one], hashed[other]) for one, other in found)
