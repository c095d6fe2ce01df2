"""Retention: generations and builds that nobody needs any longer go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from search import open_engine
from views import shelf

if TYPE_CHECKING:
    from search.engine import Engine


@dataclass(frozen=True)
class Cleared:
    """Which generations and which builds were removed, by their numbers."""

    generations: tuple[int, ...]
    builds: tuple[int, ...]

    def __str__(self) -> str:
        told = [
            f"{kind} {', '.join(str(number) for number in numbers)}"
            for kind, numbers in (("generations", self.generations), ("builds", self.builds))
            if numbers
        ]
        return f"removed {' and '.join(told)}" if told else "nothing to remove"


def clear(home: Path | str, engine: Engine | None = None) -> Cleared:
    """Remove what neither serves, nor may be rolled back to, nor is being made or read.

    Kept are what serves and the two states before it, the last three finished builds, and
    whatever was written to in the last minutes. A rebuild does the same when it begins.

    >>> import tempfile
    >>> str(clear(tempfile.mkdtemp()))
    'nothing to remove'
    """
    used = engine or open_engine(home)
    generations = used.clear()
    folder = shelf.shelf(home)
    before = shelf.builds(folder)
    shelf.clear(folder)
    gone = sorted(set(before) - set(shelf.builds(folder)))
    return Cleared(tuple(generations), tuple(int(path.name) for path in gone))
