"""Retention: deletes generations and builds that are no longer needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from replay import clear_builds, list_builds

if TYPE_CHECKING:
    from archive.archive import Archive


@dataclass(frozen=True)
class Cleared:
    """The numbers of the generations and of the builds that were removed."""

    generations: tuple[int, ...]
    builds: tuple[int, ...]

    def __str__(self) -> str:
        lists = [
            f"{kind} {', '.join(str(number) for number in numbers)}"
            for kind, numbers in (("generations", self.generations), ("builds", self.builds))
            if numbers
        ]
        return f"removed {' and '.join(lists)}" if lists else "nothing to remove"


def clear(archive: Archive) -> Cleared:
    """Delete generations and builds that are not live, not kept for roll-back, and not in use.

    The live generations and the two states before them are kept, the last three finished builds,
    and whatever was written to in the last minutes. A rebuild does the same when it begins.

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
