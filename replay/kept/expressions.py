"""The views' expressions over kept tables, as SQL, each compiled once in a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from replay.duckdb_errors import one_line
from replay.errors import BrokenView
from replay.kept import compiled
from replay.lineage import completed, newest

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from replay.kept.entities import Whole
    from replay.kept.state import Kept
    from replay.view import View


def keys_table(view: str) -> str:
    """The table of the documents that are wanted: ``id``, and ``sequence`` where it is known."""
    return f"keys_{view}"


class Expressions:
    """SQL of the views' expressions; a view's documents are those of the table ``keys_table``."""

    def __init__(self, kept: Kept, views: Mapping[str, View]) -> None:
        self._kept = kept
        self._views = views

    def touching(self, name: str, where: Whole) -> str:
        """The pairs ``id, entity`` of a view's lineage in which a changed entity is."""

        def touching() -> ir.Table:
            changed = where.backend.table("changed").select("entity")
            pairs = self._views[name].lineage(where, None)
            return pairs.semi_join(changed, "entity").distinct()

        return self._sql("lineage", name, where, touching)

    def documents(self, name: str, where: Whole) -> str:
        """A view's documents."""
        view = self._views[name]
        return self._sql(
            "documents", name, where, lambda: completed(view, where, self._keys(name).select("id"))
        )

    def newest(self, name: str, where: Whole) -> str:
        """A view's documents whose sequences are known: they stand beside the keys."""
        view = self._views[name]
        return self._sql("newest", name, where, lambda: newest(view, where, self._keys(name)))

    def _keys(self, name: str) -> ir.Table:
        return self._kept.backend.table(keys_table(name))

    def _sql(self, kind: str, view: str, where: Whole, expression: Callable[[], ir.Table]) -> str:
        known = self._views[view]
        of = kind, view, where.name, known.documents, known.lineage
        return compiled.sql(self._kept, of, expression)


@contextmanager
def told_of(view: str) -> Iterator[None]:
    """What is wrong with the expressions of a view, and not with the file or the machine."""
    try:
        yield
    except (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.FatalException,
            duckdb.InternalException, duckdb.SerializationException,
            duckdb.InterruptException, OSError):  # fmt: skip
        raise
    except Exception as error:
        raise BrokenView(view, one_line(error)) from error
