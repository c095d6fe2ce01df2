"""The pace of a load: told to whoever waits, every few seconds and not with every batch."""

from __future__ import annotations

import time

from search.engine import Loading, LoadProgress

EVERY = 2.0
"""Seconds between two tellings."""


class Pace:
    """How far a load has come, and since when it runs."""

    def __init__(self, view: str, of: int, tell: LoadProgress | None) -> None:
        self.documents = 0
        self._view = view
        self._of = of
        self._tell = tell
        self._began = time.perf_counter()
        self._told = self._began

    def come(self, documents: int) -> None:
        """That many documents are done."""
        self.documents = documents
        if time.perf_counter() - self._told >= EVERY:
            self._say("")

    def stands(self, why: str) -> None:
        """Nothing goes forward just now; told at once, and then every few seconds."""
        if time.perf_counter() - self._told >= EVERY / 4:
            self._say(why)

    def _say(self, note: str) -> None:
        self._told = time.perf_counter()
        if self._tell:
            seconds = self._told - self._began
            self._tell(Loading(self._view, self.documents, self._of, seconds, note))
