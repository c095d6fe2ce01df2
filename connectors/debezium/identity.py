"""The id of an event that is made from a change: the same however often the change is sent.

A change is identified by server, transaction, lsn and place in its transaction; without transaction
metadata by server, lsn, table, key and operation; a line of a snapshot, which has none of these, by
its message's topic id, partition and offset. The event's id is the UUIDv5 of that and the event's
stream, in the namespace of ``connectors.derived``: a change makes at most one event in a stream.
"""

from __future__ import annotations

from typing import Any

import orjson

from connectors.debezium.change import Change, Operation
from connectors.derived import uuid5


def identity(change: Change) -> str:
    """Return what identifies a change, on lines."""
    if change.snapshot is None and change.lsn is not None:
        if change.order is not None:
            return f"{change.server}\n{change.transaction}\n{change.lsn}\n{change.order}"
        return _without_order(change, change.op, _line(change))
    if change.snapshot is None and change.order is not None:
        return f"{change.server}\n{change.transaction}\n{change.order}"
    _, topic_id, partition, offset = change.origin
    return f"{topic_id}\n{partition}\n{offset}"


def event_id(change: Change, stream: str) -> str:
    """Return the id of the event that a change makes in a stream.

    >>> from connectors.debezium.change import Origin
    >>> def sent(offset):
    ...     origin = Origin("shop", "T", 0, offset)
    ...     return Change("public.tag", "d", {"id": 1}, None, None, origin, "shop", "771", 1, 25)
    >>> event_id(sent(8), "tag/1") == event_id(sent(9), "tag/1")
    True
    """
    return uuid5(f"{identity(change)}\n{stream}")


def id_of_removal(change: Change, stream: str) -> str:
    """For the second half of a change of the key: the id of what the first half made.

    Debezium sends the two halves one after the other, with one lsn.
    """
    if change.order is not None:
        first = f"{change.server}\n{change.transaction}\n{change.lsn}\n{change.order - 1}"
    else:
        first = _without_order(change, Operation.DELETED, change.old_key)
    return uuid5(f"{first}\n{stream}")


def _without_order(change: Change, op: str, line: Any) -> str:
    text = orjson.dumps(line, option=orjson.OPT_SORT_KEYS, default=str).decode()
    return f"{change.server}\n{change.lsn}\n{change.table}\n{op}\n{text}"


def _line(change: Change) -> Any:
    """The key, or for a table without one the whole line."""
    return change.key if change.key is not None else (change.after or change.before)
