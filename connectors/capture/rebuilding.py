"""What a connector keeps, made again from its topic when the file was lost, or is behind the log.

The messages that the log has are turned once more, and nothing of them is appended: the children of
lists come of it, which changes came before, and what was set aside. A change whose event the log
has was not set aside, and neither was what came before it of the same line: it would have waited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from connectors.capture.kept import Kept
from connectors.capture.letters import Letter
from connectors.capture.replaying import replays
from connectors.capture.rounds import Round, Rounds
from connectors.capture.source import Partition, Source, SourceAway, SourceError
from connectors.capture.units import Content, Unit, Units
from connectors.debezium.change import Boundary, Change, Ignored, Message, Origin, PoisonMessage
from connectors.debezium.envelope import read_message
from connectors.debezium.identity import event_id
from connectors.mapping.declared import Mapping as TableMapping
from connectors.mapping.errors import Untranslatable
from event_log import EventLog, counted

AT_A_TIME = 10_000
SECONDS_WITHOUT = 30.0
Tell = Callable[[str], None]


class ListsLost(SourceError):
    """The children of lists can be read from nowhere any more."""


class Rebuilding:
    """Brings the file of a connector in step with the log, from what its topics still hold."""

    def __init__(
        self, log: EventLog, mapping: TableMapping, source: Source, kept: Kept, tell: Tell
    ) -> None:
        self._log, self._mapping, self._source = log, mapping, source
        self._kept, self._tell = kept, tell

    def run(
        self,
        positions: Mapping[Partition, int],
        begin_again: bool,
        is_stopping: Callable[[], bool],
    ) -> None:
        """Read the topics from where the file came to, up to the log's positions.

        It goes on there when it was stopped. Raises ``ListsLost`` when a topic does not begin early
        enough for lists, unless it is to ``begin_again`` with what the next snapshot shows.
        """
        self._tell_why(positions)
        firsts = self._source.firsts(positions)
        if any(self._reached(each) > position for each, position in positions.items()):
            # the log is an older one: what the file has of later must not hide what comes again
            self._kept.forget_from({each[1:]: firsts[each] for each in positions})
        begins = {each: max(self._reached(each), firsts[each]) for each in positions}
        late = [e for e, goal in positions.items() if self._reached(e) < min(firsts[e], goal)]
        self._check_late(late, firsts, positions, begin_again)
        again = Again(self._log, self._mapping, self._kept)
        again.forget_replayed()
        before = len(again.letters)
        if self._read(again, begins, positions, is_stopping):
            producer = replays(self._mapping)
            there = {each.producer: position for each, position in positions.items()}
            self._kept.begin()
            again.snapshots.forget_ended()
            self._kept.rebuilt({**there, producer: self._log.position_of(producer)})
            if found := len(again.letters) - before:
                self._tell(f"{counted(found, 'message')} that had been set aside is so again")

    def _reached(self, partition: Partition) -> int:
        return self._kept.reached.get(partition.producer, 0)

    def _tell_why(self, positions: Mapping[Partition, int]) -> None:
        apart = [
            f"{each.shown}: the file at {self._reached(each):,}, the log at {position:,}"
            for each, position in positions.items()
            if self._reached(each) != position
        ]
        self._tell(
            f"{self._kept.path} does not have what belongs to the log's events"
            f" ({'; '.join(apart) or 'the log has replays that it does not know of'}). If another"
            " archive's connector reads into this log, stop it and let only one run; else the file"
            " was lost, or it or the log is an older copy. The children of lists and what was set"
            " aside are read again from the topic"
        )

    def _check_late(
        self,
        late: list[Partition],
        firsts: Mapping[Partition, int],
        positions: Mapping[Partition, int],
        begin_again: bool,
    ) -> None:
        """Tell which offsets are not held any more; raises ``ListsLost``."""
        gone = "; ".join(
            f"{each.shown}, offsets {self._reached(each):,} to"
            f" {min(firsts[each], positions[each]) - 1:,}"
            for each in late
        )
        tables = ", ".join(name for name, table in self._mapping.tables.items() if table.lists)
        if gone and tables and not begin_again:
            raise ListsLost(
                f"{self._kept.path} was lost, and the topic does not hold all that was in it"
                f" ({gone}). Start again with --begin-again, and let Debezium take a snapshot of"
                f" {tables} at once: until it comes, lists have only the children that are held"
            )
        if gone:
            self._tell(
                f"what was set aside there is not known any more, for the topic does not hold it:"
                f" {gone}. A snapshot that Debezium takes shows what is missing"
            )

    def _read(
        self,
        again: Again,
        begins: Mapping[Partition, int],
        goals: Mapping[Partition, int],
        is_stopping: Callable[[], bool],
    ) -> bool:
        """Read up to the goals; False if it was stopped before."""
        self._source.begin(begins)
        left = {each for each, goal in goals.items() if begins[each] < goal}
        units = Units(self._mapping.transactions and len(goals) == 1, 10**9)
        while left:
            if is_stopping():
                return False
            taken = self._source.take(AT_A_TIME, SECONDS_WITHOUT)
            if taken.away or not (taken.messages or taken.at_end):
                raise SourceAway(taken.away or "the topic gives no messages; start again")
            unread = []
            for message in taken.messages:
                partition = Partition(*message.origin[:3])
                if message.origin.offset >= goals[partition] - 1:
                    left.discard(partition)
                if message.origin.offset < goals[partition]:
                    unread += self._added(units, message, again)
            left -= {each for each, end in taken.at_end.items() if end >= goals[each]}
            if not left:
                units.release()
            again.keep(*units.take(), unread)
        return True

    def _added(self, units: Units, message: Message, again: Again) -> list[Letter]:
        """Add a message to the units; returns its letter if it cannot be read."""
        try:
            units.add(read_message(message, self._mapping.reading), message)
        except PoisonMessage as error:
            units.pass_by(message.origin)
            return [Letter(message, error.reason, again.names.told_by(message))]
        return []


class Again(Rounds):
    """Rounds of what the log has already: their events go nowhere, and nothing stops them."""

    def __init__(self, log: EventLog, mapping: TableMapping, kept: Kept) -> None:
        super().__init__(log, mapping, kept)
        self._counts: set[Origin] = set()
        """The changes whose events the log has, and those that it has something later of."""

    def forget_replayed(self) -> None:
        """Forget the letters of the file whose events came into the log since."""
        letters = {each.message.origin: each for each in self.letters}
        said = [self._content(each) for each in letters.values()]
        done = self._in_log(each for each in said if each is not None)
        self.letters.forget(done)

    def keep(
        self, units: list[Unit], reached: Mapping[Partition, int], unread: list[Letter]
    ) -> None:
        """Turn units, and keep what comes of them but for their events."""
        self._counts = self._in_log(said for unit in units for said, _ in unit.content)
        self.turn(units, unread)
        self.kept.rebuilt({each.producer: position for each, position in reached.items()})

    def _in_log(self, contents: Iterable[Content]) -> set[Origin]:
        ids: dict[str, Origin] = {}
        for said in contents:
            if not isinstance(said, Change):
                ids[said.event_id] = said.origin
                continue
            for stream in self.translator.streams([said]):
                ids[event_id(said, stream)] = said.origin
        return {ids[each] for each in self.log.known(set(ids))}

    def _begin_again(self) -> None:
        super()._begin_again()
        self.letters.read_again()

    def _before(self, round_: Round, said: Content, held: set[str]) -> str | None:
        """What a change waits for; nothing, if the log has it: then it waited for nothing."""
        if said.origin not in self._counts:
            return super()._before(round_, said, held)
        while (line := self.names.waits_for(said, held)) is not None:
            held.discard(line)
            self._release(round_, line, said.origin)
        return None

    def _release(self, round_: Round, line: str, until: Origin) -> None:
        """Give up the letters of a line that came before a change which the log has.

        One that cannot be read stays, for it never became anything; but nothing waits for it.
        """
        for origin, letter in list(round_.letters.items()):
            if line in letter.lines and not (origin[:3] == until[:3] and origin > until):
                if letter in round_.unread:
                    round_.unread.remove(letter)
                    round_.letters[origin] = replace(letter, lines=())
                else:
                    del round_.letters[origin]
                    self._counts.add(origin)
        kept = [each for each in self.letters if line in each.lines]
        unread = {each.message.origin for each in kept if self._content(each) is None}
        self.letters.unname(unread)
        self.letters.forget({each.message.origin for each in kept} - unread)

    def _content(self, letter: Letter) -> Content | None:
        try:
            said = read_message(letter.message, self.mapping.reading)
        except PoisonMessage:
            return None
        return None if isinstance(said, Boundary | Ignored) else said

    def _set_aside(
        self, round_: Round, said: Content, message: Message, reason: str, waits: bool = False
    ) -> None:
        if said.origin not in self._counts:
            super()._set_aside(round_, said, message, reason, waits)

    def _stop(self, said: Content, error: Untranslatable) -> None:
        """Go on: what stops the connector by the mapping as it is now did not stop it then."""

    def _check_letters(self, round_: Round) -> None:
        """Go on, however many there are."""
