"""Group commit: concurrent appends of one process share commits.

Each thread puts its append into a queue. The first thread leads: it takes the waiting appends,
validates each on its own, and writes one commit for all that are valid, while the others wait. So
the two fsyncs of a commit are paid once for all its threads. Between processes the name of the
commit's file is the lock.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque

import pyarrow as pa

from event_log.appending import duplicates, moving
from event_log.appending.commit_writer import CommitWriter, numbered
from event_log.appending.moving import Mover
from event_log.appending.pending import Pending
from event_log.category import Registry
from event_log.checking.batch import as_columns, together
from event_log.clock import moment_after
from event_log.errors import InvalidEvent, WrongExpectedVersion, WrongPosition
from event_log.event import Receipt
from event_log.files import commit
from event_log.files.commit import CommitMetadata
from event_log.files.layout import Commits
from event_log.files.log_digest import digest_at, frontier_at
from event_log.files.moves import Moves
from event_log.index.event_index import Found
from event_log.index.lookup import Lookup
from event_log.storage.store import StoreError

GROUP_COMMIT_EVENTS = 10_000
"""Events after which a group is full; the next append in the queue leads the next group."""
GATHERED_SECONDS = 0.001
"""The longest that a commit waits for as many appends as the previous commit had."""
FIRST_PAUSE = 0.01
"""The longest pause, in seconds, after the first lost race for a name."""

INTERRUPTED = (
    "the thread that wrote this commit was interrupted, so it is not known whether it was written. "
    "Append the same events with the same ids again."
)


class Appender:
    """Appends to a log for all threads of a process."""

    def __init__(self, commits: Commits, lookup: Lookup, moves: Moves, registry: Registry) -> None:
        self._commits = commits
        self._lookup = lookup
        self._registry = registry
        self._moves = moves
        self._mover = Mover(commits, lookup, moves)
        self._line: deque[Pending] = deque()
        self._leader: Pending | None = None
        self._mutex = threading.Lock()
        self._gathered = threading.Condition(self._mutex)
        self._wanted = 1

    def append(self, pending: Pending) -> Receipt:
        """Append, together with other threads, and return the receipt or raise the error."""
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
        """Commit the first group of the queue, then wake its threads and the next leader."""
        group: list[Pending] = []
        try:
            with self._mutex:
                # The threads of the last commit are about to append again. Without this wait each
                # half of the threads would wait for the commit of the other half.
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
        """Make the first append in the queue the leader, if there is one; the mutex is held."""
        self._leader = self._line[0] if self._line else None
        if self._leader is not None:
            self._leader.wake()

    def _leave(self, pending: Pending) -> None:
        """Take an append whose thread was interrupted out of the queue."""
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
        """Commit a group: retry until each append is in the log or refused."""
        lost = 0
        while group:
            state = self._find(group)
            admitted = self._admitted(group, state)
            table = self._numbered(admitted, state) if admitted else None
            won = table is not None and self._put(admitted, table, state)
            group = [pending for pending in group if not pending.done]
            if group and not won:
                lost += 1
                time.sleep(_pause(lost))

    def _find(self, group: list[Pending]) -> Found:
        """Look up the ids and streams of a group, and its producers."""
        if group[0].alone:
            pending = group[0]
            return self._lookup.find(
                pending.ids, pending.all_streams(), producers=pending.producers
            )
        ids = [event_id for pending in group for event_id in pending.ids]
        streams = {stream for pending in group for stream in pending.all_streams()}
        return self._lookup.find(ids, streams)

    def _admitted(self, group: list[Pending], state: Found) -> list[Pending]:
        """Return the appends of a group for the next commit; each invalid one gets its own error.

        An append whose event id is already in the group waits for the next commit.
        """
        now = dict(state.versions) if len(group) > 1 else state.versions
        ids: set[str] = set()
        admitted = []
        for pending in group:
            try:
                if not self._admit(pending, state, now):
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

    def _admit(self, pending: Pending, state: Found, now: dict[str, int]) -> bool:
        """Return whether an append has new events; raises when it is refused."""
        standing = self._moves.standing(pending.producers, state.producers)
        if moving.is_known(pending, standing):
            pending.receipt = moving.receipt(pending, state, self._commits)
            return False
        pending.leave_out(duplicates.among(pending, state, self._commits, self._registry))
        if pending.events or not pending.known:
            for stream, version in pending.expected.items():
                if now.get(stream, 0) != version:
                    raise WrongExpectedVersion(stream, version, now.get(stream, 0))
        if pending.events:
            return True
        receipt = moving.receipt(pending, state, self._commits)
        if not pending.positions or self._mover.move(pending, standing, state.place[0]):
            pending.receipt = receipt
        return False

    def _numbered(self, admitted: list[Pending], state: Found) -> pa.Table | None:
        """Return the events to append with their versions; None when one append is refused."""
        if all(pending.lines is not None for pending in admitted):
            lines = [line for pending in admitted for line in pending.lines or ()]
            table = pa.Table.from_batches([as_columns(lines, self._registry)])
        elif len(admitted) == 1:
            table = admitted[0].table()
        else:
            table = together([pending.table() for pending in admitted], self._registry)
        try:
            return numbered(table, state.versions, self._registry)
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

    def _put(self, admitted: list[Pending], table: pa.Table, state: Found) -> bool:
        """Try to write the next commit; False when another writer was faster."""
        before = state.place[0]
        store, commits = self._commits.store, self._commits
        producers = dict(admitted[0].positions)
        writer = CommitWriter(
            table,
            before,
            moment_after(commits.recorded_to),
            frontier_at(commits, before),
            producers,
        )
        name, anchor = commit.name_of(before + 1), commits.anchor(before)
        if not store.put_if_absent(name, writer.write):
            if commits.refresh() <= before:
                raise StoreError(f"{store.where(name)} is no commit; move it out of the log")
            return False
        if not commits.holds(anchor) and not self._in_time(writer.metadata):
            return False
        commits.extend(writer.metadata)
        writer.set_receipts(admitted)
        place = (writer.metadata.last, writer.metadata.digest.hex())
        self._lookup.extend(place, writer.indexed, producers)
        return True

    def _in_time(self, metadata: CommitMetadata) -> bool:
        """Return whether a commit that was just put belongs to the log; it is removed if not.

        A writer that slept longer than the grace period can get the name of a commit that was
        sealed and removed. No reader looks at a file of that name any more.
        """
        commits = self._commits
        commits.overtaken(commits.manifest)
        if metadata.first > commits.manifest.through:
            return True
        if commits.last >= metadata.last and digest_at(commits, metadata.last) == metadata.digest:
            return True
        commits.store.delete(commit.name_of(metadata.first))
        return False


def _pause(lost: int) -> float:
    """Return the seconds to wait after a number of lost races: fewer each time, for fairness."""
    return random.uniform(0, FIRST_PAUSE / lost)  # noqa: S311 (no secret)
