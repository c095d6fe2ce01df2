"""Dead letters tried again: what a mended mapping makes of them becomes one commit.

A producer of its own counts the replays in the log, so that a letter becomes events once, whatever
is killed.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.capture.kept import Kept
from connectors.capture.letters import Letter, Letters
from connectors.capture.rounds import Rounds
from connectors.capture.units import Unit
from connectors.debezium.change import Boundary, Ignored, PoisonMessage
from connectors.debezium.envelope import read_message
from connectors.mapping.declared import Mapping
from event_log import EventLog, InvalidEvent


@dataclass(frozen=True)
class Replayed:
    """The letters that were tried, those of them that stay, and the events that the others made."""

    tried: int
    left: int
    events: int


def replays(mapping: Mapping) -> str:
    """The name under which the log counts the replays of a source.

    >>> from types import SimpleNamespace
    >>> replays(SimpleNamespace(source="cms"))
    'replays:cms'
    """
    return f"replays:{mapping.source}"


def replay(log: EventLog, mapping: Mapping, kept: Kept) -> Replayed:
    """Try all letters again, in their order; the connector must not run."""
    producer = replays(mapping)
    settle(log, mapping, kept)
    rounds = Rounds(log, mapping, kept)
    letters = list(rounds.letters)
    units, still, done = [], [], []
    for letter in letters:
        try:
            said = read_message(letter.message, mapping.reading)
        except PoisonMessage as error:
            still.append(Letter(letter.message, error.reason, letter.lines))
            continue
        done.append(letter.message.origin)
        if not isinstance(said, Boundary | Ignored):
            units.append(Unit(said.transaction, content=[(said, letter.message)]))
    round_ = rounds.turn_again(units, still)
    before = log.position_of(producer)
    while True:
        left = round_.letters.keys()
        rounds.letters.mark([origin for origin in done if origin not in left], before + 1)
        kept.prepare({producer: before}, {producer: before + 1}, has_events=len(round_.batch) > 0)
        try:
            receipt = log.commit(
                round_.batch, positions={producer: before + 1}, after={producer: before}
            )
        except InvalidEvent as error:
            rounds.without(round_, error)
            continue
        break
    kept.confirm()
    rounds.letters.forget_replayed(before + 1)
    return Replayed(len(letters), len(rounds.letters), receipt.added)


def settle(log: EventLog, mapping: Mapping, kept: Kept, *producers: str) -> bool:
    """Bring the file in step with the log; returns whether it has all that belongs to the log."""
    positions = log.positions_of({*kept.reached, replays(mapping), *producers})
    is_so = kept.settle(positions)
    Letters(kept).forget_replayed(positions[replays(mapping)])
    return is_so
