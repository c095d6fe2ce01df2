"""What the operator's page shows of the archive; a part that cannot be read says why."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from app.web.problems import problem_of

if TYPE_CHECKING:
    from app.web.site import Site
    from archive import Archive

T = TypeVar("T")
MOST_LETTERS = 20
"""How many dead letters the page lists; the command lists all."""
PARTS = ("log", "index", "views", "dead-letters")
"""The folders of an archive that have a size of their own; everything else is told together."""


@dataclass(frozen=True)
class Read(Generic[T]):
    """A part of the page: its value, or the reason why it cannot be read."""

    value: T | None = None
    problem: str = ""

    @classmethod
    def of(cls, reading: Callable[[], T]) -> Read[T]:
        """Read a part; errors of the rooms and of the disk are told in its place.

        >>> Read.of(lambda: 1)
        Read(value=1, problem='')
        """
        try:
            return cls(reading())
        except OSError as error:
            return cls(problem=str(error))
        except Exception as error:
            problem = problem_of(error)
            if problem is None:  # a mistake of the code, which no page may hide
                raise
            return cls(problem=problem.detail)


@dataclass(frozen=True)
class Kept:
    """A generation of one view, and what it is kept as: live, to roll back to, to promote again."""

    about: Any
    state: str


@dataclass(frozen=True)
class Back:
    """A state that may be gone back to: its generations by view, and the number that names it."""

    to: int | None
    live: dict[str, int]


@dataclass(frozen=True)
class Generations:
    """The generations that are kept, and what may be made live."""

    kept: list[Kept]
    promotable: dict[int, list[str]]
    back: list[Back]
    live: dict[str, int]


@dataclass(frozen=True)
class Size:
    """What a part of the archive takes on disk."""

    part: str
    files: int
    bytes: int


@dataclass(frozen=True)
class Storage:
    """What the archive takes on this machine's disk, and what is free there."""

    folder: str
    sizes: list[Size]
    free: int

    @property
    def bytes(self) -> int:
        """All of it."""
        return sum(each.bytes for each in self.sizes)


@dataclass(frozen=True)
class Overview:
    """Everything on the page but what Dagster is asked."""

    home: str
    status: Read[Any]
    subscriptions: Read[list[Any]]
    generations: Read[Generations]
    letters: Read[list[Any]]
    storage: Read[Storage]
    tokens: Read[list[Any]]


def overview(site: Site) -> Overview:
    """Read all parts of the page."""
    archive = site.archive
    return Overview(
        archive.home,
        Read.of(archive.status),
        Read.of(archive.log.subscriptions),
        Read.of(lambda: generations(archive)),
        Read.of(archive.dead_letters.letters),
        Read.of(lambda: storage(archive.folder, archive.home)),
        Read.of(site.access.tokens),
    )


def generations(archive: Archive) -> Generations:
    """The generations that are kept, those that passed their check, and the states before."""
    from search import promotable

    engine = archive.engine
    pointer = engine.pointer()
    kept = [Kept(each, pointer.state(each.view, each.generation)) for each in archive.generations()]
    back, known = [], set(pointer.live.values())
    for place, state in enumerate(pointer.before):
        new = sorted(set(state.values()) - known)
        if place == 0 or new:  # what no number names is reached by going back twice
            back.append(Back(new[-1] if new else None, dict(state)))
        known |= set(state.values())
    return Generations(kept, promotable(engine), back, dict(pointer.live))


def storage(folder: Path, home: str) -> Storage:
    """Measure the folders of an archive; files that vanish meanwhile do not count."""
    sizes = {part: [0, 0] for part in (*PARTS, "other")}
    for entry in os.scandir(folder):
        size = sizes[entry.name if entry.name in PARTS else "other"]
        for path in _files(entry):
            size[0] += 1
            size[1] += path
    told = [Size(part, files, count) for part, (files, count) in sizes.items() if files]
    return Storage(home, told, shutil.disk_usage(folder).free)


def _files(entry: os.DirEntry[str]) -> list[int]:
    """The sizes of a file, or of the files below a folder."""
    try:
        if not entry.is_dir(follow_symlinks=False):
            return [entry.stat(follow_symlinks=False).st_size]
        return [size for each in os.scandir(entry) for size in _files(each)]
    except FileNotFoundError:
        return []
