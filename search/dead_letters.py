"""Dead letters: documents that an engine rejected, each with the reason.

    dead-letters/articles-000042-<uuid>.parquet      one file an attempt, in the archive's home

A dead letter belongs to one generation and is deleted with it. It can be replayed only while the
generation is at the same sequence as then, so that no later document is overwritten.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from replay import durable_rename

if TYPE_CHECKING:
    import pyarrow as pa

    from search.engine import Generation

MOST = 10_000
"""Dead letters of one load; with more it fails, because the cause is not in single documents."""

_NAME = re.compile(r"(?P<view>[^.].*)-(?P<generation>[0-9]{6,})-[0-9a-f]{32}\.parquet")


@dataclass(frozen=True)
class Letter:
    """A rejected document."""

    view: str
    generation: int
    key: str
    as_of: int
    """The sequence of the generation."""
    sequence: int
    """The sequence of the document: that of the last event it was made from."""
    document: str
    """The document's JSON as it was sent."""
    reason: str
    at: datetime


def _read(path: Path, columns: list[str] | None = None) -> pa.Table:
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        return pq.read_table(file, columns=columns)


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            ("view", pa.string()),
            ("generation", pa.int64()),
            ("key", pa.string()),
            ("as_of", pa.int64()),
            ("sequence", pa.int64()),
            ("document", pa.string()),
            ("reason", pa.string()),
            ("at", pa.timestamp("us", "UTC")),
        ]
    )


class DeadLetters:
    """The dead letters of an archive. Several threads may add at once."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "dead-letters"
        self._lock = threading.Lock()
        self._new: list[Letter] = []

    def add(self, index: Generation, key: str, sequence: int, document: str, reason: str) -> int:
        """Add a dead letter, in memory until ``write``; returns how many are in memory now."""
        letter = Letter(
            index.view,
            index.generation,
            key,
            index.sequence,
            sequence,
            document,
            reason,
            datetime.now(UTC),
        )
        with self._lock:
            self._new.append(letter)
            return len(self._new)

    def write(self) -> None:
        """Write the dead letters that are in memory."""
        with self._lock:
            letters, self._new = self._new, []
        for view, generation in {(letter.view, letter.generation) for letter in letters}:
            same = [x for x in letters if (x.view, x.generation) == (view, generation)]
            self._write_file(view, generation, same)

    def _write_file(self, view: str, generation: int, letters: Iterable[Letter]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.root.mkdir(parents=True, exist_ok=True)
        path = self.root / f"{view}-{generation:06d}-{uuid.uuid4().hex}.parquet"
        unfinished = path.with_name(f".{path.name}")
        table = pa.Table.from_pylist([asdict(letter) for letter in letters], schema=_schema())
        with unfinished.open("wb") as file:  # by its handle: a view's name may be a pattern
            pq.write_table(table, file)
        durable_rename(unfinished, path)

    def _paths(self, view: str | None, generation: int | None) -> list[Path]:
        """The files of dead letters; not one that a killed process left unfinished."""
        names = ((path, _NAME.fullmatch(path.name)) for path in sorted(self.root.glob("*.parquet")))
        return [
            path
            for path, name in names
            if name
            and view in (None, name["view"])
            and generation in (None, int(name["generation"]))
        ]

    def any(self, view: str, generation: int) -> bool:
        """Whether a generation has dead letters on disk."""
        return bool(self._paths(view, generation))

    def letters(self, view: str | None = None, generation: int | None = None) -> list[Letter]:
        """The dead letters of a view and a generation, or of all, oldest first."""
        letters = [
            Letter(**fields)
            for path in self._paths(view, generation)
            for fields in _read(path).to_pylist()
        ]
        return sorted(letters, key=lambda letter: (letter.at, letter.key))

    def keys(self, view: str, generation: int) -> set[str]:
        """The ids of a generation's rejected documents."""
        return {
            key
            for path in self._paths(view, generation)
            for key in _read(path, ["key"]).column("key").to_pylist()
        }

    def forget(self, view: str, generation: int, keys: Iterable[str] | None = None) -> None:
        """Delete the dead letters of a generation: those of the documents ``keys``, or all."""
        paths = self._paths(view, generation)
        if keys is not None:
            deleted = set(keys)
            left = [x for x in self.letters(view, generation) if x.key not in deleted]
            if left:
                self._write_file(view, generation, left)
        for path in paths:
            path.unlink(missing_ok=True)
