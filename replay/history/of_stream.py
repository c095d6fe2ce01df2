"""The history of one stream, computed from its events alone, for one who waits for it.

These are the documents of the view ``HISTORY``, whose expressions compute those of all streams;
``tests/replay/test_history_of_stream.py`` holds that they are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from event_log import Effect
from event_log import instant_text as instant
from replay.history.changes import SHORTENED, label, title_field
from replay.history.sentences import verb

if TYPE_CHECKING:
    from event_log import Category, Event

Written = Mapping[str, Any]
"""The fields that an event writes, and their values; ``None`` for one that it clears."""


def history_of(events: Iterable[Event], category: Category) -> Iterator[dict[str, Any]]:
    """Yield a document for each event of a stream, given in order, as ``HISTORY`` has it.

    ``recorded_at`` and ``occurred_at`` are ``datetime`` in UTC.
    """
    fields: dict[str, Any] = {}
    for event in events:
        effect = next(t.effect for t in category.types if t.name == event.type)
        written = _written(event, effect, category)
        changed = [n for n in written if n not in fields or written[n] != fields[n]]
        changed = [n for n in changed if n in fields or written[n] is not None]
        changes = [
            {"field": name, "old": _shown(fields.get(name)), "new": _shown(written[name])}
            for name in changed
        ]
        fields |= written
        title = _shown(fields.get(title_field(category) or ""))
        title = event.stream if title is None else title
        yield {
            "id": f"{event.stream}@{event.version}",
            "sequence": event.sequence,
            "stream": event.stream,
            "category": event.category,
            "version": event.version,
            "type": event.type,
            "actor": event.actor,
            "recorded_at": event.recorded_at,
            "occurred_at": event.occurred_at,
            "annotations": [
                {"field": name, "value": _as_text(event.data[name])}
                for name in category.annotations.names
                if event.data.get(name) is not None
            ],
            "changes": changes,
            "summary": _summary(event, effect, category, changed, title),
        }


def _written(event: Event, effect: Effect, category: Category) -> Written:
    """The fields that an event writes, in the category's order; a creating one writes all."""
    cleared = event.data.get("cleared") or ()
    return {
        name: _as_text(event.data.get(name))
        for name in category.fields.names
        if name in event.data or name in cleared or effect is Effect.CREATES
    }


def _summary(
    event: Event, effect: Effect, category: Category, changed: list[str], title: str
) -> str:
    said = next(verb(t, category) for t in category.types if t.name == event.type)
    begun = f"{event.actor} {said}" if event.actor is not None else said[:1].upper() + said[1:]
    fields = ""
    if effect is Effect.REVISES and changed:
        *before, last = map(label, changed)
        fields = f" {', '.join(before)} and {last} of" if before else f" {last} of"
    again = " again" if effect is Effect.CREATES and event.version > 1 else ""
    return f"{begun}{fields} “{title}”{again}"


def _shown(text: str | None) -> str | None:
    if text is None or len(text) <= SHORTENED:
        return text
    return text[: SHORTENED - 1] + "…"


def _as_text(value: Any) -> str | None:
    """A value as text: instants in ISO 8601, lists with commas; as ``changes.as_text`` gives it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return instant(value) if isinstance(value, datetime) else str(value)
