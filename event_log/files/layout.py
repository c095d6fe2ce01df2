"""Where the events are: in sealed groups, then in open commits, and in commits since."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from event_log.errors import DamagedLog
from event_log.files import commit, manifest
from event_log.files.commit import CommitMetadata
from event_log.files.manifest import Group, Manifest
from event_log.schemas.registered import Schemas
from event_log.storage.store import Store

T = TypeVar("T")
Anchor = tuple[str, object]
"""The name of a file, and its identity."""

REMEMBERED = 65_536
"""Footers kept in memory. A commit never changes, so each is read once."""
ATTEMPTS = 5
"""How often a listing is repeated while another process seals and removes files."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive events in one sealed group, or in one open commit (``group`` is None)."""

    first: int
    last: int
    group: Group | None = None


class Commits:
    """The sealed groups and open commits of a log seen so far; ``refresh`` looks for more.

    A commit is visible only when all earlier ones are, because its name is the sequence after
    theirs. So no event ever appears before one that was seen. Sealing replaces files, never events.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.schemas = Schemas(store)
        self.newest_schemas: dict[str, int] = {}
        """The newest schema version of each category in the log."""
        self.manifest = Manifest()
        self._firsts: list[int] = []
        self._last = 0
        self._seen = 0
        self._anchor: Anchor | None = None
        self._lock = threading.RLock()
        self._remembered: dict[int, CommitMetadata] = {}

    def refresh(self) -> int:
        """Look for new commits and return the head, 0 for an empty log.

        Raises ``DamagedLog`` when files that were seen before are missing.
        """
        with self._lock:
            lost = not self._anchored()
            for attempt in range(ATTEMPTS):
                try:
                    if lost or attempt:
                        self._list()
                    if self._followed():
                        break
                except DamagedLog:
                    if attempt == ATTEMPTS - 1:
                        raise
            self._seen = self._last
            return self._last

    def _followed(self) -> bool:
        """Add the next files; False when seen files were removed meanwhile: see ``anchor``."""
        anchor, before = self._anchor, (self.manifest.since, self._last)
        while self.store.exists(following := manifest.name_of(self.manifest.through + 1)):
            self._adopt(self._load(following))
        while self.store.exists(commit.name_of(self._last + 1)):
            self._add(self._metadata(self._last + 1))
        return before == (self.manifest.since, self._last) or self.holds(anchor)

    def anchor(self, sequence: int) -> Anchor | None:
        """Return the last file of the log, if its head is this sequence.

        Sealed commits are removed in the order of the log. So while this file exists, no later name
        has become free a second time.
        """
        with self._lock:
            return self._anchor if self._last == sequence else None

    def holds(self, anchor: Anchor | None) -> bool:
        """Return whether the file still exists unchanged."""
        try:
            return anchor is not None and self.store.identity(anchor[0]) == anchor[1]
        except FileNotFoundError:
            return False

    def extend(self, metadata: CommitMetadata) -> None:
        """Add the commit that was just written, if it follows those seen."""
        with self._lock:
            if metadata.first == self._last + 1:
                self._add(self._remember(metadata))
                self._seen = self._last

    def overtaken(self, seen: Manifest) -> bool:
        """Refresh, and return whether another process has sealed since this manifest."""
        with self._lock:
            self._anchor = None if self._anchored() else self._anchor
            self.refresh()
            return self.manifest.since != seen.since

    def again(self, act: Callable[[], T]) -> T:
        """Call ``act``, again when its files were sealed and removed meanwhile."""
        while True:
            seen = self.manifest
            try:
                return act()
            except DamagedLog:
                if not self.overtaken(seen):
                    raise

    @property
    def last(self) -> int:
        """The last sequence seen."""
        return self._last

    @property
    def recorded_to(self) -> int:
        """The time of the last event seen, in microseconds since 1970; 0 without events."""
        with self._lock:
            if self._firsts:
                return self._metadata(self._firsts[-1]).recorded_at
            return self.manifest.recorded_to

    def __len__(self) -> int:
        """Return the number of commits that are not sealed."""
        return len(self._firsts)

    def locate(self, name: str) -> Path:
        """Return a local path with the content of a file of the store."""
        try:
            return self.store.path(name)
        except FileNotFoundError:
            raise self.missing(name) from None

    def at(self, sequence: int) -> CommitMetadata:
        """Return the metadata of the open commit that holds a sequence."""
        with self._lock:
            place = bisect.bisect_right(self._firsts, sequence) - 1
            if place < 0:
                raise self._missing(self.manifest.through + 1)
            metadata = self._metadata(self._firsts[place])
            if metadata.last < sequence:
                raise self._missing(metadata.last + 1)
            return metadata

    def segments(self, after: int = 0, until: int | None = None) -> list[Segment]:
        """Return the segments that hold the events after a sequence and up to another, in order.

        Raises ``DamagedLog`` when one is missing.
        """
        with self._lock:
            until = self._last if until is None else until
            groups = self.manifest.groups
            sealed = [
                Segment(group.first, group.last, group)
                for group in groups[bisect.bisect_right(groups, after, key=lambda g: g.last) :]
                if group.first <= until
            ]
            return [*sealed, *self._open(max(after, self.manifest.through), until)]

    def holding(self, sequence: int) -> Segment:
        """Return the segment that holds a sequence; raises ``DamagedLog`` when it is missing."""
        with self._lock:
            groups = self.manifest.groups
            if sequence > self.manifest.through:
                return next(self._open(sequence - 1, sequence))
            group = groups[bisect.bisect_left(groups, sequence, key=lambda g: g.last)]
            return Segment(group.first, group.last, group)

    def _open(self, after: int, until: int) -> Iterator[Segment]:
        if after >= until:
            return
        begin = max(bisect.bisect_right(self._firsts, after + 1) - 1, 0)
        firsts = self._firsts[begin : bisect.bisect_right(self._firsts, until)]
        if not firsts or firsts[0] > after + 1:
            raise self._missing(after + 1)
        ends = [first - 1 for first in self._firsts[begin + 1 : begin + 1 + len(firsts)]]
        for first, last in zip(firsts, [*ends, self._last], strict=False):
            yield Segment(first, last)

    def producers(self, after: int, until: int) -> dict[str, tuple[int, int]]:
        """Return the positions that producers reached with the events of a range of sequences.

        Each has the last sequence of its commit. Sealed events count as one range.
        """
        with self._lock:
            sealed = self.manifest
            positions = dict(sealed.producers) if after < sealed.through else {}
            for segment in self._open(max(after, sealed.through), until):
                metadata = self._metadata(segment.first)
                positions |= {name: (at, metadata.last) for name, at in metadata.producers.items()}
            return positions

    def recorded_by(self, microseconds: int) -> int:
        """Return the last sequence of the last segment that was wholly recorded by an instant.

        Some events of the group after it may also have been recorded by then.
        """
        with self._lock:
            groups = self.manifest.groups
            whole = bisect.bisect_right(groups, microseconds, key=lambda g: g.recorded_to)
            if whole < len(groups):
                return groups[whole].first - 1
            later = bisect.bisect_right(
                self._firsts, microseconds, key=lambda first: self.at(first).recorded_at
            )
            return self._firsts[later] - 1 if later < len(self._firsts) else self._last

    def _add(self, metadata: CommitMetadata) -> None:
        self._firsts.append(metadata.first)
        self._last = metadata.last
        self._drop_anchor(commit.name_of(metadata.first))

    def _adopt(self, newer: Manifest) -> None:
        """Switch to a newer manifest, and drop the open commits that it seals."""
        self.manifest = newer
        self.newest_schemas = self.schemas.newest()
        self._firsts = self._firsts[bisect.bisect_right(self._firsts, newer.through) :]
        self._last = max(self._last, newer.through)
        if not self._firsts:
            self._drop_anchor(newer.name)

    def _drop_anchor(self, name: str) -> None:
        try:
            self._anchor = (name, self.store.identity(name))
        except FileNotFoundError:
            self._anchor = None

    def _anchored(self) -> bool:
        """Return whether the last file seen still exists; raises when it was replaced."""
        if self.holds(self._anchor):
            return True
        if self._anchor and self.store.exists(name := self._anchor[0]):
            raise DamagedLog(
                f"{self.store.where(name)} was replaced while the log was open; "
                "open it again, and verify it",
                commit.begins(name),
            )
        return False

    def _list(self) -> None:
        """Begin anew with a listing of the folders."""
        firsts, newest = self._listed(), self._newest()
        firsts = firsts[bisect.bisect_right(firsts, newest.through) :]
        last = self._metadata(firsts[-1]).last if firsts else newest.through
        if last < self._seen:
            raise self._missing(last + 1)
        self.manifest, self._firsts, self._last = newest, firsts, last
        self.newest_schemas = self.schemas.newest()
        self._drop_anchor(commit.name_of(firsts[-1]) if firsts else newest.name)

    def _listed(self) -> list[int]:
        """Return the first sequences of the commits in the folder.

        A listing may miss a file that appears meanwhile, and yet have a later one. A second listing
        misses none up to the last file of the first.
        """
        names = self.store.names(commit.FOLDER, commit.SUFFIX)
        again = self.store.names(commit.FOLDER, commit.SUFFIX) if names else []
        return [commit.first_of(name) for name in again if name <= names[-1]]

    def _newest(self) -> Manifest:
        name = manifest.last_of(self.store.names(manifest.FOLDER, manifest.SUFFIX))
        return self._load(f"{manifest.FOLDER}/{name}") if name else Manifest()

    def _load(self, name: str) -> Manifest:
        try:
            return Manifest.from_json(self.store.path(name).read_bytes(), Path(name).name)
        except FileNotFoundError:
            raise self.missing(name) from None
        except OSError as error:
            raise commit.unreadable(self.store.path(name), error) from None

    def _metadata(self, first: int) -> CommitMetadata:
        return self._remembered.get(first) or self._remember(
            commit.read_metadata(self.locate(commit.name_of(first)))
        )

    def _remember(self, metadata: CommitMetadata) -> CommitMetadata:
        if len(self._remembered) >= REMEMBERED:
            self._remembered.clear()
        self._remembered[metadata.first] = metadata
        for name, versions in metadata.schema_versions.items():
            self.newest_schemas[name] = max(self.newest_schemas.get(name, 0), *versions)
        return metadata

    def missing(self, name: str) -> DamagedLog:
        """Return the error for a missing file."""
        where = self.store.where(name)
        return DamagedLog(f"{where} is missing; restore it from a backup", commit.begins(name))

    def _missing(self, first: int) -> DamagedLog:
        return self.missing(commit.name_of(first))
