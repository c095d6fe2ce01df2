"""The event log: what happened, in one ordered, immutable, verifiable sequence of Parquet files.

Here live the categories' schemas, appending, reading, snapshots and the digest chain. What an
event means to a newsroom does not live here: the log knows no domain, and imports no other room.
"""

from event_log.category import INSTANT, TEXT, Category, Effect, EventType, Registry
from event_log.errors import (
    DamagedLog,
    EventLogError,
    IncompatibleSchema,
    InvalidCategory,
    InvalidEvent,
    InvalidPoint,
    WrongExpectedVersion,
)
from event_log.event import Event, NewEvent, Receipt
from event_log.log import EventLog
from event_log.snapshot import Point, Snapshot
from event_log.store import StoreError
from event_log.upcaster import Upcaster, dropped, filled, renamed
from event_log.verification import Verified

__all__ = [
    "INSTANT",
    "TEXT",
    "Category",
    "DamagedLog",
    "Effect",
    "Event",
    "EventLog",
    "EventLogError",
    "EventType",
    "IncompatibleSchema",
    "InvalidCategory",
    "InvalidEvent",
    "InvalidPoint",
    "NewEvent",
    "Point",
    "Receipt",
    "Registry",
    "Snapshot",
    "StoreError",
    "Upcaster",
    "Verified",
    "WrongExpectedVersion",
    "dropped",
    "filled",
    "renamed",
]
