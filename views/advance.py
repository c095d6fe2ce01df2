"""Advancing: the kept state from one sequence to a later one, and the documents that this changes.

A step folds the events between. The lineage of each view, before and after the fold, says which
documents the changed entities are in; these alone are made again, and those whose digest differs
from the one kept are what an engine has to be told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from views import compiled, neighbourhood
from views.errors import BrokenView
from views.folding import Folding
from views.kept import Kept, References, documents_table, reading
from views.lineage import completed
from views.slices import Happened, Slice, Whole, WholeHappened
from views.storage import quoted
from views.tables import temporary
from views.view import View

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from event_log import EventLog
    from views.entities import Entities

Digest = Callable[["pa.Schema"], str]
"""Makes, for documents with such columns, the SQL expression of a document's digest."""
DIGEST = '"digest of the document"'
"""A column beside the fields of a document, named as no field is."""
MOST_LOOKED_AT = 20_000
"""A larger neighbourhood is not copied to ask what is touched: asking all entities is as quick."""
MOST_MADE_FROM = 2_000
"""Nor to make documents: over all entities, expressions leave out themselves what they need not."""
FAN_OUT = 1_000
"""Of so many changed entities it is told how many documents each is in."""


@dataclass(frozen=True)
class Changed:
    """What a step makes of one view."""

    view: str
    documents: Path
    """The documents that are new or different, as Parquet; no file when there are none."""
    gone: list[str]
    """The ids of those that ceased."""
    touched: int
    computed: int
    written: int
    seconds: float

    @property
    def unchanged(self) -> int:
        """How many were made again and are what they were."""
        return self.computed - self.written


