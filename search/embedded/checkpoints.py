"""How far the generations of the embedded engine were advanced since they were built.

    index/checkpoints.json    by view and generation: the sequence, and what lies on disk for it
    index/checkpoints.lock    held by a step while it commits, shared by readers who open an index

One rename of ``checkpoints.json`` says that a step is done in all its views. Readers look at it
with each query, and open an index anew when it says something else: they never see a step before
it is done, unless it was killed while it committed; then it is repeated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from replay import write_json
from search.engine import Generation
from search.errors import DamagedIndex
from search.locks import Hold, held

Key = tuple[str, int]
Mark = tuple[int, int, int] | None


@dataclass(frozen=True)
class Checkpoint:
    """What a generation has come to."""

    view: str
    generation: int
    sequence: int
    commit: int
    """Tantivy's number of the last commit."""
    documents: int
    files: dict[str, int]
    """The engine's files, and how large they are."""

    @property
    def key(self) -> Key:
        """The view, and the generation."""
        return self.view, self.generation

    def of(self, about: Generation) -> Generation:
        """What a generation is by now."""
        return replace(
            about,
            sequence=self.sequence,
            documents=self.documents,
            bytes=sum(self.files.values()),
        )


class Checkpoints:
    """The checkpoints of the generations in a folder."""

    def __init__(self, root: Path) -> None:
        self._path = root / "checkpoints.json"
        self._lock = root / "checkpoints.lock"

    def mark(self) -> Mark:
        """What changes whenever a step is done."""
        return mark(self._path)

    def read(self) -> dict[Key, Checkpoint]:
        """The checkpoints of all generations that were advanced."""
        try:
            found = [Checkpoint(**said) for said in json.loads(self._path.read_text())]
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError) as error:
            raise DamagedIndex(f"{self._path} is damaged ({error}); run: stet rebuild") from None
        return {checkpoint.key: checkpoint for checkpoint in found}

    def move(self, moved: Iterable[Checkpoint]) -> None:
        """Note where generations are now; only by who has ``moving``."""
        there = {**self.read(), **{checkpoint.key: checkpoint for checkpoint in moved}}
        self._write(there.values())

    def _write(self, checkpoints: Iterable[Checkpoint]) -> None:
        write_json(self._path, [asdict(checkpoint) for checkpoint in checkpoints])

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Nobody opens an index, nor moves one, meanwhile."""
        with held(self._lock):
            yield

    @contextmanager
    def standing(self) -> Iterator[None]:
        """No step is made meanwhile."""
        with closing(Hold(self._lock)):
            yield

    def forget(self, gone: Callable[[Key], bool]) -> None:
        """Forget generations that are gone, or made anew; that mends a damaged file, too."""
        if self._path.exists():
            with self.moving():
                there = self._whole()
                if any(map(gone, there)):
                    self._write(point for key, point in there.items() if not gone(key))

    def _whole(self) -> dict[Key, Checkpoint]:
        """The checkpoints; where they are damaged, generations count as they were built again."""
        try:
            return self.read()
        except DamagedIndex:
            self._path.unlink()
            return {}


def mark(path: Path) -> Mark:
    """What changes whenever a file is replaced."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
