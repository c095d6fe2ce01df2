"""Dead letters tried again: what a mended mapping makes of them becomes one commit.

A producer of its own counts the replays in the log, so that a letter becomes events once, whatever
is killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.capture.kept import Kept
from connectors.capture.letters import Letter, Letters
from connectors.capture.rounds import Round, Rounds
from connectors.capture.units import Unit
from connectors.debezium.change import Boundary, Ignored, Origin, PoisonMessage
from connectors.debezium.envelope import read_message
from connectors.errors import ConnectorError
from connectors.mapping.declared import Mapping
from event_log import EventLog, InvalidEvent, WrongPosition


class ReplayRefused(ConnectorError):
    """The letters cannot be tried again now; the message says what to do first."""


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
    """Try all letters again, in their order; the connector must not run.

    Raises ``ReplayRefused`` where the letters may not be those that belong to the log.
    """
    if not settle(log, mapping, kept):
        raise ReplayRefused(
            f"{kept.path} does not have what belongs to the log's events, so what was set aside may"
            " be something else; run the connector with --until-end, which reads it again from the"
            " topic, and then --replay again"
        )
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
    events = _committed(rounds, rounds.turn_again(units, still), done)
    return Replayed(len(letters), len(rounds.letters), events)


def _committed(rounds: Rounds, round_: Round, done: Sequence[Origin]) -> int:
    """Commit what letters became, and forget those; returns the events that are new."""
    log, kept, producer = rounds.log, rounds.kept, replays(rounds.mapping)
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
        except WrongPosition:
            kept.undo()
            raise ReplayRefused(
                f"somebody else replayed dead letters of {rounds.mapping.source} into this log"
                " meanwhile; let only one archive read into a log, run its connector with"
                " --until-end, and then --replay again"
            ) from None
        break
    kept.confirm()
    rounds.letters.forget_replayed(before + 1)
    return receipt.added


def settle(log: EventLog, mapping: Mapping, kept: Kept, *producers: str) -> bool:
    """Bring the file in step with the log; returns whether it has all that belongs to the log."""
    positions = log.positions_of({*kept.reached, replays(mapping), *producers})
    is_so = kept.settle(positions)
    Letters(kept).forget_replayed(positions[replays(mapping)])
    return is_so
