"""Appending: concurrent appends of one process share commits, and the file name is the lock.

Threads put what they append into a line. The first of them leads: it takes all that waits there,
checks each on its own, and writes one commit for all that may be appended; the others wait for
that. So a commit costs its two fsyncs once, however many threads it is for.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque

import pyarrow as pa

from event_log.appending import duplicates
from event_log.appending.commit_writer import CommitWriter, numbered
from event_log.appending.pending import Pending
from event_log.category import Registry
from event_log.checking.batch import as_columns, together
from event_log.errors import InvalidEvent, WrongExpectedVersion, WrongPosition
from event_log.event import Receipt
from event_log.files import commit
from event_log.files.commit import CommitMetadata
from event_log.files.layout import Commits
from event_log.files.log_digest import digest_at, frontier_at
from event_log.index.event_index import Found
from event_log.index.lookup import Lookup
from event_log.storage.store import StoreError

GROUP_COMMIT_EVENTS = 10_000
"""Events after which a group is full: whoever waits behind them leads the next one."""
GATHERED_SECONDS = 0.001
"""How long a commit waits at most for as many appends as the one before it had."""
FIRST_PAUSE = 0.01
"""Seconds: the longest pause after the first lost race for a name."""

INTERRUPTED = (
    "the thread that wrote this commit was interrupted, so it is not known whether it was written. "
    "Append the same events with the same ids again."
)


class Appender:
    """Appends to a log, for all threads of a process."""

    def __init__(self, commits: Commits, lookup: Lookup, registry: Registry) -> None:
        self._commits = commits
        self._lookup = lookup
        self._registry = registry
        self._line: deque[Pending] = deque()
        self._leader: Pending | None = None
        self._mutex = threading.Lock()
        self._gathered = threading.Condition(self._mutex)
        self._wanted = 1

    def append(self, pending: Pending) -> Receipt:
        """Append, with what others append at the same time; raises what it came to."""
        try:
            with self._mutex:
                self._line.append(pending)
                self._leader = self._leader or pending
                leads = self._leader is pending
                if len(self._line) == self._wanted:
                    self._gathered.notify()
            if not leads:
                pending.wait()
            if not pending.done:
                self._lead()
        except BaseException:  # it was interrupted while it waited
            self._leave(pending)
            raise
        return pending.outcome()

    def _lead(self) -> None:
        """Commit what stands first in the line; then wake all it was for, and the next to lead."""
        group: list[Pending] = []
        try:
            with self._mutex:
                # Those of the last commit are only now coming back: without them, each half of
                # the threads would wait for the commit of the other.
                self._gathered.wait_for(lambda: len(self._line) >= self._wanted, GATHERED_SECONDS)
                group = self._first_in_line()
                self._wanted = len(group)
            self._commit(list(group))
        except BaseException as error:
            if not group:
                raise
            interrupted = not isinstance(error, Exception)
            for place, pending in enumerate(group):
                if not pending.done:
                    pending.error = StoreError(INTERRUPTED) if interrupted and place else error
        finally:
            with self._mutex:
                self._pass_on()
            for pending in group[1:]:
                pending.wake()

    def _pass_on(self) -> None:
        """Let who stands first in the line lead, if anyone does; the mutex is held."""
        self._leader = self._line[0] if self._line else None
        if self._leader is not None:
            self._leader.wake()

    def _leave(self, pending: Pending) -> None:
        """Nobody waits for this one any more: it is not appended, and does not lead."""
        with self._mutex:
            if pending in self._line:
                self._line.remove(pending)
            if self._leader is pending:
                self._pass_on()

    def _first_in_line(self) -> list[Pending]:
        group = [self._line.popleft()]
        events = len(group[0].batch)
        while self._line and not (group[0].alone or self._line[0].alone):
            events += len(self._line[0].batch)
            if events > GROUP_COMMIT_EVENTS:
                break
            group.append(self._line.popleft())
        return group

    def _commit(self, group: list[Pending]) -> None:
        """Append a group: try until each of it is in the log, or refused."""
        lost = 0
        while group:
            found = self._find(group)
            admitted = self._admitted(group, found)
            table = self._numbered(admitted, found) if admitted else None
            if table is not None and not self._put(admitted, table, found):
                lost += 1
                time.sleep(_pause(lost))
            group = [pending for pending in group if not pending.done]

    def _find(self, group: list[Pending]) -> Found:
        """What the log knows of the ids and streams of a group, and of its producer."""
        if group[0].alone:
            pending = group[0]
            producer = pending.producer[0] if pending.producer else None
            return self._lookup.find(pending.ids, pending.all_streams(), producer=producer)
        ids = [event_id for pending in group for event_id in pending.ids]
        streams = {stream for pending in group for stream in pending.all_streams()}
        return self._lookup.find(ids, streams)

    def _admitted(self, group: list[Pending], found: Found) -> list[Pending]:
        """Those of a group that go into the next commit; who must not is refused by itself.

        Who brings an id that another of the group brings as well waits for the commit after.
        """
        now = dict(found.versions) if len(group) > 1 else found.versions
        ids: set[str] = set()
        admitted = []
        for pending in group:
            try:
                if not self._admit(pending, found, now):
                    continue
            except (InvalidEvent, WrongExpectedVersion, WrongPosition) as error:
                pending.error = error
                continue
            if len(group) > 1:
                if not ids.isdisjoint(pending.ids):
                    continue
                ids.update(pending.ids)
                for stream in pending.fresh_streams():
                    now[stream] = now.get(stream, 0) + 1
            admitted.append(pending)
        return admitted

    def _admit(self, pending: Pending, found: Found, now: dict[str, int]) -> bool:
        """Whether something is left to append; raises when it must not be appended."""
        if pending.producer:
            name, position = pending.producer
            reached, sequence = found.producer or (0, 0)
            if pending.after not in (None, reached):
                raise WrongPosition(name, pending.after or 0, reached)
            if reached >= position:
                pending.receipt = duplicates.receipt_at(self._commits, sequence)
                return False
        pending.leave_out(duplicates.among(pending, found, self._commits, self._registry))
        if not pending.events:
            pending.receipt = duplicates.receipt(self._commits, pending.known)
            return False
        for stream, version in pending.expected.items():
            if now.get(stream, 0) != version:
                raise WrongExpectedVersion(stream, version, now.get(stream, 0))
        return True

    def _numbered(self, admitted: list[Pending], found: Found) -> pa.Table | None:
        """All events to append, with their versions; None when one of the group is refused now."""
        if all(pending.lines is not None for pending in admitted):
            lines = [line for pending in admitted for line in pending.lines or ()]
            table = pa.Table.from_batches([as_columns(lines, self._registry)])
        elif len(admitted) == 1:
            table = admitted[0].table()
        else:
            table = together([pending.table() for pending in admitted], self._registry)
        try:
            return numbered(table, found.versions, self._registry)
        except InvalidEvent as error:
            place = error.position
            for pending in admitted:
                if place < pending.events:
                    event_id = pending.table().column("event_id")[place].as_py()
                    at = pending.batch.position(event_id)
                    pending.error = InvalidEvent(error.field, error.reason, at)
                    break
                place -= pending.events
        return None

    def _put(self, admitted: list[Pending], table: pa.Table, found: Found) -> bool:
        """Try to make these the next commit; False when another writer was faster."""
        before = found.place[0]
        store, commits = self._commits.store, self._commits
        producers = dict([admitted[0].producer]) if admitted[0].producer else {}
        writer = CommitWriter(table, before, self._now(), frontier_at(commits, before), producers)
        name, anchor = commit.name_of(before + 1), commits.anchor(before)
        if not store.put_if_absent(name, writer.write):
            if commits.refresh() <= before:
                raise StoreError(f"{store.where(name)} is no commit; move it out of the log")
            return False
        if not commits.holds(anchor) and not self._in_time(writer.metadata):
            return False
        commits.extend(writer.metadata)
        writer.tell(admitted)
        place = (writer.metadata.last, writer.metadata.digest.hex())
        self._lookup.extend(place, writer.indexed, producers)
        return True

    def _in_time(self, metadata: CommitMetadata) -> bool:
        """Whether a commit that was just put is of the log; it is removed if it is not.

        Who slept longer than the grace period may get a name that others had before, whose commit
        is sealed and removed. Nobody looks at what lies there now.
        """
        commits = self._commits
        commits.overtaken(commits.manifest)
        if metadata.first > commits.manifest.through:
            return True
        if commits.last >= metadata.last and digest_at(commits, metadata.last) == metadata.digest:
            return True
        commits.store.delete(commit.name_of(metadata.first))
        return False

    def _now(self) -> int:
        """This moment, or the last commit's when the clock has jumped back behind it."""
        return max(time.time_ns() // 1000, self._commits.recorded_to)


def _pause(lost: int) -> float:
    """Seconds to wait after so many lost races: less and less, so that the unlucky come first."""
    return random.uniform(0, FIRST_PAUSE / lost)  # noqa: S311 (no secret)