class Advance:
    """Brings a kept state forward, step by step."""

    def __init__(
        self, kept: Kept, views: Mapping[str, View], references: References, digest: Digest
    ) -> None:
        self._kept = kept
        self._duck = kept.connection
        self._views = views
        self._digest = digest
        self._fields = {field for fields in references.values() for field in fields}
        self._digests: dict[str, str] = {}
        self._folding = Folding(kept, references)
        self._slice, self._happened = Slice(kept), Happened(kept)
        self._whole, self._whole_happened = Whole(kept), WholeHappened(kept)
        self._make("near", "SELECT ''::VARCHAR AS id WHERE false")
        self._make("wanted", "FROM near")
        self._make("keys", "FROM near")
        self._slice.fill("near")
        self._slice.fill_texts("wanted")

    @contextmanager
    def step(self, log: EventLog, until: int, views: Collection[str]) -> Iterator[Step]:
        """Advance to a sequence: within, the documents are made; at the end all of it is kept.

        When the block fails, the state is what it was.
        """
        kept = self._kept
        with reading(), kept.transaction():
            kept.say(pending=until)
        with reading(), kept.transaction():
            events = self._folding.read(log, kept.sequence, until)
            self._touch(views)
            yield Step(self, events, self.fan_out())
            there = log.at(until)
            kept.say(sequence=until, digest=there.digest, upcast=there.upcast_digest, pending=None)
        self._folding.clear()

    @contextmanager
    def supposing(self, events: pa.Table, views: Collection[str]) -> Iterator[Step]:
        """What a step with these events would come to; at the end all is as it was."""
        self._duck.begin()
        try:
            self._folding.take(events)
            self._touch(views)
            yield Step(self, events.num_rows, self.fan_out())
        finally:
            self._duck.rollback()
            self._folding.clear()

    # which documents

    def _touch(self, views: Collection[str]) -> None:
        """Fold, and fill ``touched (view, id, entity)``: documents and what changed in them."""
        self._make(
            "touched",
            "SELECT ''::VARCHAR AS view, ''::VARCHAR AS id, ''::VARCHAR AS entity WHERE false",
        )
        self._folding.fold()
        begin = "SELECT '' AS \"group\", id FROM changed"
        along = {"": self._fields}
        small = neighbourhood.gathered(self._duck, begin, along, MOST_LOOKED_AT)
        where = self._happened if small else self._whole_happened
        if small:
            self._slice.fill("near")
        self._look(views, where)
        self._folding.keep()
        if small:
            self._slice.renew(self._folding.categories)
        self._look(views, where)

    def _look(self, views: Collection[str], where: Whole) -> None:
        """Add the documents in whose lineage a changed entity is, as the state is now."""
        for name in views:
            with _told_of(name):
                self._duck.execute(
                    f"INSERT INTO touched SELECT '{name}', id, entity"
                    f" FROM ({self._lineage(name, where)})"
                )

    def fan_out(self) -> list[int]:
        """Of the changed entities, at most so many: how many documents each is in."""
        found = self._duck.execute(
            "SELECT count(DISTINCT (view, id)) FROM touched GROUP BY entity"
            f" ORDER BY ALL DESC LIMIT {FAN_OUT}"
        )
        return [count for (count,) in found.fetchall()]

    # their content

    def made(self, names: Collection[str], folder: Path) -> Iterator[Changed]:
        """Make the touched documents of views again; gives what has changed, view by view."""
        self._make("keyed", "SELECT DISTINCT view, id FROM touched" + _among(names))
        self._make("wanted", "SELECT DISTINCT id FROM keyed")
        found = self._duck.execute("SELECT view, count(*) FROM keyed GROUP BY view").fetchall()
        counts = dict(found)
        begin, along = 'SELECT view AS "group", id FROM keyed', {}
        for name in counts:
            with _told_of(name):
                begin += self._roots(name)
                along[name] = self._followed(name)
        small = neighbourhood.gathered(self._duck, begin, along, MOST_MADE_FROM)
        self._slice.fill("near")
        self._slice.fill_texts("wanted")
        # What takes longest comes first: an engine writes it while the others are made.
        for name in sorted(counts, key=lambda name: (name in small, -counts[name])):
            where = self._slice if name in small else self._whole
            with _told_of(name):
                changed = self._changed(self._views[name], where, folder, counts[name])
            yield changed

    def _followed(self, name: str) -> set[str]:
        """The references that a view's expressions look at."""
        sql = self._documents(name, self._slice)
        return {field for field in self._fields if f'"{field}"' in sql}

    def _roots(self, name: str) -> str:
        """For documents that are no entity's own: the entities they begin from."""
        roots = self._views[name].roots
        if roots is None:
            return ""
        self._make("keys", f"SELECT id FROM keyed WHERE view = '{name}'")
        sql = self._sql("roots", name, self._whole, lambda: roots(self._whole, self._keys()))
        return f" UNION ALL SELECT '{name}', id FROM ({sql})"

    def _changed(self, view: View, where: Whole, folder: Path, touched: int) -> Changed:
        started = time.perf_counter()
        kept, path = documents_table(view.name), folder / f"{view.name}.parquet"
        self._make("keys", f"SELECT id FROM keyed WHERE view = '{view.name}'")
        sql = self._documents(view.name, where)
        digest = self._digest_of(view.name, sql)
        computed = self._make(
            "made", f"SELECT documents.*, {digest} AS {DIGEST} FROM ({sql}) AS documents"
        )
        self._make(
            "before",
            f"SELECT d.rowid AS line, d.id, d.digest FROM {kept} d"
            " SEMI JOIN keys k ON d.key = hash(k.id) AND d.id = k.id",
        )
        same = f"ON before.id = made.id AND before.digest = made.{DIGEST}"
        written = self._make("differing", f"SELECT made.id FROM made ANTI JOIN before {same}")
        gone = self._duck.execute("SELECT id FROM before ANTI JOIN made USING (id)").fetchall()
        if written:
            self._duck.execute(
                f"COPY (SELECT * EXCLUDE {DIGEST} FROM made SEMI JOIN differing USING (id))"
                f" TO '{quoted(path)}' (FORMAT parquet)"
            )
        self._duck.execute(
            f"DELETE FROM {kept} WHERE rowid IN (SELECT line FROM before ANTI JOIN made {same})"
        )
        self._duck.execute(
            f"INSERT INTO {kept} SELECT hash(id) AS key, id, {DIGEST}"
            " FROM made SEMI JOIN differing USING (id)"
        )
        ceased, seconds = [key for (key,) in gone], time.perf_counter() - started
        return Changed(view.name, path, ceased, touched, computed, written, seconds)

    def _digest_of(self, name: str, sql: str) -> str:
        if name not in self._digests:
            made = self._duck.execute(f"FROM ({sql}) LIMIT 0").to_arrow_table().schema
            self._digests[name] = self._digest(made)
        return self._digests[name]

    # helpers

    def prepare(self, views: Collection[str]) -> None:
        """Compile what steps of these views run, so that the first one does not wait for it."""
        self._folding.prepare()
        for name in views:
            with suppress(BrokenView), _told_of(name):  # a step says it
                self._lineage(name, self._happened)
                self._lineage(name, self._whole_happened)
                for where in (self._slice, self._whole):
                    self._digest_of(name, self._documents(name, where))

    def _lineage(self, name: str, where: Whole) -> str:
        return self._sql("lineage", name, where, partial(_touching, self._views[name], where))

    def _documents(self, name: str, where: Whole) -> str:
        view = self._views[name]
        return self._sql("documents", name, where, lambda: completed(view, where, self._keys()))

    def _keys(self) -> ir.Table:
        return self._kept.backend.table("keys")

    def _sql(self, kind: str, view: str, where: Whole, expression: Callable[[], ir.Table]) -> str:
        """The SQL of an expression of a view over kept tables."""
        known = self._views[view]
        of = kind, where.name, known.documents, known.lineage, known.roots
        return compiled.sql(self._kept, of, expression)

    def _make(self, table: str, query: str) -> int:
        return temporary(self._duck, table, query)


@contextmanager
def _told_of(view: str) -> Iterator[None]:
    """What is wrong with the expressions of a view, and not with the file or the machine."""
    try:
        yield
    except (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.FatalException,
            duckdb.InternalException, duckdb.SerializationException,
            duckdb.InterruptException, OSError):  # fmt: skip
        raise
    except Exception as error:
        raise BrokenView(view, " ".join(str(error).split())) from error


def _touching(view: View, where: Entities) -> ir.Table:
    changed = where.backend.table("changed").select("entity")
    return view.lineage(where, None).semi_join(changed, "entity").distinct()


def _among(names: Collection[str]) -> str:
    return " WHERE view IN ({})".format(", ".join(f"'{name}'" for name in names) or "NULL")


@dataclass(frozen=True)
class Step:
    """A step within its transaction."""

    _advance: Advance
    events: int
    fan_out: list[int]

    def made(self, names: Collection[str], folder: Path) -> Iterator[Changed]:
        """Make the touched documents of views again; gives what has changed, view by view."""
        return self._advance.made(names, folder)
