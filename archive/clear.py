"""Retention: generations and builds that nobody needs any longer go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from replay import clear_builds, list_builds

if TYPE_CHECKING:
    from archive.archive import Archive


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


def clear(archive: Archive) -> Cleared:
    """Remove what neither serves, nor may be rolled back to, nor is being made or read.

    Kept are what serves and the two states before it, the last three finished builds, and
    whatever was written to in the last minutes. A rebuild does the same when it begins.

    >>> import tempfile
    >>> from archive import Archive
    >>> str(clear(Archive(tempfile.mkdtemp())))
    'nothing to remove'
    """
    generations = archive.engine.clear()
    before = list_builds(archive.builds)
    clear_builds(archive.builds)
    gone = sorted(set(before) - set(list_builds(archive.builds)))
    return Cleared(tuple(generations), tuple(int(path.name) for path in gone))
