"""Drafts: the events of one call while they can still change, and the lists that they touch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.debezium.change import Change, OutboxEvent
from connectors.debezium.identity import event_id
from connectors.mapping.children import Child, ChildLists, ordered
from connectors.mapping.errors import Untranslatable
from event_log import Effect, NewEvent

if TYPE_CHECKING:
    from connectors.mapping.list_tables import ListTable, Move


@dataclass(slots=True)
class Known:
    """What is known of a stream that has events: whether its entity is live, and its fields.

    With ``fields``, only what differs from them becomes an event; with None, all that a change
    gives. Lines of a snapshot need them, so that a snapshot taken again adds nothing. They may be
    forgotten at any time; of an entity that was created just now they are not kept.
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
        data = {name: value for name, value in self.data.items() if value is not None}
        if len(data) < len(self.data) and self.effect is not Effect.CREATES:
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
    change: Change | None
    before: list[str | int] | None
    """None when the list must be told in any case: its entity is created or returns."""


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

    def add(self, draft: Draft | None) -> None:
        """Add a draft, and set what is known of its stream."""
        if draft is None:
            return
        self._all.append(draft)
        if not self._of_category:
            self._know(draft)
            return
        if draft.effect in (Effect.CREATES, Effect.REINSTATES):
            for table in self._of_category.get(draft.stream.partition("/")[0], ()):
                self._touched[table.name, draft.stream] = Touched(table, None, None)
        self._last[draft.stream] = draft
        self._know(draft)

    def _know(self, draft: Draft) -> None:
        stream, effect = draft.stream, draft.effect
        if effect is Effect.CREATES:
            self.known[stream] = Known(True)
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
        children: Iterable[tuple[str, Child]] = self._lists.of(table.name, parent)
        return ordered(children)

    def finish(self) -> list[tuple[Change | OutboxEvent, Untranslatable]]:
        """Draft what became of the lists; returns what was refused."""
        refused: list[tuple[Change | OutboxEvent, Untranslatable]] = []
        for (_, parent), touched in self._touched.items():
            try:
                self._finish(parent, touched)
            except Untranslatable as error:
                change = touched.change or self._last[parent].change
                refused.append((change, error))
        return refused

    def _finish(self, parent: str, touched: Touched) -> None:
        known, table = self.known.get(parent), touched.table
        if known is None or not known.live:
            return  # it is told when the parent comes, or comes back
        values, name = self._values(table, parent), table.field
        last = self._last.get(parent)
        if touched.before is None:
            assert last is not None
            if values or last.effect is not Effect.CREATES:
                self._set(last, name, values)
            return
        if values == touched.before and known.fields is None:
            return
        if known.fields is not None and (known.fields.get(name) or []) == values:
            return
        change = touched.change
        assert change is not None
        if not values:
            table.check_emptied()
        if last is None or last.effect not in (Effect.CREATES, Effect.REVISES, Effect.REINSTATES):
            last = Draft(change, parent, table.changed(change), Effect.REVISES)
            last.event_id, last.occurred_at = event_id(change, parent), table.occurred_at(change)
            self._all.append(last)
            self._last[parent] = last
        self._set(last, name, values)

    def _set(self, draft: Draft, name: str, values: list[str | int]) -> None:
        draft.data[name] = values or None
        self._know_field(draft.stream, name, values)

    def _know_field(self, stream: str, name: str, values: list[str | int]) -> None:
        known = self.known.get(stream)
        if known is not None and known.fields is not None:
            fields = {**known.fields, name: values}
            if not values:
                del fields[name]
            self.known[stream] = Known(known.live, fields)

    def events(self) -> list[NewEvent]:
        """Return the events in order."""
        return [draft.event() for draft in self._all]
