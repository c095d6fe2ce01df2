"""Tables whose lines are entities: what a change of a line becomes, given what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from connectors.debezium.change import Change, Columns, Operation
from connectors.debezium.identity import event_id, id_of_removal
from connectors.debezium.schema import EPOCH
from connectors.mapping.declared import Table, Types
from connectors.mapping.drafts import Draft, Known
from connectors.mapping.errors import Untranslatable
from connectors.mapping.planning import Lines, Plan, matches, of_one
from connectors.mapping.templates import Template, as_text
from event_log import INSTANT, Effect

LONGEST_NAME = 512
"""Characters: the longest name of a stream or of an actor."""
LiveStreams = Callable[[str], Iterable[str]]


class StreamNames:
    """The streams of one table's lines, by a template of their columns."""

    def __init__(self, table: Table, text: str) -> None:
        self.table = table
        self.template = Template(text, stream=True)
        self.columns = self.template.columns
        self._fill = self.template.fill
        self._keys: set[tuple[str, ...]] = set()

    def of(self, line: Columns, key: Columns | None = None) -> str:
        """Return the stream of a line; a column that it lacks is taken from the key."""
        try:
            name = self._fill(*[line[c] if c in line else (key or {})[c] for c in self.columns])
        except KeyError as error:
            raise Untranslatable(
                self.table.name,
                str(error.args[0]),
                f"there is no such column, of which the stream {self.template.text} is made; there"
                f" is {', '.join(line)}",
                stops=True,
            ) from None
        except ValueError as error:
            raise Untranslatable(self.table.name, ", ".join(self.columns), str(error)) from None
        if name is None:
            raise Untranslatable(
                self.table.name,
                ", ".join(self.columns),
                f"is null, and cannot name a stream {self.template.text}",
            )
        if len(name) > LONGEST_NAME:
            raise Untranslatable(
                self.table.name,
                ", ".join(self.columns),
                f"makes the name of a stream longer than {LONGEST_NAME} characters",
            )
        return name

    def check_key(self, key: Columns | None) -> None:
        """Refuse a stream that a deletion could not tell: one of columns outside of the key."""
        if key is None or self.table.full or (shape := tuple(key)) in self._keys:
            return
        others = [column for column in self.columns if column not in key]
        if others:
            raise Untranslatable(
                self.table.name,
                others[0],
                f"the stream {self.template.text} is made of {others[0]}, which is not of the key"
                f" ({', '.join(key)}), and a deletion tells the key alone; name the stream by the"
                " key, or give the table REPLICA IDENTITY FULL and say identity: full",
                stops=True,
            )
        self._keys.add(shape)


