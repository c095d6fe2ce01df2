"""Checkpoints of the embedded engine: to which sequence its generations were advanced.

    index/checkpoints.json    by view and generation: the sequence, and the files on disk for it
    index/checkpoints.lock    held by a step while it commits, shared by readers who open an index

One rename of ``checkpoints.json`` completes a step in all its views. Readers look at the file with
each query and reopen an index when its checkpoint has moved. They never see an incomplete step,
unless it was killed while it committed; then it is repeated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from replay import Lock, may_write, write_json
from search.engine import Generation
from search.errors import DamagedIndex

Key = tuple[str, int]
Mark = tuple[int, int, int] | None


@dataclass(frozen=True)
class Checkpoint:
    """The last step that a generation was advanced by."""

    view: str
    generation: int
    sequence: int
    commit: int
    """Tantivy's number of the last commit."""
    documents: int
    files: dict[str, int]
    """The names of the engine's files and their sizes in bytes."""

    @property
    def key(self) -> Key:
        """The view and the number of the generation."""
        return self.view, self.generation

    def advanced(self, metadata: Generation) -> Generation:
        """The metadata of the generation after this step, from that before it."""
        return replace(
            metadata,
            sequence=self.sequence,
            documents=self.documents,
            bytes=sum(self.files.values()),
        )


class Advanced(Exception):
    """A first step may have begun while an index was opened without a lock: open it again."""


class Checkpoints:
    """The checkpoints of the generations in a folder."""

    def __init__(self, root: Path) -> None:
        self._path = root / "checkpoints.json"
        self._lock = root / "checkpoints.lock"

    def mark(self) -> Mark:
        """A value that changes with each step."""
        return mark(self._path)

    def read(self) -> dict[Key, Checkpoint]:
        """The checkpoints of all generations that were advanced."""
        try:
            content = json.loads(self._path.read_text())
            checkpoints = [Checkpoint(**fields) for fields in content]
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError) as error:
            raise DamagedIndex(f"{self._path} is damaged ({error}); run: stet rebuild") from None
        return {checkpoint.key: checkpoint for checkpoint in checkpoints}

    def update(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Write new checkpoints of some generations; the caller must be inside ``writing``."""
        updated = {**self.read(), **{checkpoint.key: checkpoint for checkpoint in checkpoints}}
        self._write(updated.values())

    def _write(self, checkpoints: Iterable[Checkpoint]) -> None:
        write_json(self._path, [asdict(checkpoint) for checkpoint in checkpoints])

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep others from opening an index or advancing one."""
        with Lock(self._lock):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep others from advancing an index; raises ``Advanced`` when that was not possible.

        Without permission to write, a reader cannot make the lock's file. If there is none, no step
        has begun yet, and if there is one afterwards, a step may have: the reader begins again.
        """
        if not self._lock.exists() and not may_write(self._lock.parent):
            yield
            if self._lock.exists():
                raise Advanced
            return
        with Lock(self._lock, shared=True):
            yield

    def forget(self, gone: Callable[[Key], bool]) -> None:
        """Delete the checkpoints of generations that are ``gone``; a damaged file is deleted."""
        if self._path.exists():
            with self.writing():
                checkpoints = self._read_or_reset()
                if any(map(gone, checkpoints)):
                    self._write(point for key, point in checkpoints.items() if not gone(key))

    def _read_or_reset(self) -> dict[Key, Checkpoint]:
        """The checkpoints; none where they are damaged: generations are again as built."""
        try:
            return self.read()
        except DamagedIndex:
            self._path.unlink()
            return {}


def mark(path: Path) -> Mark:
    """A value that changes when a file is replaced; None where there is no file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
