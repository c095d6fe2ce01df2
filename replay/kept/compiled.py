"""Compiled: the SQL of expressions over kept tables, made once in a process.

The tables keep their names and columns from one step to the next, and from one opening of the kept
state to the next, so that what Ibis made of an expression over them stays true.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from replay.kept.state import Kept

_SQL: dict[Hashable, str] = {}


def sql(kept: Kept, of: Hashable, expression: Callable[[], ir.Table]) -> str:
    """The SQL of an expression; ``of`` tells it from all others over tables of this registry."""
    key = tuple(kept.registry.values()), of
    if key not in _SQL:
        _SQL[key] = kept.backend.compile(expression())
    return _SQL[key]
