"""Checks of stored events: each matches its digest and lies under its category."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from event_log.digests.digest import event_digests
from event_log.errors import DamagedLog, EventLogError

CHANGED = "the event is not the one that was appended"


def check_events(events: pa.RecordBatch) -> None:
    """Raise ``DamagedLog`` for the first event that does not match its digest."""
    try:
        digests = event_digests(events)
    except EventLogError as error:  # a type that no event has
        raise misfit(pc.min(events.column("sequence")).as_py() or 0, str(error)) from None
    check_all(events, pc.not_equal(events.column("digest"), digests), CHANGED)
    strays = pc.invert(_belongs(events))
    check_all(events, strays, "its data are not those of its stream's category")


def check_all(events: pa.RecordBatch, differs: pa.Array, reason: str) -> None:
    """Raise ``DamagedLog`` for the first event that ``differs``; null counts as different."""
    places = pc.fill_null(differs, True)
    if places.true_count:
        wrong = events.column("sequence").filter(places)
        raise misfit(pc.min(wrong).as_py() or 0, reason)


def _belongs(events: pa.RecordBatch) -> pa.BooleanArray:
    """Return whether each event's category fits its stream's name and the struct with its data.

    The digest covers the names of the fields, but not the name of their struct.
    """
    streams, categories = events.column("stream"), events.column("category")
    belongs = pa.array(np.zeros(len(events), bool))
    try:
        names = categories.unique().drop_null().to_pylist()
    except UnicodeDecodeError:
        return belongs
    for name in names:
        here = pc.and_(pc.equal(categories, name), pc.starts_with(streams, f"{name}/"))
        belongs = pc.or_(belongs, pc.fill_null(here, False))
    for field, column in zip(events.schema, events.columns, strict=True):
        if pa.types.is_struct(field.type) and column.null_count < len(column):
            stray = pc.and_(column.is_valid(), pc.not_equal(categories, field.name))
            belongs = pc.and_not(belongs, pc.fill_null(stray, True))
    return belongs


def misfit(sequence: int, reason: str) -> DamagedLog:
    """Return the error for an event that was changed."""
    return DamagedLog(f"{reason}; restore the log from a backup", sequence)
