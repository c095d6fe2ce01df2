"""Counts in messages: ``1 event``, ``2 events``."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number of things, with the noun in the singular or the plural.

    >>> counted(1, "event"), counted(2_000, "event"), counted(0, "entity")
    ('1 event', '2,000 events', '0 entities')
    """
    if number == 1:
        return f"1 {noun}"
    several = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
    return f"{number:,} {several}"
