"""Writing to an index of the embedded engine: one writer at a time, by any process.

A writer for much has memory and threads; one for the few documents of a step costs next to
nothing, and stays open from step to step. Segments are merged in the background while it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from event_log import machine
from search.errors import NotIndexed

if TYPE_CHECKING:
    from search.embedded.index import EmbeddedIndex

MUCH = 1_000
"""From so many documents on, a writer with memory and threads is worth its start."""
LEAST, MOST = 15_000_000, 300_000_000
"""Bytes for a thread of a writer: tantivy takes no less, and more was not measured."""
MOST_THREADS = 8
"""Tantivy takes no more."""
SHARE = 0.3
"""A writer's part of what DuckDB may use: they work at the same time."""


def _much() -> tuple[int, int]:
    """The memory and the threads of a writer for many documents."""
    threads = min(machine.threads(), MOST_THREADS)
    memory = int(SHARE * machine.size(machine.memory_limit()))
    return threads * max(LEAST, min(MOST, memory // threads)), threads


class Writer:
    """Adds documents to an index and takes them away; nothing is to be seen until ``commit``.

    Raises ``ValueError`` or ``OSError`` when it cannot, as on a full disk, and ``NotIndexed``
    beside another writer.
    """

    def __init__(self, index: EmbeddedIndex, documents: int) -> None:
        self.for_much = documents >= MUCH
        try:
            self._writer = index.writer(*(_much() if self.for_much else (LEAST, 1)))
        except ValueError as error:
            if "LockBusy" not in str(error):
                raise
            raise NotIndexed(
                "another process writes this index; wait until it has ended, or end it"
            ) from error
        # What a commit that was killed has left would be in the way of the same one.
        self._writer.garbage_collect_files()

    def add(self, documents: Iterable[tuple[str, ...]]) -> None:
        """Add documents that were not there, each an id and a line of ``layout``."""
        for _, line in documents:
            self._writer.add_json(line)

    def put(self, documents: Iterable[tuple[str, ...]]) -> None:
        """Add documents in the place of those of the same ids."""
        for key, line in documents:
            self._writer.delete_documents_by_term("id", key)
            self._writer.add_json(line)

    def take(self, keys: Iterable[str]) -> None:
        """Take documents away."""
        for key in keys:
            self._writer.delete_documents_by_term("id", key)

    def commit(self) -> None:
        """Make durable and searchable what was added and taken away."""
        self._writer.commit()

    def close(self) -> None:
        """Let the merges come to their end; what was not committed is as if it had not been."""
        self._writer.wait_merging_threads()
