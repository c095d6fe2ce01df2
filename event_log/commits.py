"""The commits of a log, in order: what is there, and what has come since."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterator
from pathlib import Path

from event_log import commit
from event_log.commit import CommitMetadata
from event_log.digest import NO_DIGEST
from event_log.store import LocalStore


class Commits:
    """The commits seen so far; ``refresh`` looks for the next ones by name.

    A commit is visible only when all before it are, because its name is the sequence after theirs:
    what was once seen as the end of the log never gains an event before it.
    """

    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self._firsts: list[int] = []
        self._last = 0
        self._lock = threading.Lock()

    def refresh(self) -> int:
        """Look for new commits; returns the head, 0 for an empty log."""
        with self._lock:
            if not self._firsts:
                names = self._store.names(commit.FOLDER, commit.SUFFIX)
                self._firsts = [commit.first_of(name) for name in names]
                if self._firsts:
                    self._last = commit.metadata(self.path(self._firsts[-1])).last
            while (path := self.path(self._last + 1)).exists():
                self._firsts.append(self._last + 1)
                self._last = commit.metadata(path).last
            return self._last

    @property
    def last(self) -> int:
        """The last sequence seen."""
        return self._last

    @property
    def digest(self) -> bytes:
        """The chain's digest at the last commit seen; zeros for an empty log."""
        return self.at(self._last).digest if self._last else NO_DIGEST

    def __len__(self) -> int:
        return len(self._firsts)

    def path(self, first: int) -> Path:
        """Where the commit that begins at a sequence lies."""
        return self._store.path(commit.name_of(first))

    def at(self, sequence: int) -> CommitMetadata:
        """The commit that holds a sequence."""
        first = self._firsts[bisect.bisect_right(self._firsts, sequence) - 1]
        return commit.metadata(self.path(first))

    def paths(self, after: int = 0, until: int | None = None) -> Iterator[Path]:
        """The files that hold the events after a sequence and up to another, in order."""
        until = self._last if until is None else until
        start = max(bisect.bisect_right(self._firsts, after + 1) - 1, 0)
        for first in self._firsts[start : bisect.bisect_right(self._firsts, until)]:
            yield self.path(first)

    def firsts(self) -> list[int]:
        """The first sequence of each commit."""
        return list(self._firsts)
