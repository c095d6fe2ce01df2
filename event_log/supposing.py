"""Supposing: events as the log would have them next, without appending them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow as pa

from event_log import placing, reading

if TYPE_CHECKING:
    from event_log.event import NewEvent
    from event_log.log import EventLog


def supposed(log: EventLog, events: Iterable[NewEvent]) -> pa.Table:
    """The events with all columns of a scan, from the sequence after the log's head on.

    Raises what ``EventLog.append`` raises for events that do not fit.
    """
    batch = log.batch()
    for event in events:
        batch.add(event)
    numbered = placing.numbered(batch.table(), log.versions(batch.streams()), log.registry)
    placed = placing.placed(numbered, log.head, time.time_ns() // 1000)
    whole = pa.Table.from_batches(placed)
    types = reading.schema(log.registry)
    columns = [
        whole.column(field.name).cast(field.type)
        if field.name in whole.column_names
        else pa.nulls(len(whole), field.type)
        for field in types
    ]
    return pa.table(columns, schema=types)
