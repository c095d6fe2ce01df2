"""Changes become events: the pure half of the connector."""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.debezium.change import Change, OutboxEvent
from connectors.mapping.children import ChildLists
from connectors.mapping.declared import Mapping
from connectors.mapping.errors import Untranslatable
from event_log import NewEvent


@dataclass(slots=True)
class Known:
    """What is known of a stream that has events: whether its entity is live, and its fields.

    With ``fields``, only what differs from them becomes an event; with None, all that a change
    gives. Lines of a snapshot need them, so that a snapshot taken again adds nothing.
    """

    live: bool
    fields: dict[str, Any] | None = None


@dataclass(slots=True)
class Translated:
    """What became of some changes: events in order, and the changes that were refused."""

    events: list[NewEvent] = field(default_factory=list)
    refused: list[tuple[Change | OutboxEvent, Untranslatable]] = field(default_factory=list)
    unmapped: int = 0
    """The changes of tables that the mapping does not name."""


class Translator:
    """Translates changes by a mapping; plans each table's conversion once.

    Each change must be given once, in order: one that Debezium sends again must be left out by the
    caller (its transaction and order tell), for what a change becomes depends on what is known.
    """

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping

    def streams(self, changes: Iterable[Change | OutboxEvent]) -> set[str]:
        """Return the streams that changes of lines touch directly: those to look up first.

        The parents of children are among them, also the parent that a child had before only the
        lists know of (pass those to ``translate`` by ``known_later``).
        """
        raise NotImplementedError

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
        the live streams that begin so, for a truncation that removes them all.
        """
        raise NotImplementedError
