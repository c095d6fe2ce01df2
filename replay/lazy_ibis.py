"""Ibis, imported when one of its names is first used.

A view's module defines its search beside its expressions. A command that needs the definition
alone does not wait for Ibis, which takes a quarter of a second to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ibis as ibis
else:

    class _Ibis:
        def __repr__(self) -> str:
            return "ibis"

        def __getattr__(self, name: str) -> Any:
            import ibis

            return getattr(ibis, name)

    ibis = _Ibis()
    """The module ``ibis``, imported when one of its names is first used."""