class EntityTable:
    """Drafts the events of one table's lines."""

    def __init__(self, table: Table, of_children: Collection[str] = ()) -> None:
        """``of_children`` are the fields that lines of other tables make."""
        self.table, self.lines = table, Lines(table)
        self.types, self.category = cast("Types", table.types), self.lines.category
        self.names = StreamNames(table, table.stream or "")
        self._required = self.category.required
        self._required_by = {
            each.name: [name for name in each.required if name not in of_children]
            for each in self.category.types
        }
        self._constants = [name for name, value in table.fields.items() if not value.columns]
        occurred = table.occurred_at
        self._occurred = None if occurred is None else of_one(occurred, INSTANT, False)
        self._at: tuple[int | None, datetime | None] = (None, None)

    def streams(self, change: Change) -> list[str]:
        """Return the streams that a change of a line touches."""
        streams = [] if change.after is None else [self._stream(change, change.after)]
        if change.old_key is not None:
            streams.append(self.names.of(change.old_key, change.key))
        if change.before is not None and (change.op == Operation.DELETED or self.table.full):
            streams.append(self.names.of(change.before, change.key))
        return streams

    def _stream(self, change: Change, line: Columns) -> str:
        """The stream of the line that a change gives, which is named once."""
        stream = change.stream
        if stream is None:
            stream = change.stream = self.names.of(line, change.key)
        return stream

    def drafts(
        self, change: Change, known: Mapping[str, Known], live_streams: LiveStreams | None
    ) -> list[Draft]:
        """Return what a change becomes; raises ``Untranslatable``."""
        if change.op == Operation.TRUNCATED:
            return self._truncated(change, known, live_streams)
        self.names.check_key(change.key)
        if change.op == Operation.DELETED:
            return self._deleted(change, known)
        stream = self._stream(change, change.after or {})
        old, cause = self._moved_from(change, stream, known)
        drafts = []
        if old is not None and change.old_key is None and (was := known.get(old)) and was.live:
            drafts.append(self._removed(change, old))
        made = self._shown(change, stream, known, old, cause)
        return drafts if made is None else [*drafts, made]

    def whole(self, change: Change) -> Draft | None:
        """Return what a whole line says, without an id; None if ``where`` leaves it out."""
        line = change.after or {}
        stream, plan = self.names.of(line), self.lines.plan(line, frozenset())
        if not matches(self.table.where, line):
            return None
        data = {n: v for n, v in self.lines.data(plan, line).items() if v is not None}
        if plan.annotations:
            data |= self.lines.annotations(plan, line)
        draft = Draft(change, stream, self.types.created, Effect.CREATES, data)
        draft.occurred_at = self._occurred_at(change, line)
        if self.table.actor is not None:
            draft.actor = self._actor(line.get(self.table.actor))
        return draft

    def of_lines(self, columns: Iterable[str]) -> list[str]:
        """Return the fields that lines with these columns make."""
        plan = self.lines.plan(dict.fromkeys(columns), frozenset())
        return [name for name, *_ in (*plan.single, *plan.several)]

    def _moved_from(
        self, change: Change, stream: str, known: Mapping[str, Known]
    ) -> tuple[str | None, str | None]:
        """The stream that the line had before its key changed, and the event that removed it."""
        if change.old_key is not None:
            old = self.names.of(change.old_key)
            cause = id_of_removal(change, old) if known.get(old) is not None else None
        elif change.before is not None and change.op == Operation.UPDATED:
            old = self.names.of(change.before)
            was = known.get(old)
            cause = event_id(change, old) if was is not None and was.live else None
        else:
            return None, None
        if old == stream:
            return None, None
        self._check_move(old, stream)
        return old, cause

    def _check_move(self, old: str, stream: str) -> None:
        if self.table.key_change == "error":
            raise Untranslatable(
                self.table.name,
                ", ".join(self.names.columns),
                f"the key changed, so that {old} would become {stream}; the mapping says"
                " key_change: error",
                stops=True,
            )

    def _shown(
        self,
        change: Change,
        stream: str,
        known: Mapping[str, Known],
        old: str | None,
        cause: str | None,
    ) -> Draft | None:
        """What a line that is there becomes."""
        line, was = change.after or {}, known.get(stream)
        live = was is not None and was.live
        plan = self.lines.plan(line, change.withheld)
        if not self._matches(change, line, live):
            return self._removed(change, stream) if live else None
        if was is None or not was.live:
            return self._created(change, stream, plan, was, known.get(old) if old else None, cause)
        return self._changed(change, stream, plan, was)

    def _matches(self, change: Change, line: Columns, live: bool) -> bool:
        where = self.table.where
        if not where:
            return True
        if not change.withheld.isdisjoint(where):
            return live  # a value that did not change decides as it did before
        return matches(where, line)

    def _created(
        self,
        change: Change,
        stream: str,
        plan: Plan,
        was: Known | None,
        moved: Known | None,
        cause: str | None,
    ) -> Draft:
        """The event that creates an entity, or shows one again that was removed."""
        data = self.lines.data(plan, change.after or {})
        for name in plan.withheld:
            data[name] = self._from_before(name, moved)
        returns = was is not None and self.types.reinstates
        name = self.types.returned if was is not None else self.types.created
        effect = Effect.REINSTATES if returns else Effect.CREATES
        if returns:
            self._check_null(data)
            if was is not None and was.fields is not None:
                data = differing(data, was.fields)
        draft = self._draft(change, stream, name, effect, data, plan)
        for required in self._required_by[name]:
            if draft.data.get(required) is None:
                self._lacks(required, name)
        draft.cause = cause
        return draft

    def _from_before(self, name: str, moved: Known | None) -> Any:
        """A value that the source withheld, from what is known of the line under its old key."""
        if moved is not None and moved.fields is not None:
            return moved.fields.get(name)
        raise Untranslatable(
            self.table.name,
            None,
            f"the source withheld a long value, for it did not change, but the field {name} is not"
            " known; give the table REPLICA IDENTITY FULL, and say identity: full",
        )

    def _changed(self, change: Change, stream: str, plan: Plan, was: Known) -> Draft | None:
        """The event that says what is different now; None when nothing is."""
        before = change.before if change.op == Operation.UPDATED else None
        data = self.lines.data(plan, change.after or {}, before)
        if was.fields is not None:
            data = differing(data, was.fields)
        else:
            for name in self._constants:
                data.pop(name, None)
        if not data:
            return None
        self._check_null(data)
        if self.types.changed is None:
            raise Untranslatable(
                self.table.name,
                None,
                f"{stream} changed, but {self.category.name} has no event type that revises",
                stops=True,
            )
        return self._draft(change, stream, self.types.changed, Effect.REVISES, data, plan)

    def _check_null(self, data: Mapping[str, Any]) -> None:
        if None not in data.values():
            return
        for name in self._required:
            if name in data and data[name] is None:
                self._lacks(name, self.category.name)

    def _lacks(self, field: str, what: str) -> None:
        value = self.table.fields.get(field)
        column = ", ".join(value.columns) if value else field
        raise Untranslatable(
            self.table.name,
            column or None,
            f"{field} is required by {what}, but null or missing",
        )

    def _draft(
        self,
        change: Change,
        stream: str,
        name: str,
        effect: Effect,
        data: dict[str, Any],
        plan: Plan,
    ) -> Draft:
        line = change.after or {}
        if plan.annotations:
            data |= self.lines.annotations(plan, line)
        draft = Draft(change, stream, name, effect, data, event_id(change, stream))
        draft.occurred_at = self._occurred_at(change, line)
        if self.table.actor is not None:
            draft.actor = self._actor(line.get(self.table.actor))
        return draft

    def _actor(self, value: Any) -> str | None:
        name = (as_text(value) or "").strip()
        if not name.isprintable() or len(name) > LONGEST_NAME:
            raise Untranslatable(
                self.table.name,
                self.table.actor,
                f"actor: it has control characters, or more than {LONGEST_NAME} characters",
            )
        return name or None

    def _occurred_at(self, change: Change, line: Columns) -> datetime | None:
        told = self.table.occurred_at
        if told is None or self._occurred is None:
            return self.committed_at(change)
        value = line.get(told.columns[0])
        try:
            at: datetime | None = None if value is None else self._occurred(value)
        except ValueError as error:
            raise Untranslatable(
                self.table.name, told.columns[0], f"occurred_at: {error}"
            ) from None
        return at

    def committed_at(self, change: Change) -> datetime | None:
        """Return when a change happened; None for a snapshot, which tells when it was read."""
        if change.snapshot is not None or change.at is None:
            return None
        if self._at[0] != change.at:
            self._at = (change.at, EPOCH + timedelta(microseconds=change.at))
        return self._at[1]

    def _deleted(self, change: Change, known: Mapping[str, Known]) -> list[Draft]:
        stream = self.names.of(change.before or {}, change.key)
        if change.new_key is not None:
            self._check_move(stream, self.names.of(change.new_key))
        elif self.table.delete != "remove":
            if self.table.delete == "ignore":
                return []
            raise Untranslatable(
                self.table.name,
                None,
                f"{stream} was deleted; the mapping says delete: error",
                stops=True,
            )
        was = known.get(stream)
        return [self._removed(change, stream)] if was is not None and was.live else []

    def _removed(self, change: Change, stream: str) -> Draft:
        if self.types.removed is None:
            raise Untranslatable(
                self.table.name,
                None,
                f"{stream} was removed, but {self.category.name} has no event type that removes;"
                " say delete: ignore if it is to stay",
                stops=True,
            )
        draft = Draft(change, stream, self.types.removed, Effect.REMOVES)
        draft.event_id, draft.occurred_at = event_id(change, stream), self.committed_at(change)
        return draft

    def _truncated(
        self, change: Change, known: Mapping[str, Known], live_streams: LiveStreams | None
    ) -> list[Draft]:
        if self.table.truncate == "ignore":
            return []
        if self.table.truncate == "error" or live_streams is None:
            raise Untranslatable(
                self.table.name,
                None,
                "the table was truncated; the mapping says truncate: error. To go on, say truncate:"
                " remove, which removes all its entities, or truncate: ignore, which keeps them",
                stops=True,
            )
        before = self.names.template.before
        live = set(live_streams(before))
        for stream, was in known.items():
            if stream.startswith(before):
                (live.add if was.live else live.discard)(stream)
        return [self._removed(change, stream) for stream in sorted(live)]


def differing(data: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data that differ from the fields that an entity has.

    >>> differing({"name": "Sea", "kind": None, "aliases": []}, {"name": "Sea"})
    {}
    """
    return {name: value for name, value in data.items() if not _same(value, fields.get(name))}


def _same(value: Any, field: Any) -> bool:
    if value == field or (not value and field is None and isinstance(value, list)):
        return True
    return bool(value != value and field != field)  # NaN
