"""One round: units of changes become a batch of events, and what does not fit is set aside.

What a change becomes depends on the changes before it. So when one is set aside, the round is
turned again without it, and without what came later of the same line of its table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from connectors.capture.batches import batch_by_columns
from connectors.capture.held import LineNames
from connectors.capture.kept import Kept
from connectors.capture.known import KnownStreams
from connectors.capture.letters import Letter, Letters
from connectors.capture.lists import KeptLists
from connectors.capture.sent import Sent
from connectors.capture.snapshots import Snapshots
from connectors.capture.source import producer_of
from connectors.capture.units import Content, Unit
from connectors.debezium.change import Change, Message, Origin, OutboxEvent
from connectors.errors import ConnectorError
from connectors.mapping.declared import Mapping
from connectors.mapping.errors import Untranslatable
from connectors.mapping.translation import Translator, needs_fields
from event_log import Batch, EventLog, InvalidEvent, NewEvent
from replay import live_beginning

MOST_LETTERS = 1_000
"""So many messages are set aside in one round; if there are more, the mapping is wrong."""


class Stopped(ConnectorError):
    """A message does not fit, and the mapping says to stop then; or too many do not fit."""


@dataclass
class Round:
    """Units, and what became of them: a batch to commit, and the letters to set aside."""

    units: list[Unit]
    batch: Batch
    events: list[tuple[NewEvent, Unit]] = field(default_factory=list)
    letters: dict[Origin, Letter] = field(default_factory=dict)
    unread: list[Letter] = field(default_factory=list)
    """Of the letters those that cannot be read, by their offsets: they are in no unit."""
    is_replay: bool = False
    """Whether all of it was set aside before: nothing new is, however much stays."""
    again: int = 0
    """The changes that came before."""
    unmapped: int = 0


class Rounds:
    """Turns units into batches for one connector."""

    def __init__(self, log: EventLog, mapping: Mapping, kept: Kept) -> None:
        self.log, self.mapping, self.kept = log, mapping, kept
        self.translator = Translator(mapping)
        self.lists = KeptLists(kept)
        self.letters = Letters(kept)
        self.sent = Sent(kept)
        self.known = KnownStreams(log)
        self.names = LineNames(self.translator)
        self.snapshots = Snapshots(log, mapping, kept, self.lists, self.translator)

    def turn(self, units: Sequence[Unit], poison: Iterable[Letter] = ()) -> Round:
        """Begin a round and turn units into events; raises ``Stopped``."""
        self.kept.begin()
        self.known.catch_up()
        round_ = self._round(units, poison)
        for unit in round_.units:
            came = len(unit.content)
            unit.content = [each for each in unit.content if not self._is_again(each[0])]
            round_.again += came - len(unit.content)
        self._turn(round_)
        return round_

    def turn_again(self, units: Sequence[Unit], unread: Iterable[Letter]) -> Round:
        """Begin a round that turns letters into events; those that still do not fit stay."""
        self.letters.lines = set()
        self.kept.begin()
        self.known.catch_up()
        round_ = self._round(units, unread)
        round_.is_replay = True
        self._turn(round_)
        return round_

    def _round(self, units: Sequence[Unit], unread: Iterable[Letter]) -> Round:
        round_ = Round(list(units), self.log.batch())
        round_.unread = sorted(unread, key=lambda letter: letter.message.origin)
        round_.letters = {letter.message.origin: letter for letter in round_.unread}
        return round_

    def without(self, round_: Round, error: InvalidEvent) -> None:
        """Turn a prepared round again without what the log refused; raises ``Stopped``."""
        self.kept.undo()
        self._begin_again()
        event, unit = round_.events[error.position]
        self._blame(round_, event, unit, error)
        self._turn(round_)

    def _turn(self, round_: Round) -> None:
        self._look_up(round_.units)
        while not self._is_turned(round_):
            self.kept.roll_back()
            self._begin_again()
            self._look_up(round_.units)
        self.sent.keep()
        self.lists.keep()
        self.letters.set_aside(round_.letters.values())

    def _begin_again(self) -> None:
        self.known.forget()
        self.lists.give_up()
        self.snapshots.read_again()
        self.kept.begin()

    def _is_turned(self, round_: Round) -> bool:
        """Translate all units but for the letters; False when there are more letters now."""
        round_.batch, round_.events, round_.unmapped = self.log.batch(), [], 0
        before = len(round_.letters)
        held, unread = {*self.letters.lines}, [letter for letter in round_.unread if letter.lines]
        for unit in round_.units:
            chosen = (
                self._chosen(round_, unit, held, unread) if held or round_.letters else unit.content
            )
            self._translate(round_, unit, chosen)
        self._fill(round_)
        if round_.letters and not round_.is_replay:
            self._check_letters(round_)
        return len(round_.letters) == before

    def _check_letters(self, round_: Round) -> None:
        """Stop where the mapping says so, or where there are too many letters."""
        wrong = [letter for letter in round_.letters.values() if not letter.waits]
        letters = wrong or list(round_.letters.values())
        first = min(letters, key=lambda letter: letter.message.origin)
        if self.mapping.poison == "error" and wrong:
            raise Stopped(f"{_place(first.message.origin)}: {first.reason}")
        if len(round_.letters) > MOST_LETTERS:
            raise Stopped(
                f"{len(round_.letters):,} messages do not fit the mapping, so none was set aside;"
                f" the first: {first.reason}"
            )

    def _chosen(
        self, round_: Round, unit: Unit, held: set[str], unread: list[Letter]
    ) -> list[tuple[Content, Message]]:
        """The content of a unit without the letters, and without what waits for one of them."""
        chosen = []
        for said, message in unit.content:
            for letter in [each for each in unread if each.message.origin[:3] == said.origin[:3]]:
                if letter.message.origin < said.origin:
                    held.update(letter.lines)
                    unread.remove(letter)
            if said.origin in round_.letters:
                held.update(self.names.of(said))
            elif (before := self._before(round_, said, held)) is not None:
                reason = f"waits for what was set aside before of {before}"
                self._set_aside(round_, said, message, reason, waits=True)
                held.update(self.names.of(said))
            else:
                chosen.append((said, message))
        return chosen

    def _before(self, round_: Round, said: Content, held: set[str]) -> str | None:  # noqa: ARG002
        """What was set aside and has to come before a change."""
        return self.names.waits_for(said, held)

    def _set_aside(
        self, round_: Round, said: Content, message: Message, reason: str, waits: bool = False
    ) -> None:
        round_.letters[said.origin] = Letter(message, reason, self.names.of(said), waits)

    def _stop(self, said: Content, error: Untranslatable) -> None:
        raise Stopped(f"{_place(said.origin)}: {error}")

    def _translate(self, round_: Round, unit: Unit, chosen: list[tuple[Content, Message]]) -> None:
        changes = [said for said, _ in chosen]
        self.lists.met.clear()
        translated = self.translator.translate(
            changes, self.known, self.lists, lambda prefix: live_beginning(self.log, prefix)
        )
        round_.unmapped += translated.unmapped
        for said, error in translated.refused:
            message = next(message for each, message in chosen if each is said)
            if error.stops:
                self._stop(said, error)
            else:
                self._set_aside(round_, said, message, str(error))
        round_.events += [(event, unit) for event in translated.events]
        lines = [said for said in changes if isinstance(said, Change)]
        note = self.snapshots.note if unit.snapshot else self.snapshots.note_later
        note(lines)

    def _fill(self, round_: Round) -> None:
        """Add the events to the batch, and set aside what an invalid one was made from."""
        typed = not any(
            isinstance(said, OutboxEvent) for unit in round_.units for said, _ in unit.content
        )
        quick = batch_by_columns(self.log, [e for e, _ in round_.events]) if typed else None
        if quick is not None:
            round_.batch = quick
            return
        for event, unit in round_.events:
            try:
                round_.batch.add(event)
            except InvalidEvent as error:
                self._blame(round_, event, unit, error)

    def _blame(self, round_: Round, event: NewEvent, unit: Unit, error: InvalidEvent) -> None:
        """Set aside the changes of a unit that an event was made from."""
        reason = f"the log refuses {event.type} of {event.stream}: {error.field}: {error.reason}"
        blamed = [
            (said, message)
            for said, message in unit.content
            if said.origin not in round_.letters and event.stream in self.translator.streams([said])
        ]
        for said, message in blamed or unit.content:
            self._set_aside(round_, said, message, reason)

    def _look_up(self, units: Iterable[Unit]) -> None:
        """Look up the streams of all units at once; for lines of a snapshot also the fields."""
        plain, whole = list[Content](), list[Content]()
        for unit in units:
            for said, _ in unit.content:
                (whole if needs_fields(said) else plain).append(said)
        self.known.look_up(self.translator.streams(whole), fields=True)
        self.known.look_up(self.translator.streams(plain))

    def _is_again(self, said: Content) -> bool:
        if not isinstance(said, Change):
            return False
        _, topic_id, number, _ = said.origin
        return self.sent.is_again(producer_of(topic_id, number), said)


def _place(origin: Origin) -> str:
    return f"{origin.topic}, partition {origin.partition}, offset {origin.offset:,}"
