"""What was found and counted in an index as it is at one moment: it is not found or counted again.

A page that is asked again, the next page of a search, another order of it, and its facets without
one filter have the same total and the same counts. An index that took a step is another one, and
remembers nothing yet.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import blake2b
from typing import Any

import orjson

from search.clauses import Parsed
from search.query import Limits

MOST_BYTES = 8_000_000
"""The bytes that one index remembers: the answers to about a thousand searches."""
OVERHEAD = 400
"""The bytes that a value, its key and its place among the others take beside their letters."""
Key = tuple[bytes | str, ...]


@dataclass(frozen=True)
class Matching:
    """What documents match: ``every`` word of a parsed text or any of them, within limits."""

    parsed: Parsed
    every: bool
    limits: Limits

    @cached_property
    def digest(self) -> bytes:
        """Two that are equal in all that they ask have the same."""
        asked = self.parsed, self.every, self.limits
        written = orjson.dumps(asked, _whole, orjson.OPT_PASSTHROUGH_DATACLASS)
        return blake2b(written, digest_size=16).digest()


def _whole(value: Any) -> list[Any]:
    """A clause with its kind, for a word is not the phrase of the same text, and all its fields."""
    kind = type(value)
    return [kind.__name__, *(getattr(value, field.name) for field in fields(kind))]


class Remembered:
    """Values by key, of which those that were asked for longest ago are forgotten.

    >>> remembered = Remembered(most=1_000)
    >>> for number, digest in enumerate((b"a", b"b", b"c")):
    ...     remembered.keep((digest, "total"), number)
    >>> remembered.of((b"a", "total")), remembered.of((b"c", "total"))
    (None, 2)
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._size = 0
        self._lock = threading.Lock()
        self._values: OrderedDict[Key, bytes] = OrderedDict()

    def of(self, key: Key) -> Any:
        """The value that was kept, or ``None``; its tuples are lists."""
        with self._lock:
            value = self._values.get(key)
            if value is None:
                return None
            self._values.move_to_end(key)
        return orjson.loads(value)

    def keep(self, key: Key, value: Any) -> None:
        """Keep a value, as JSON: objects of Python would take ten times as much."""
        written = orjson.dumps(value)
        with self._lock:
            if key not in self._values:
                self._size += _size(key, written)
            self._values[key] = written  # what an index answers does not change
            while self._size > self._most:
                self._size -= _size(*self._values.popitem(last=False))


def _size(key: Key, value: bytes) -> int:
    return OVERHEAD + len(value) + sum(map(len, key))
