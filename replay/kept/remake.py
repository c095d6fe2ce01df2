"""Remaking the touched documents of a step, and finding those that have changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from replay.builds.parquet import quoted
from replay.declaration import check_documents
from replay.errors import BrokenView
from replay.kept.entities import Few, Whole
from replay.kept.expressions import Expressions, keys_table
from replay.kept.state import documents_table, lines
from replay.view_errors import DOCUMENTS, errors_of

if TYPE_CHECKING:
    import pyarrow as pa

    from replay.kept.state import Kept
    from replay.view import View

Digest = Callable[["pa.Schema"], str]
"""Gives the SQL expression for the digest of a document with these columns."""
DIGEST = '"digest of the document"'
"""The name of a column beside the fields of a document; no field can have it."""
FEW_DOCUMENTS = 5_000
"""Up to so many touched documents, kept plans are used, and long texts are copied first."""


@dataclass(frozen=True)
class ViewFigures:
    """How many documents of one view a step looked at, and changed."""

    view: str
    touched: int
    """Documents that a changed entity is in, or was in before."""
    computed: int
    """Those of the touched documents that exist now: they were made again."""
    written: int
    """Those of the computed documents that are new, or differ from before."""
    unchanged: int
    deleted: int
    """Documents that no longer exist."""
    seconds: float
    """The time to make them again."""

    def plus(self, other: ViewFigures) -> ViewFigures:
        """The figures of two steps, added up.

        >>> one = ViewFigures("topics", 3, 2, 1, 1, 1, 0.5)
        >>> one.plus(one).written
        2
        """
        sums = {
            figure.name: getattr(self, figure.name) + getattr(other, figure.name)
            for figure in fields(self)
            if figure.name != "view"
        }
        return ViewFigures(self.view, **sums)


@dataclass(frozen=True)
class Changed:
    """The documents of one view that a step changed."""

    figures: ViewFigures
    documents: Path | None
    """The documents that are new or different, as Parquet; ``None`` when there are none."""
    gone: list[str]
    """The ids of the documents that no longer exist."""


@dataclass(frozen=True)
class Keyed:
    """The number of documents of a view to make again."""

    touched: int
    dated: int
    """Those whose ``sequence`` is known, because an entity that they are made from has changed."""


class Remaking:
    """Remakes the documents in the table ``touched``, which ``replay.kept.advance`` fills."""

    def __init__(
        self, kept: Kept, expressions: Expressions, digest: Digest, views: Mapping[str, View]
    ) -> None:
        self._kept = kept
        self._tables = kept.tables
        self._expressions = expressions
        self._digest = digest
        self._views = views
        self._digests: dict[str, str] = {}
        self._changed_views: list[str] = []
        self._whole, self._few = Whole(kept), Few(kept)
        nothing = "''::VARCHAR AS id, 0::BIGINT AS sequence WHERE false"
        self._tables.fill("keyed", f"SELECT ''::VARCHAR AS view, {nothing}")
        self._few.fill("keyed")
        for name in views:
            self._tables.fill(keys_table(name), f"SELECT {nothing}")

    def remake(self, names: Collection[str], folder: Path) -> Iterator[Changed]:
        """Make the touched documents again, and yield those that changed, view by view."""
        self._changed_views.clear()
        self._tables.fill(
            "keyed",
            "SELECT view, id, max(sequence) AS sequence FROM touched"
            f"{_among(names)} GROUP BY view, id",
        )
        counted = "SELECT view, count(*), count(sequence) FROM keyed GROUP BY view"
        keyed = {name: Keyed(*counts) for name, *counts in self._tables.run(counted).fetchall()}
        few = sum(each.touched for each in keyed.values()) <= FEW_DOCUMENTS
        self._tables.few = self._tables.few and few
        where = self._few if few else self._whole
        if few:
            self._few.fill("keyed")
        # The longest first: an engine writes these documents while the others are made.
        for name in sorted(keyed, key=lambda name: -keyed[name].touched):
            with errors_of(self._views[name]):
                changed = self._changed(name, where, folder, keyed[name])
            yield changed

    def _changed(self, name: str, where: Whole, folder: Path, keyed: Keyed) -> Changed:
        started = time.perf_counter()
        remade, compared = f"remade_{name}", _compared(name)
        computed = self._fill_remade(name, remade, where, keyed)
        if computed > keyed.touched:
            self._check_ids(name, remade)
        known = lines(documents_table(name), f"key IN (SELECT hash(id) FROM {keys_table(name)})")
        # Not materialized, DuckDB would look up the id of a new document in all kept digests.
        differing = self._tables.fill(
            compared,
            f"WITH known AS MATERIALIZED (SELECT rowid AS line, id, digest {known})"
            f" SELECT k.id, d.line, m.id IS NULL AS gone, m.{DIGEST} AS digest"
            f" FROM {keys_table(name)} k"
            f" LEFT JOIN {remade} m ON m.id = k.id LEFT JOIN known d ON d.id = k.id"
            f" WHERE d.digest IS DISTINCT FROM m.{DIGEST}",
        )
        gone = self._tables.run(f"SELECT id FROM {compared} WHERE gone").fetchall()
        path, written = folder / f"{name}.parquet", differing - len(gone)
        if written:
            self._kept.connection.execute(
                f"COPY (SELECT * EXCLUDE {DIGEST} FROM {remade} SEMI JOIN {compared} USING (id))"
                f" TO '{quoted(path)}' (FORMAT parquet)"
            )
        if differing:
            self._changed_views.append(name)
        seconds = time.perf_counter() - started
        figures = ViewFigures(
            name, keyed.touched, computed, written, computed - written, len(gone), seconds
        )
        return Changed(figures, path if written else None, [key for (key,) in gone])

    def _check_ids(self, name: str, remade: str) -> None:
        """Check that no two documents have the same id; else there are others than were asked."""
        twice = self._tables.run(f"SELECT id FROM {remade} GROUP BY id HAVING count(*) > 1 LIMIT 1")
        if (one := twice.fetchone()) is not None:
            raise BrokenView(name, DOCUMENTS, f"two documents have the id {one[0]!r}")

    def keep(self) -> None:
        """Replace the kept digests by those of the documents that changed.

        An engine does not wait for it.
        """
        for name in self._changed_views:
            kept, compared = documents_table(name), _compared(name)
            self._tables.run(f"DELETE FROM {kept} WHERE rowid IN (SELECT line FROM {compared})")
            self._tables.run(
                f"INSERT INTO {kept} SELECT hash(id) AS key, id, digest FROM {compared}"
                " WHERE NOT gone"
            )

    def _fill_remade(self, name: str, remade: str, where: Whole, keyed: Keyed) -> int:
        """Fill a table with a view's touched documents, and the table of keys with their ids."""
        keys, wanted = keys_table(name), f"SELECT id, sequence FROM keyed WHERE view = '{name}'"
        computed, put = 0, self._tables.fill
        if keyed.dated:
            self._tables.fill(keys, f"{wanted} AND sequence IS NOT NULL")
            computed = put(remade, self._with_digest(name, self._expressions.newest(name, where)))
            put = self._tables.add
        if keyed.touched > keyed.dated:
            self._tables.fill(keys, f"{wanted} AND sequence IS NULL")
            computed += put(
                remade, self._with_digest(name, self._expressions.documents(name, where))
            )
            if keyed.dated:
                self._tables.add(keys, f"{wanted} AND sequence IS NOT NULL")
        return computed

    def _with_digest(self, name: str, sql: str) -> str:
        digest = self._digest_of(name, sql)
        return f"SELECT documents.*, {digest} AS {DIGEST} FROM ({sql}) AS documents"

    def _digest_of(self, name: str, sql: str) -> str:
        if name not in self._digests:
            empty = self._kept.connection.execute(f"FROM ({sql}) LIMIT 0").to_arrow_table()
            check_documents(self._views[name], empty.schema)
            self._digests[name] = self._digest(empty.schema)
        return self._digests[name]

    def prepare(self, name: str) -> None:
        """Compile the queries that make a few documents of a view."""
        self._digest_of(name, self._expressions.documents(name, self._few))
        self._expressions.newest(name, self._few)


def _among(names: Collection[str]) -> str:
    return " WHERE view IN ({})".format(", ".join(f"'{name}'" for name in names) or "NULL")


def _compared(name: str) -> str:
    """The table of the documents whose digest differs from the one that is kept."""
    return f"compared_{name}"
