"""One message of Debezium, as JSON with or without its schema, and what it says."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.debezium.change import Message, Said


@dataclass(frozen=True)
class Reading:
    """What must be known to read the messages of a source.

    - ``full``: the tables with REPLICA IDENTITY FULL, whose ``before`` is true after a deletion;
    - ``outbox``: the outbox's table, in the layout of Debezium's EventRouter;
    - ``routed``: the topics, as one regular expression, to which an EventRouter writes;
    - ``prefix``: the prefix of ``pg_logical_emit_message`` whose messages are events.
    """

    full: frozenset[str] = frozenset()
    outbox: str | None = None
    routed: str | None = None
    prefix: str | None = None


NOTHING_KNOWN = Reading()


def read_message(message: Message, reading: Reading = NOTHING_KNOWN) -> Said:
    """Read a message; raises ``PoisonMessage`` when it is none that Debezium writes."""
    raise NotImplementedError
