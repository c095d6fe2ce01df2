"""The children of lists, read again from their topic when the file of a connector was lost.

Only the lists are made: the events are in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from connectors.capture.kept import Kept
from connectors.capture.lists import KeptLists
from connectors.capture.sent import Sent
from connectors.capture.source import Partition, Source, SourceAway, SourceError
from connectors.capture.units import Unit, Units
from connectors.debezium.change import Change, Message, PoisonMessage
from connectors.debezium.envelope import read_message
from connectors.mapping.declared import Mapping as TableMapping
from connectors.mapping.translation import Known, Translator

if TYPE_CHECKING:
    from connectors.capture.rounds import Rounds

AT_A_TIME = 10_000
SECONDS_WITHOUT = 30.0


class ListsLost(SourceError):
    """The children of lists can be read from nowhere any more."""


def has_lists(mapping: TableMapping) -> bool:
    """Whether some table of a mapping becomes a list of another's."""
    return any(table.lists for table in mapping.tables.values())


def rebuild_lists(
    source: Source,
    rounds: Rounds,
    mapping: TableMapping,
    positions: Mapping[Partition, int],
    begin_again: bool,
) -> None:
    """Read topics up to the log's positions, and keep the children that they tell of.

    Raises ``ListsLost`` when a topic does not begin early enough, unless it is to ``begin_again``
    with what the next snapshot shows.
    """
    kept = rounds.kept
    by_producer = {each.producer: position for each, position in positions.items()}
    begins = {each: kept.reached.get(each.producer, 0) for each in positions}
    late = has_lists(mapping) and any(
        first > begins[each] and positions[each] for each, first in source.firsts(positions).items()
    )
    if late and not begin_again:
        tables = ", ".join(name for name, table in mapping.tables.items() if table.lists)
        raise ListsLost(
            f"{kept.path} was lost, and the topic does not hold all that was in it. Start again"
            f" with --begin-again, and let Debezium take a snapshot of {tables} at once: until it"
            " comes, lists have only the children that changed since"
        )
    kept.begin()
    if has_lists(mapping) and not late:
        _Rebuild(kept, rounds.translator, mapping).read(source, begins, positions)
    kept.rebuilt(by_producer)


class _Rebuild:
    """One reading of the topics from their beginning to where the log is."""

    def __init__(self, kept: Kept, translator: Translator, mapping: TableMapping) -> None:
        self._lists, self._sent = KeptLists(kept), Sent(kept)
        self._translator, self._mapping = translator, mapping

    def read(
        self, source: Source, begins: Mapping[Partition, int], goals: Mapping[Partition, int]
    ) -> None:
        source.begin(begins)
        left = {each for each, goal in goals.items() if begins[each] < goal}
        units = Units(self._mapping.transactions and len(goals) == 1, 10**9)
        while left:
            taken = source.take(AT_A_TIME, SECONDS_WITHOUT)
            if taken.away or not (taken.messages or taken.at_end):
                raise SourceAway(taken.away or "the topic gives no messages; start again")
            for message in taken.messages:
                partition = Partition(*message.origin[:3])
                if message.origin.offset >= goals[partition] - 1:
                    left.discard(partition)
                if message.origin.offset < goals[partition]:
                    self._add(units, message)
            left -= {each for each, end in taken.at_end.items() if end >= goals[each]}
            for unit in units.take()[0]:
                self._keep(unit)
        units.release()
        for unit in units.take()[0]:
            self._keep(unit)
        self._sent.keep()
        self._lists.keep()

    def _add(self, units: Units, message: Message) -> None:
        try:
            units.add(read_message(message, self._mapping.reading), message)
        except PoisonMessage:
            units.pass_by(message.origin)  # it became a dead letter, or was mended since

    def _keep(self, unit: Unit) -> None:
        changes = []
        for said, _ in unit.content:
            if isinstance(said, Change) and not self._sent.is_again(
                Partition(*said.origin[:3]).producer, said
            ):
                table = self._mapping.tables.get(said.table)
                if table is not None and table.lists:
                    changes.append(said)
        known: dict[str, Known] = {}
        self._translator.translate(changes, known, self._lists)
