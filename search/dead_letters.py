"""Dead letters: documents that an engine refused to index, with its reason.

    dead-letters/articles-000042-<uuid>.parquet      one file an attempt, under the archive's home

They belong to one generation and go with it. One can be replayed as long as that generation is at
the sequence that it was at then: what was written of a later one is never overwritten.
"""

from __future__ import annotations

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
"""More of one load are not kept: then it is no longer about single documents."""


@dataclass(frozen=True)
class Letter:
    """A document that was refused."""

    view: str
    generation: int
    key: str
    as_of: int
    """The sequence that the generation was at."""
    sequence: int
    """The document's own: the last event of anything it was made from."""
    document: str
    """Its JSON, as it was sent."""
    reason: str
    at: datetime


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

    def add(self, about: Generation, key: str, sequence: int, document: str, reason: str) -> int:
        """Set a document aside until ``keep``; returns how many there are by now."""
        now = datetime.now(UTC)
        letter = Letter(
            about.view, about.generation, key, about.sequence, sequence, document, reason, now
        )
        with self._lock:
            self._new.append(letter)
            return len(self._new)

    def keep(self) -> None:
        """Write what was set aside."""
        with self._lock:
            letters, self._new = self._new, []
        for view, generation in {(letter.view, letter.generation) for letter in letters}:
            of_it = [x for x in letters if (x.view, x.generation) == (view, generation)]
            self._write(self.root / f"{view}-{generation:06d}-{uuid.uuid4().hex}.parquet", of_it)

    def _write(self, path: Path, letters: Iterable[Letter]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.root.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}")
        table = pa.Table.from_pylist([asdict(letter) for letter in letters], schema=_schema())
        pq.write_table(table, unfinished)
        durable_rename(unfinished, path)

    def _paths(self, view: str | None, generation: int | None) -> list[Path]:
        number = "*" if generation is None else f"{generation:06d}"
        return sorted(self.root.glob(f"{view or '*'}-{number}-*.parquet"))

    def of(self, view: str, generation: int) -> bool:
        """Has a generation any that are kept?"""
        return bool(self._paths(view, generation))

    def letters(self, view: str | None = None, generation: int | None = None) -> list[Letter]:
        """Those of a view and a generation, or of all; the oldest first."""
        import pyarrow.parquet as pq

        found = [
            Letter(**said)
            for path in self._paths(view, generation)
            for said in pq.read_table(path).to_pylist()
        ]
        return sorted(found, key=lambda letter: (letter.at, letter.key))

    def keys(self, view: str, generation: int) -> set[str]:
        """The ids of the documents of a generation that are dead letters."""
        import pyarrow.parquet as pq

        return {
            key
            for path in self._paths(view, generation)
            for key in pq.read_table(path, columns=["key"]).column("key").to_pylist()
        }

    def forget(self, view: str, generation: int, keys: Iterable[str] | None = None) -> None:
        """Remove the letters of a generation: all of them, or those of some documents."""
        paths = self._paths(view, generation)
        gone = None if keys is None else set(keys)
        left = (
            [] if gone is None else [x for x in self.letters(view, generation) if x.key not in gone]
        )
        if left:
            self._write(self.root / f"{view}-{generation:06d}-{uuid.uuid4().hex}.parquet", left)
        for path in paths:
            path.unlink(missing_ok=True)
