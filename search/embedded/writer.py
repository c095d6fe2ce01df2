"""The writer of an embedded index: one at a time, in whichever process.

A writer for many documents has memory and threads. A writer for the few documents of a step has
little of either and stays open from step to step. Segments are merged while a writer is open.
"""

from __future__ import annotations

from collections.abc import Iterable

from event_log import machine
from search.embedded import segments
from search.embedded.index import LEAST, EmbeddedIndex
from search.errors import NotIndexed

MUCH = 1_000
"""Documents from which on a writer with memory and threads is worth its start."""
MOST = 300_000_000
"""The most bytes of memory for each thread of a writer that were measured."""
MOST_THREADS = 8
"""Tantivy's maximum."""
SHARE = 0.3
"""A writer's memory as a share of DuckDB's, which works at the same time."""


def _much() -> tuple[int, int]:
    """The memory in bytes and the threads of a writer for many documents."""
    threads = min(machine.threads(), MOST_THREADS)
    memory = int(SHARE * machine.size(machine.memory_limit()))
    return threads * max(LEAST, min(MOST, memory // threads)), threads


class Writer:
    """Adds documents to an index and deletes them; readers see nothing of it until ``commit``.

    Raises ``ValueError`` or ``OSError`` when the disk refuses, and ``NotIndexed`` when another
    process has a writer open.
    """

    def __init__(self, index: EmbeddedIndex, documents: int) -> None:
        self.for_much = documents >= MUCH
        self._meta = index.path / segments.META
        try:
            self._writer = index.writer(*(_much() if self.for_much else (LEAST, 1)))
        except ValueError as error:
            if "LockBusy" not in str(error):
                raise
            raise NotIndexed(
                "another process writes this index; wait until it has ended, or end it"
            ) from error
        # Files that a killed commit left would stop the same commit when it is repeated.
        self._writer.garbage_collect_files()

    def add(self, documents: Iterable[tuple[str, ...]]) -> None:
        """Add documents whose ids are new, each an id and a line of ``layout``."""
        for _, line in documents:
            self._writer.add_json(line)

    def replace_documents(self, documents: Iterable[tuple[str, ...]]) -> None:
        """Add documents, and delete those that have the same ids."""
        for key, line in documents:
            self._writer.delete_documents_by_term("id", key)
            self._writer.add_json(line)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete the documents of these ids."""
        for key in keys:
            self._writer.delete_documents_by_term("id", key)

    def commit(self) -> None:
        """Make all additions and deletions durable and searchable."""
        self._writer.commit()
        self._let_others_read()

    def close(self) -> None:
        """Wait for merges and close the writer; changes that were not committed are lost."""
        self._writer.wait_merging_threads()
        self._let_others_read()

    def _let_others_read(self) -> None:
        """Let those read the list of segments who may read the folder: tantivy lets one user."""
        self._meta.chmod(self._meta.parent.stat().st_mode & 0o666)
