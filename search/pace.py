"""The pace of a load: its progress, reported every few seconds instead of with each batch."""

from __future__ import annotations

import time

from search.engine import Loading, LoadProgress

EVERY = 2.0
"""Seconds between two reports."""


class Pace:
    """Counts the documents that a load has done, and reports them to ``tell``."""

    def __init__(self, view: str, of: int, tell: LoadProgress | None) -> None:
        self.documents = 0
        self._view = view
        self._of = of
        self._tell = tell
        self._began = time.perf_counter()
        self._reported = self._began

    def report(self, documents: int) -> None:
        """Report that so many documents are done, unless the last report was just now."""
        self.documents = documents
        if time.perf_counter() - self._reported >= EVERY:
            self._report("")

    def report_waiting(self, reason: str) -> None:
        """Report why the load waits, unless the last report was just now."""
        if time.perf_counter() - self._reported >= EVERY / 4:
            self._report(reason)

    def _report(self, note: str) -> None:
        self._reported = time.perf_counter()
        if self._tell:
            seconds = self._reported - self._began
            self._tell(Loading(self._view, self.documents, self._of, seconds, note))
