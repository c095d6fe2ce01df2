"""Where the events are: the sealed groups, then the open commits, and what has come since."""

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
"""How often it is looked again when someone seals and removes files at the same time."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive events that lie together: a sealed group, or an open commit without one."""

    first: int
    last: int
    group: Group | None = None


class Commits:
    """The parts of a log seen so far; ``refresh`` looks for the next ones by name.

    A commit is visible only when all before it are, because its name is the sequence after theirs:
    what was seen never gains an event before it. Sealing replaces files, never events.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.schemas = Schemas(store)
        self.newest_schemas: dict[str, int] = {}
        """The newest schema version of each category that there are events of."""
        self.manifest = Manifest()
        self._firsts: list[int] = []
        self._last = 0
        self._seen = 0
        self._anchor: Anchor | None = None
        self._lock = threading.RLock()
        self._remembered: dict[int, CommitMetadata] = {}

    def refresh(self) -> int:
        """Look for new commits; returns the head, 0 for an empty log.

        Raises ``DamagedLog`` when what was seen before is not there.
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
        """Take in what follows; False when what was seen is removed meanwhile: see ``anchor``."""
        anchor, before = self._anchor, (self.manifest.since, self._last)
        while self.store.exists(following := manifest.name_of(self.manifest.through + 1)):
            self._adopt(self._load(following))
        while self.store.exists(commit.name_of(self._last + 1)):
            self._add(self._metadata(self._last + 1))
        return before == (self.manifest.since, self._last) or self.holds(anchor)

    def anchor(self, sequence: int) -> Anchor | None:
        """The file that a log with this head ends with, if that is the head now.

        What is sealed is removed in the order of the log: while this is there, no later name was
        ever free for a second time.
        """
        with self._lock:
            return self._anchor if self._last == sequence else None

    def holds(self, anchor: Anchor | None) -> bool:
        """Whether a file is there still."""
        try:
            return anchor is not None and self.store.identity(anchor[0]) == anchor[1]
        except FileNotFoundError:
            return False

    def extend(self, metadata: CommitMetadata) -> None:
        """Take in the commit that was just written, if it follows what was seen."""
        with self._lock:
            if metadata.first == self._last + 1:
                self._add(self._remember(metadata))
                self._seen = self._last

    def overtaken(self, seen: Manifest) -> bool:
        """Look anew; whether someone has sealed since there was this manifest."""
        with self._lock:
            self._anchor = None if self._anchored() else self._anchor
            self.refresh()
            return self.manifest.since != seen.since

    def again(self, act: Callable[[], T]) -> T:
        """What ``act`` comes to; once more when what it reads was sealed and removed meanwhile."""
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
        """When the last event seen was recorded, in microseconds since 1970; 0 for none."""
        with self._lock:
            if self._firsts:
                return self._metadata(self._firsts[-1]).recorded_at
            return self.manifest.recorded_to

    def __len__(self) -> int:
        """How many commits are not sealed."""
        return len(self._firsts)

    def locate(self, name: str) -> Path:
        """A local file with the content that a name has in the store."""
        try:
            return self.store.path(name)
        except FileNotFoundError:
            raise self.missing(name) from None

    def at(self, sequence: int) -> CommitMetadata:
        """The open commit that holds a sequence."""
        with self._lock:
            place = bisect.bisect_right(self._firsts, sequence) - 1
            if place < 0:
                raise self._missing(self.manifest.through + 1)
            metadata = self._metadata(self._firsts[place])
            if metadata.last < sequence:
                raise self._missing(metadata.last + 1)
            return metadata

    def segments(self, after: int = 0, until: int | None = None) -> list[Segment]:
        """The parts that hold the events after a sequence and up to another, in order.

        Raises ``DamagedLog`` where one is missing.
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

    def _open(self, after: int, until: int) -> Iterator[Segment]:
        if after >= until:
            return
        begin = max(bisect.bisect_right(self._firsts, after + 1) - 1, 0)
        firsts = self._firsts[begin : bisect.bisect_right(self._firsts, until)]
        if not firsts or firsts[0] > after + 1:
            raise self._missing(after + 1)
        ends = [first - 1 for first in self._firsts[begin + 1 :][: len(firsts)]]
        for first, last in zip(firsts, [*ends, self._last], strict=False):
            yield Segment(first, last)

    def producers(self, after: int, until: int) -> dict[str, tuple[int, int]]:
        """The positions that producers reached with the events after a sequence, until another.

        With each the last sequence of the commit with it. What is sealed is taken as one.
        """
        with self._lock:
            sealed = self.manifest
            found = dict(sealed.producers) if after < sealed.through else {}
            for segment in self._open(max(after, sealed.through), until):
                metadata = self._metadata(segment.first)
                found |= {name: (at, metadata.last) for name, at in metadata.producers.items()}
            return found

    def recorded_by(self, microseconds: int) -> int:
        """The last sequence of the last segment that was recorded by an instant, as a whole.

        The group after it may hold some more.
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

    def _adopt(self, found: Manifest) -> None:
        """Believe a manifest: what it seals is not looked for among the open commits any more."""
        self.manifest = found
        self.newest_schemas = self.schemas.newest()
        self._firsts = self._firsts[bisect.bisect_right(self._firsts, found.through) :]
        self._last = max(self._last, found.through)
        if not self._firsts:
            self._drop_anchor(found.name)

    def _drop_anchor(self, name: str) -> None:
        try:
            self._anchor = (name, self.store.identity(name))
        except FileNotFoundError:
            self._anchor = None

    def _anchored(self) -> bool:
        """Whether the last file seen is there still; raises when it is another one."""
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
        """Begin with what is in the folders."""
        firsts, found = self._listed(), self._newest()
        firsts = firsts[bisect.bisect_right(firsts, found.through) :]
        last = self._metadata(firsts[-1]).last if firsts else found.through
        if last < self._seen:
            raise self._missing(last + 1)
        self.manifest, self._firsts, self._last = found, firsts, last
        self.newest_schemas = self.schemas.newest()
        self._drop_anchor(commit.name_of(firsts[-1]) if firsts else found.name)

    def _listed(self) -> list[int]:
        """The first sequences of the commits in the folder.

        A file that appears while a folder is listed may be left out although a later one is not;
        of those up to the last of a first listing, a second misses none.
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
        """The error that a file is not there."""
        where = self.store.where(name)
        return DamagedLog(f"{where} is missing; restore it from a backup", commit.begins(name))

    def _missing(self, first: int) -> DamagedLog:
        return self.missing(commit.name_of(first))
