"""How values are named in messages: quoted on one line, or by their kind as JSON calls it."""

from __future__ import annotations

from typing import Any

LONGEST = 60
"""Characters of a value that a message quotes."""


def shown(value: str) -> str:
    """Quote a value for a message, on one line and shortened.

    >>> shown("a\\nb")
    "'a\\\\nb'"
    """
    return repr(value if len(value) <= LONGEST else value[:LONGEST] + "…")


def kind_of(value: Any) -> str:
    """Return JSON's name for a value's type.

    >>> kind_of([1]), kind_of(None)
    ('a list', 'null')
    """
    names = {str: "a string", bool: "true or false", int: "a number", float: "a number"}
    names |= {list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), type(value).__name__)
