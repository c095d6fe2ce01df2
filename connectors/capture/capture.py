"""The loop: messages are taken, turned into events, and committed with the positions they lead to.

What was taken is only committed while the topics are still those that it came from, which the
source is asked each time: a topic that was deleted and made again is never read in silence.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from connectors.capture.kept import Kept
from connectors.capture.letters import Letter
from connectors.capture.rebuilding import Rebuilding
from connectors.capture.replaying import settle
from connectors.capture.rounds import Round, Rounds
from connectors.capture.source import (
    OffsetGone,
    Partition,
    Source,
    TopicMissing,
)
from connectors.capture.topics import (
    BEGIN_AGAIN,
    Replaced,
    check_topics,
    is_in_order,
    tell_new_tables,
)
from connectors.capture.units import Units
from connectors.capture.waiting import Waiting
from connectors.debezium.change import PoisonMessage
from connectors.debezium.envelope import read_message
from connectors.errors import ConnectorError
from connectors.mapping.declared import Mapping as TableMapping
from event_log import EventLog, InvalidEvent, WrongPosition, counted

POLL_SECONDS = 0.2
"""The longest that the loop does not look whether it is to stop."""
LOOK_SECONDS = 5.0
"""Between two questions whether the topics are still the same, while nothing comes."""
MOVE_SECONDS = 1.0
"""Between two moves of a position without events."""
COLLECT_SECONDS = 10.0
HOLD_SECONDS = 30.0
"""How long a transaction is held whose end does not come, when nothing else comes."""


@contextmanager
def collecting_rarely() -> Iterator[Callable[[], None]]:
    """Let Python look for cycles only between two rounds: else it looks at each message in vain."""
    enabled, collected_at = gc.isenabled(), time.monotonic()

    def collect() -> None:
        nonlocal collected_at
        if time.monotonic() - collected_at > COLLECT_SECONDS:
            gc.collect()
            collected_at = time.monotonic()

    gc.disable()
    try:
        yield collect
    finally:
        if enabled:
            gc.enable()


class TakenOver(ConnectorError):
    """Another connector reads the same source into the same log."""


@dataclass
class Figures:
    """What a capture did since it began."""

    messages: int = 0
    events: int = 0
    known: int = 0
    """Events that the log had, and changes that came before."""
    unmapped: int = 0
    letters: int = 0
    commits: int = 0
    lag: int | None = None
    positions: dict[Partition, int] = field(default_factory=dict)


class Capture:
    """Reads a source into a log by a mapping, from where the log says that it came to."""

    def __init__(
        self,
        log: EventLog,
        mapping: TableMapping,
        source: Source,
        kept: Kept,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.figures = Figures()
        self.rounds = Rounds(log, mapping, kept)
        self._log, self._mapping, self._source, self._kept = log, mapping, source, kept
        self._tell = tell
        self._stopping = False
        self.waiting = Waiting(mapping, kept, tell, lambda: self._stopping)
        self._poison: list[Letter] = []
        self._seen: dict[Partition, int] = {}
        self._positions: dict[Partition, int] = {}
        self._committed_at = self._moved_at = self._came_at = self._looked_at = 0.0

    def stop(self) -> None:
        """Let the loop end after the round that it is in; may be called by a signal."""
        self._stopping = True

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to end."""
        return self._stopping

    def run(
        self,
        until_end: bool = False,
        begin_again: bool = False,
        each: Callable[[], None] = lambda: None,
    ) -> Figures:
        """Read until it is told to stop, or ``until_end`` of what the topics have now.

        ``each`` is called after each step. ``begin_again`` reads topics that were made again, or
        do not hold the position any more, from where they begin now. Raises ``Replaced``,
        ``TakenOver``, ``Stopped``, and what the log raises.
        """
        self.waiting.meanwhile = each
        self._open(begin_again, until_end)
        ends = self.waiting.for_answer(self._source.ends) if until_end else None
        with collecting_rarely() as collect:
            while not self._stopping:
                self._step(begin_again)
                each()
                collect()
                if ends is not None and self._has_reached(ends):
                    break
            self._commit_ready(at_once=True)
        each()
        return self.figures

    def look(self, count: int) -> Round:
        """Turn the next messages, and give them up again; for a file that is a copy."""
        self._open(begin_again=False, until_end=True)
        ends = self.waiting.for_answer(self._source.ends)
        while self.figures.messages < count and not self._has_reached(ends):
            self._take(count - self.figures.messages)
        self._units.release()
        return self.rounds.turn(self._units.take()[0], self._poison)

    # opening

    def _open(self, begin_again: bool, until_end: bool) -> None:
        """Ask for the partitions, and begin each where the log says."""
        partitions = self.waiting.for_answer(self._source.partitions, until_end)
        if not partitions:
            return
        check_topics(self._kept, partitions, begin_again)
        positions = self._log.positions_of(each.producer for each in partitions)
        self._positions = {each: positions[each.producer] for each in partitions}
        if not settle(self._log, self._mapping, self._kept, *positions):
            self._rebuild(begin_again)
        tell_new_tables(self._kept, self._mapping, self._tell)
        self.rounds.letters.read_again()
        hold = self._mapping.transactions and is_in_order(partitions, self._tell)
        self._units = Units(hold, self._mapping.limits.transaction, self._tell)
        self._seen = dict(self._positions)
        self._poison.clear()
        self.figures.positions = self._positions
        self._source.begin(self._positions)
        self.rounds.snapshots.report(self._tell)

    def _rebuild(self, begin_again: bool) -> None:
        """Bring the file in step with the log, when it was lost or is another's."""
        again = Rebuilding(self._log, self._mapping, self._source, self._kept, self._tell)
        again.run(self._positions, begin_again, lambda: self._stopping)
        self.rounds = Rounds(self._log, self._mapping, self._kept)

    # reading

    def _step(self, begin_again: bool) -> None:
        if not self._positions:
            return
        try:
            away = self._take(max(1, self._mapping.limits.commit - self._units.count))
        except TopicMissing:
            self._is_same_source()
            return
        except OffsetGone as error:
            if self._is_same_source():
                self._gone(error, begin_again)
            return
        if away:
            self._reconnect(begin_again)
        self._give_up_holding()
        self._measure_lag()
        self._commit_ready()

    def _take(self, most: int) -> str:
        """Take the next messages into units; returns why the source does not answer."""
        taken = self._source.take(most, self._patience())
        if taken.messages:
            self._came_at = time.monotonic()
        self.figures.messages += len(taken.messages)
        reading, units = self._mapping.reading, self._units
        for message in taken.messages:
            try:
                said = read_message(message, reading)
            except PoisonMessage as error:
                self._poison.append(
                    Letter(message, error.reason, self.rounds.names.told_by(message))
                )
                units.pass_by(message.origin)
            else:
                units.add(said, message)
        for message in taken.messages[-1:] if len(self._positions) == 1 else taken.messages:
            self._seen[Partition(*message.origin[:3])] = message.origin.offset + 1
        for partition, end in taken.at_end.items():
            self._seen[partition] = max(end, self._seen[partition])
            units.pass_to(partition, end)
        return taken.away

    def _patience(self) -> float:
        """How long to wait for the next message: not at all when some wait to be committed."""
        if not self._units.count:
            return POLL_SECONDS
        due = self._committed_at + self._mapping.limits.wait_ms / 1000
        return min(max(0.0, due - time.monotonic()), POLL_SECONDS)

    def _gone(self, error: OffsetGone, begin_again: bool) -> None:
        if not begin_again or error.first is None:
            raise Replaced(
                f"{error}: what lay between was not read, and is gone. {BEGIN_AGAIN}"
            ) from None
        self._tell(f"{error}; it is read from there")
        self._positions[error.partition] = self._positions[error.partition]
        self._source.begin({**self._positions, error.partition: 0})

    def _reconnect(self, begin_again: bool) -> None:
        """Wait until the source answers, and see whether its topics are the same."""
        partitions = self.waiting.for_answer(self._source.partitions)
        if partitions and set(partitions) != set(self._positions):
            self._open(begin_again, until_end=False)

    def _give_up_holding(self) -> None:
        if self._units.is_holding and time.monotonic() - self._came_at > HOLD_SECONDS:
            self._tell("the end of a transaction did not come; what came of it is committed")
            self._units.release()

    def _measure_lag(self) -> None:
        lags = []
        for partition, seen in self._seen.items():
            newest = self._source.newest(partition)
            if newest is None:
                return
            lags.append(max(0, newest - seen))
        self.figures.lag = sum(lags)

    def _has_reached(self, ends: Mapping[Partition, int]) -> bool:
        return all(self._seen.get(partition, 0) >= end for partition, end in ends.items())

    # committing

    def _commit_ready(self, at_once: bool = False) -> None:
        """Commit what is ready, when it is time; move the positions alone once a second."""
        if not self._positions:
            return
        units, now = self._units, time.monotonic()
        if units.count or self._poison:
            waited = now - self._committed_at >= self._mapping.limits.wait_ms / 1000
            if not (waited or at_once or units.count >= self._mapping.limits.commit):
                return
        elif not units.reached or (now - self._moved_at < MOVE_SECONDS and not at_once):
            if now - self._looked_at >= LOOK_SECONDS:
                self._is_same_source()
            return
        if self._is_same_source():
            self._commit()

    def _is_same_source(self) -> bool:
        """Whether the topics are those that were read; else what was taken does not count."""
        partitions = self.waiting.for_answer(self._source.partitions)
        self._looked_at = time.monotonic()
        if not partitions:
            return False
        now = {each.topic: each.topic_id for each in partitions}
        for each in self._positions:
            if now.get(each.topic) != each.topic_id:
                check_topics(self._kept, partitions, begin_again=False)
        if len(partitions) > len(self._positions):
            self._tell("a topic has more partitions now; they are read too")
            self._open(begin_again=False, until_end=False)
            return False
        return True

    def _commit(self) -> None:
        units, reached = self._units.take()
        poison, self._poison = self._poison, []
        round_ = self.rounds.turn(units, poison)
        goal = {**self._positions, **reached}
        while not self._is_committed(round_, goal):
            pass
        self._positions.update(reached)
        self._committed_at = self._moved_at = time.monotonic()
        self._count(round_)
        self.rounds.snapshots.report(self._tell)

    def _is_committed(self, round_: Round, goal: Mapping[Partition, int]) -> bool:
        """Write the round to the file, then to the log; False when the log refused an event."""
        before = {each.producer: position for each, position in self._positions.items()}
        after = {each.producer: position for each, position in goal.items() if position}
        self._kept.prepare(before, {**before, **after}, has_events=len(round_.batch) > 0)
        moved = {name: position for name, position in after.items() if position > before[name]}
        if not moved and not len(round_.batch):
            self._kept.confirm()
            return True
        try:
            receipt = self._log.commit(
                round_.batch, positions=after, after={name: before[name] for name in after}
            )
        except InvalidEvent as error:
            if not round_.events:
                raise
            self.rounds.without(round_, error)
            return False
        except WrongPosition as error:
            self._kept.undo()
            raise TakenOver(
                f"another connector reads {', '.join(self._mapping.topics)} into this log: it is"
                f" at {error.actual:,}, where this one was at {error.expected:,}. This one has"
                " ended, and lost nothing. Let only one run: stop the other, which may be of"
                " another home or on another machine, and start this one again, or leave it so"
            ) from None
        self._kept.confirm()
        self.figures.events += receipt.added
        self.figures.known += len(round_.batch) - receipt.added
        self.rounds.known.appended(receipt)
        return True

    def _count(self, round_: Round) -> None:
        figures = self.figures
        figures.commits += 1
        figures.known += round_.again
        figures.unmapped += round_.unmapped
        if round_.letters:
            figures.letters += len(round_.letters)
            first = next(iter(round_.letters.values()))
            self._tell(
                f"{counted(len(round_.letters), 'message')} set aside, the first:"
                f" {first.message.origin.topic}, offset {first.message.origin.offset:,}:"
                f" {first.reason}"
            )
