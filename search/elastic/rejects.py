"""Documents that a cluster will not index become dead letters, and dead letters are sent again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import orjson

from search.dead_letters import MOST, DeadLetters, Letter
from search.engine import Generation
from search.errors import NotIndexed

if TYPE_CHECKING:
    import pyarrow as pa


class Rejects:
    """Sets aside what a load of one generation could not index; ``keep`` writes it."""

    def __init__(self, letters: DeadLetters, about: Generation) -> None:
        self._letters = letters
        self._about = about

    def __call__(self, action: bytes, document: bytes, reason: str) -> None:
        """Set a document aside; raises ``NotIndexed`` when there are very many."""
        (said,) = orjson.loads(action).values()
        text = document.decode().rstrip("\n")
        letters = self._letters.add(self._about, said["_id"], said["version"], text, reason)
        if letters > MOST:
            raise NotIndexed(
                f"more than {MOST:,} documents of {self._about.view} were rejected, the last one"
                f" with: {reason}; see: stet dead-letters list"
            )


def lines(letters: Iterable[Letter]) -> pa.Table:
    """Letters as the lines of a bulk request, as they were sent before."""
    import pyarrow as pa

    said = [
        orjson.dumps({"index": {"_id": x.key, "version": x.sequence, "version_type": "external"}})
        + b"\n"
        + x.document.encode()
        + b"\n"
        for x in letters
    ]
    return pa.table({"lines": pa.array([line.decode() for line in said], pa.string())})
