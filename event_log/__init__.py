"""The event log: what happened, in one ordered, immutable, verifiable sequence of Parquet files.

Here live the categories' schemas, appending, reading, sealing, following, and the tree of digests;
``FORMAT.md`` describes the files. What an event means to a newsroom does not live here: the log
knows no domain, and imports no other room.
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
    WrongPosition,
)
from event_log.event import Event, NewEvent, Receipt
from event_log.holding import SubscriptionHeld
from event_log.log import EventLog
from event_log.proof import InvalidProof, Proof
from event_log.sealing import Sealed
from event_log.snapshot import Point, Snapshot
from event_log.store import StoreError
from event_log.subscription import Subscription
from event_log.upcaster import Upcaster, dropped, filled, renamed
from event_log.verification import Verified
from event_log.watching import NotReached

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
    "InvalidProof",
    "NewEvent",
    "NotReached",
    "Point",
    "Proof",
    "Receipt",
    "Registry",
    "Sealed",
    "Snapshot",
    "StoreError",
    "Subscription",
    "SubscriptionHeld",
    "Upcaster",
    "Verified",
    "WrongExpectedVersion",
    "WrongPosition",
    "dropped",
    "filled",
    "renamed",
]
