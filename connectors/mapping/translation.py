"""Changes become events: the pure half of the connector.

A change of a line of an entity becomes one event of its stream: created, changed, removed, or
returned where it was removed before. The lines of child tables become lists in the parents'
streams; all changes of a list in one call become one event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field

from connectors.debezium.change import Change, Operation, OutboxEvent
from connectors.mapping.children import ChildLists
from connectors.mapping.declared import Mapping, Table
from connectors.mapping.drafts import Draft, Drafts, Known
from connectors.mapping.entities import EntityTable
from connectors.mapping.errors import Untranslatable
from connectors.mapping.list_tables import ListTable
from connectors.mapping.outbox import OutboxTable
from event_log import NewEvent

__all__ = ["Known", "Translated", "Translator", "needs_fields"]


@dataclass(slots=True)
class Translated:
    """What became of some changes: events in order, and the changes that were refused."""

    events: list[NewEvent] = field(default_factory=list)
    refused: list[tuple[Change | OutboxEvent, Untranslatable]] = field(default_factory=list)
    unmapped: int = 0
    """The changes of tables that the mapping does not name."""


def needs_fields(said: Change | OutboxEvent) -> bool:
    """Whether of the streams of a change also the fields must be known.

    They must for a snapshot's line, and for one whose key changed while the source withheld a long
    value: it is taken from what is known.
    """
    return isinstance(said, Change) and (
        said.snapshot is not None or bool(said.withheld and said.old_key is not None)
    )


class Translator:
    """Translates changes by a mapping; plans each table's conversion once.

    Each change must be given once, in order. One that Debezium sends again must be left out by the
    caller (its transaction and order tell): what a change becomes depends on what is known, and it
    would become another event under the same id.
    """

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self._lists = {
            name: [ListTable(table, each) for each in table.lists]
            for name, table in mapping.tables.items()
            if table.lists
        }
        self._outbox = OutboxTable(mapping)
        self._of_category: dict[str, list[ListTable]] = {}
        for tables in self._lists.values():
            for each in tables:
                self._of_category.setdefault(each.category.name, []).append(each)
        self._entities = {
            name: EntityTable(table, self._fields_of_children(table))
            for name, table in mapping.tables.items()
            if table.stream
        }

    def _fields_of_children(self, table: Table) -> list[str]:
        lists = self._of_category.get(table.category.name, ()) if table.category else ()
        return [each.field for each in lists]

    def streams(self, changes: Iterable[Change | OutboxEvent]) -> set[str]:
        """Return the streams that changes touch, as far as the changes tell: to be looked up first.

        A parent that only the kept lists know of is looked up when it is met.
        """
        streams: set[str] = set()
        entities, lists = self._entities, self._lists
        for change in changes:
            try:
                if isinstance(change, OutboxEvent):
                    streams.add(self._outbox.stream(change))
                    continue
                entity = entities.get(change.table)
                if entity is not None:
                    streams.update(entity.streams(change))
                for each in lists.get(change.table, ()):
                    streams.update(each.streams(change))
            except Untranslatable:
                continue  # it is refused when it is translated
        return streams

    def lines(self, change: Change) -> set[str]:
        """Return the streams that name a line of a table without a primary key, now and before.

        Empty where they are not told, and so it may be any line.
        """
        images = [] if change.op == Operation.DELETED else [change.after]
        if change.op in (Operation.UPDATED, Operation.DELETED):
            images.append(change.before)
        streams: set[str] = set()
        for image in images:
            if image is None:
                return set()
            try:
                if entity := self._entities.get(change.table):
                    streams.add(entity.names.of(image))
                for each in self._lists.get(change.table, ()):
                    streams |= each.parents(image)
            except Untranslatable:
                return set()
        return streams

    def translate(
        self,
        changes: Sequence[Change | OutboxEvent],
        known: MutableMapping[str, Known],
        lists: ChildLists,
        live_streams: Callable[[str], Iterable[str]] | None = None,
    ) -> Translated:
        """Translate changes that belong together: a transaction, or a part of a snapshot.

        ``known`` has what is known of streams: one that is missing has no events. It is looked up
        with ``get``, and set as the events change it. Changes of a list in one call become one
        event of the parent, or a part of the event that creates it. ``live_streams(prefix)`` gives
        the streams that begin so and are live in the log, for a truncation that removes them all.
        """
        done = Translated()
        drafts = Drafts(known, lists, self._of_category)
        for change in changes:
            try:
                if isinstance(change, OutboxEvent):
                    drafts.add(self._outbox.draft(change))
                elif not self._apply(change, drafts, live_streams):
                    done.unmapped += 1
            except Untranslatable as error:
                done.refused.append((change, error))
        done.refused += drafts.finish()
        done.events = drafts.events()
        return done

    def _apply(
        self,
        change: Change,
        drafts: Drafts,
        live_streams: Callable[[str], Iterable[str]] | None,
    ) -> bool:
        """Draft the events of one change; False for a table that the mapping does not name.

        All is computed before anything is kept, so that a change that is refused leaves no trace.
        """
        entity, lists = self._entities.get(change.table), self._lists.get(change.table)
        made: list[Draft] = []
        if entity is not None:
            made = entity.drafts(change, drafts.known, live_streams)
        elif lists is None:
            return False
        if lists:
            moves = [(each, each.move(change)) for each in lists]
            for each, move in moves:
                drafts.move(each, move, change)
        for draft in made:
            drafts.add(draft)
        return True
