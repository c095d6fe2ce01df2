"""The views' expressions over kept tables, as SQL, each compiled once in a process."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING

from replay.compiled import sql_once
from replay.lineage import completed, lineage_of, newest

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from replay.kept.entities import Whole
    from replay.kept.state import Kept
    from replay.view import View


def keys_table(view: str) -> str:
    """The table with the ids of the documents to make, and their ``sequence`` where it is known."""
    return f"keys_{view}"


class Expressions:
    """The SQL of the views' expressions; documents are limited to the ids in ``keys_table``."""

    def __init__(self, kept: Kept, views: Mapping[str, View]) -> None:
        self._kept = kept
        self._views = views

    def touching(self, name: str, where: Whole) -> str:
        """The SQL for the pairs ``id, entity`` of a view's lineage that have a changed entity."""

        def touching() -> ir.Table:
            changed = where.backend.table("changed").select("entity")
            pairs = lineage_of(self._views[name], where)
            return pairs.semi_join(changed, "entity").distinct()

        return self._sql("lineage", name, where, touching)

    def documents(self, name: str, where: Whole) -> str:
        """The SQL for a view's documents."""
        view = self._views[name]
        return self._sql(
            "documents", name, where, lambda: completed(view, where, self._keys(name).select("id"))
        )

    def newest(self, name: str, where: Whole) -> str:
        """The SQL for a view's documents whose sequences stand beside their keys."""
        view = self._views[name]
        return self._sql("newest", name, where, lambda: newest(view, where, self._keys(name)))

    def _keys(self, name: str) -> ir.Table:
        return self._kept.backend.table(keys_table(name))

    def _sql(self, kind: str, view: str, where: Whole, expression: Callable[[], ir.Table]) -> str:
        functions = self._views[view].documents, self._views[view].lineage
        return compiled_sql(self._kept, (kind, view, where.name, *functions), expression)


def compiled_sql(kept: Kept, key: Hashable, expression: Callable[[], ir.Table]) -> str:
    """The SQL of an expression over kept tables, compiled once in a process.

    The tables have the same names and columns in every step, and whenever the kept state is opened,
    so the SQL stays right. ``key`` identifies the expression among those over this registry.
    """
    none: frozenset[str] = frozenset()
    return sql_once(
        kept.registry, ("kept", key), lambda: (kept.backend.compile(expression()), none)
    )[0]
