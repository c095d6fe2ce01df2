"""Drafts: the events of one call while they can still change, and the lists that they touch."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.debezium.change import Change, OutboxEvent
from connectors.debezium.identity import event_id
from connectors.mapping.children import ChildLists, ordered
from connectors.mapping.errors import Untranslatable
from event_log import Effect, NewEvent

if TYPE_CHECKING:
    from connectors.mapping.list_tables import ListTable, Move


@dataclass(slots=True)
class Known:
    """What is known of a stream that has events: whether its entity is live, and its fields.

    With ``fields``, only what differs from them becomes an event; with None, all that a change
    gives. Lines of a snapshot need them, so that a snapshot taken again adds nothing, and so does a
    line whose key changed while the source withheld a value. Once the events are in the log, the
    fields may be forgotten, to save memory.
    """

    live: bool
    fields: dict[str, Any] | None = None


@dataclass(slots=True)
class Draft:
    """An event that is not made yet: a list may still become a part of it."""

    change: Change | OutboxEvent
    stream: str
    type: str
    effect: Effect
    data: dict[str, Any] = field(default_factory=dict)
    """None for a field that is empty now."""
    event_id: str | None = None
    occurred_at: datetime | None = None
    actor: str | None = None
    cause: str | None = None

    def event(self) -> NewEvent:
        """Return the event."""
        change = self.change
        data = self.data
        if None in data.values():
            data = {name: value for name, value in data.items() if value is not None}
            if self.effect is not Effect.CREATES:
                data["cleared"] = [name for name, value in self.data.items() if value is None]
        correlation = None
        if change.transaction is not None:
            correlation = f"{change.server}:{change.transaction}"
        return NewEvent(
            self.stream,
            self.type,
            data,
            self.event_id,
            self.occurred_at,
            self.actor,
            correlation,
            self.cause,
        )


@dataclass(slots=True)
class Touched:
    """A list that changed in this call: what it was before, and the last change of it."""

    table: ListTable
    change: Change
    before: list[str | int]


class Drafts:
    """The drafts of one call in order, over what is known and the kept lists."""

    def __init__(
        self,
        known: MutableMapping[str, Known],
        lists: ChildLists,
        of_category: Mapping[str, list[ListTable]],
    ) -> None:
        self.known, self._lists, self._of_category = known, lists, of_category
        self._all: list[Draft] = []
        self._last: dict[str, Draft] = {}
        self._touched: dict[tuple[str, str], Touched] = {}
        self._anew: dict[str, Draft] = {}
        """The event that created each stream's entity or showed it again: it tells all lists."""

    def add(self, draft: Draft | None) -> None:
        """Add a draft, and set what is known of its stream."""
        if draft is None:
            return
        self._all.append(draft)
        if not self._of_category:
            self._know(draft)
            return
        if draft.effect is Effect.CREATES or draft.effect is Effect.REINSTATES:
            self._anew[draft.stream] = draft
        self._last[draft.stream] = draft
        self._know(draft)

    def _know(self, draft: Draft) -> None:
        stream, effect = draft.stream, draft.effect
        if effect is Effect.CREATES:
            data = draft.data
            if None in data.values():
                data = {n: v for n, v in data.items() if v is not None}
            else:
                data = data.copy()
            self.known[stream] = Known(True, data)
            return
        known = self.known.get(stream)
        fields = None if known is None else known.fields
        if fields is not None:
            fields = {n: v for n, v in {**fields, **draft.data}.items() if v is not None}
        live = effect is Effect.REINSTATES or (
            effect is Effect.REVISES and bool(known and known.live)
        )
        self.known[stream] = Known(live, fields)

    def move(self, table: ListTable, move: Move, change: Change) -> None:
        """Keep what a change does to a list."""
        if move.all_gone:
            for parent in list(self._lists.parents(table.name)):
                self._touch(table, parent, change)
            self._lists.drop_all(table.name)
            return
        for key, child in move.steps(self._lists, table.name):
            old = self._lists.child(table.name, key)
            if old == child:
                continue
            for each in (old, child):
                if each is not None:
                    self._touch(table, each.parent, change)
            if child is None:
                self._lists.drop(table.name, key)
            else:
                self._lists.put(table.name, key, child)

    def _touch(self, table: ListTable, parent: str, change: Change) -> None:
        touched = self._touched.get((table.name, parent))
        if touched is None:
            before = self._values(table, parent)
            self._touched[table.name, parent] = Touched(table, change, before)
        else:
            touched.change = change

    def _values(self, table: ListTable, parent: str) -> list[str | int]:
        return ordered(self._lists.of(table.name, parent))

    def finish(self) -> list[tuple[Change | OutboxEvent, Untranslatable]]:
        """Draft what became of the lists; returns what was refused."""
        refused: list[tuple[Change | OutboxEvent, Untranslatable]] = []
        for draft in self._anew.values():
            try:
                self._tell_all(draft)
            except Untranslatable as error:
                refused.append((draft.change, error))
        for (_, parent), touched in self._touched.items():
            try:
                if parent not in self._anew:
                    self._tell(parent, touched)
            except Untranslatable as error:
                refused.append((touched.change, error))
        return refused

    def _tell_all(self, draft: Draft) -> None:
        """Let the event that creates an entity, or shows it again, tell its lists."""
        tables = self._of_category.get(draft.stream.partition("/")[0])
        if not tables or not self._is_live(draft.stream):
            return
        last = self._last[draft.stream]
        for table in tables:
            values = self._values(table, draft.stream)
            if values or draft.effect is not Effect.CREATES:
                self._set(last, table, values)

    def _is_live(self, stream: str) -> bool:
        known = self.known.get(stream)
        return known is not None and known.live

    def _tell(self, parent: str, touched: Touched) -> None:
        """Tell what a list is now, if it changed and its entity is there."""
        known, table, change = self.known.get(parent), touched.table, touched.change
        if known is None or not known.live:
            return  # it is told when the parent comes, or comes back
        values = self._values(table, parent)
        before = touched.before if known.fields is None else known.fields.get(table.field) or []
        if values == before:
            return
        last = self._last.get(parent)
        if last is None or last.effect is Effect.REMOVES:
            last = Draft(change, parent, table.changed(), Effect.REVISES)
            last.event_id, last.occurred_at = event_id(change, parent), table.occurred_at(change)
            self._all.append(last)
            self._last[parent] = last
        self._set(last, table, values)

    def _set(self, draft: Draft, table: ListTable, values: list[str | int]) -> None:
        if not values:
            table.check_emptied()
        draft.data[table.field] = values or None
        known = self.known.get(draft.stream)
        if known is not None and known.fields is not None:
            fields = {**known.fields, table.field: values}
            if not values:
                del fields[table.field]
            self.known[draft.stream] = Known(known.live, fields)

    def events(self) -> list[NewEvent]:
        """Return the events in order."""
        return [draft.event() for draft in self._all]
