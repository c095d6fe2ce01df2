"""The id of an event that is made from a change: the same however often the change is sent.

A change is identified by server, transaction, lsn and place in its transaction; without transaction
metadata by server, lsn, table, key and operation; a line of a snapshot, which has none of these, by
its message's topic id, partition and offset. The event's id is the UUIDv5 of that and the event's
stream, in the namespace of ``connectors.derived``: a change makes at most one event in a stream.
"""

from __future__ import annotations

from connectors.debezium.change import Change


def event_id(change: Change, stream: str) -> str:
    """Return the id of the event that a change makes in a stream."""
    raise NotImplementedError


def id_of_removal(change: Change, stream: str) -> str:
    """For the second half of a change of the key: the id of what the first half made."""
    raise NotImplementedError
