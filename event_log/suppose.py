"""Supposed events: how events would look in the log if they were appended."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow as pa

from event_log.appending.commit_writer import numbered, placed
from event_log.files import reading

if TYPE_CHECKING:
    from event_log.event import NewEvent
    from event_log.log import EventLog


def suppose_events(log: EventLog, events: Iterable[NewEvent]) -> pa.Table:
    """Return events as a scan would yield them if they were appended now, with all columns.

    Raises what ``EventLog.append`` raises for events that are not valid.
    """
    batch = log.batch()
    for event in events:
        batch.add(event)
    versioned = numbered(batch.table(), log.versions(batch.streams()), log.registry)
    batches = placed(versioned, log.head, time.time_ns() // 1000)
    whole = pa.Table.from_batches(batches)
    types = reading.log_schema(log.registry)
    columns = [
        whole.column(field.name).cast(field.type)
        if field.name in whole.column_names
        else pa.nulls(len(whole), field.type)
        for field in types
    ]
    return pa.table(columns, schema=types)
