"""The commits of a log, in order: what is there, and what has come since."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterator
from pathlib import Path

from event_log import commit
from event_log.commit import CommitMetadata
from event_log.digest import NO_DIGEST
from event_log.errors import DamagedLog
from event_log.store import Store

REMEMBERED = 65_536
"""Footers kept in memory. A commit never changes, so each is read once."""


class Commits:
    """The commits seen so far; ``refresh`` looks for the next ones by name.

    A commit is visible only when all before it are, because its name is the sequence after theirs:
    what was once seen as the end of the log never gains an event before it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._firsts: list[int] = []
        self._last = 0
        self._identity: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._remembered: dict[int, CommitMetadata] = {}

    def refresh(self) -> int:
        """Look for new commits; returns the head, 0 for an empty log.

        Raises ``DamagedLog`` when what was seen before is not there any more.
        """
        with self._lock:
            if self._firsts:
                self._check_unchanged()
            else:
                self._list()
            while self.path(self._last + 1).exists():
                self._add(self._about(self._last + 1))
            return self._last

    def extend(self, about: CommitMetadata) -> None:
        """Take in the commit that was just written, if it follows what was seen."""
        with self._lock:
            if about.first == self._last + 1:
                self._add(self._remember(about))

    def _add(self, about: CommitMetadata) -> None:
        self._firsts.append(about.first)
        self._last = about.last
        self._identity = self._identified()

    def _about(self, first: int) -> CommitMetadata:
        return self._remembered.get(first) or self._remember(commit.read_metadata(self.path(first)))

    def _remember(self, about: CommitMetadata) -> CommitMetadata:
        if len(self._remembered) >= REMEMBERED:
            self._remembered.clear()
        self._remembered[about.first] = about
        return about

    def _list(self) -> None:
        """Begin with what is in the folder.

        A file that appears while a folder is listed may be left out although a later one is not.
        So the folder is listed twice: of the files up to the last of the first listing, the
        second misses none.
        """
        names = self._store.names(commit.FOLDER, commit.SUFFIX)
        again = self._store.names(commit.FOLDER, commit.SUFFIX) if names else []
        firsts = [commit.first_of(name) for name in again if name <= names[-1]]
        if firsts:
            about = self._about(firsts.pop())
            self._firsts = firsts
            self._add(about)

    def _identified(self) -> tuple[int, int]:
        path = self.path(self._firsts[-1])
        try:
            found = path.stat()
        except FileNotFoundError:
            raise self._missing(self._firsts[-1]) from None
        return found.st_ino, found.st_mtime_ns

    def _check_unchanged(self) -> None:
        if self._identity is not None and self._identified() != self._identity:
            raise DamagedLog(
                f"{self.path(self._firsts[-1])} was replaced while the log was open; "
                "open it again, and verify it",
                self._firsts[-1],
            )

    @property
    def last(self) -> int:
        """The last sequence seen."""
        return self._last

    def __len__(self) -> int:
        return len(self._firsts)

    def path(self, first: int) -> Path:
        """Where the commit that begins at a sequence lies."""
        return self._store.path(commit.name_of(first))

    def digest(self, sequence: int) -> bytes:
        """The chain's digest at the commit that holds a sequence; zeros before the first."""
        return self.at(sequence).digest if sequence else NO_DIGEST

    def at(self, sequence: int) -> CommitMetadata:
        """The commit that holds a sequence."""
        place = bisect.bisect_right(self._firsts, sequence) - 1
        if place < 0:
            raise self._missing(1)
        about = self._about(self._firsts[place])
        if about.last < sequence:
            raise self._missing(about.last + 1)
        return about

    def between(self, after: int = 0, until: int | None = None) -> Iterator[CommitMetadata]:
        """The commits that hold the events after a sequence and up to another, in order.

        Raises ``DamagedLog`` where one is missing.
        """
        until = self._last if until is None else until
        expected = self.at(after + 1).first if after < until else until + 1
        for first in self._firsts[bisect.bisect_left(self._firsts, expected) :]:
            if expected > until:
                return
            if first != expected:
                raise self._missing(expected)
            about = self._about(first)
            expected = about.last + 1
            yield about

    def firsts(self) -> list[int]:
        """The first sequence of each commit."""
        return list(self._firsts)

    def _missing(self, first: int) -> DamagedLog:
        return DamagedLog(f"{self.path(first)} is missing; restore it from a backup", first)
