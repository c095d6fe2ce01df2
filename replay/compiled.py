"""The SQL of Ibis expressions, compiled once in a process.

Ibis takes two seconds to compile the newsroom's views, longer than the rebuild of a small archive.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from event_log import Registry

T = TypeVar("T")
_compiled: dict[Hashable, object] = {}


def once(registry: Registry, key: Hashable, compile_it: Callable[[], T]) -> T:
    """What ``compile_it`` returned when this key was first given for the registry's categories.

    The tables must have the same names, and for the same categories the same columns, wherever
    the result is used. ``key`` identifies the expression, and the kind of tables that it reads.
    """
    full_key = tuple(registry.values()), key
    if full_key not in _compiled:
        _compiled[full_key] = compile_it()
    return _compiled[full_key]  # type: ignore[return-value]
