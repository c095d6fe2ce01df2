"""Duplicates: events whose ids are already in the log, and the receipts for them.

An append whose ids are all in the log adds nothing. Its receipt has the lowest and highest of their
sequences as ``first`` and ``last``, ``version`` and ``digest`` at ``last``, and 0 as ``added``. For
events that were appended together it equals the first receipt. Expected versions are then not
checked. If some events are new, only these are added, expected versions are checked, and the
receipt spans the duplicates too.

Two events are the same when everything that the writer sets is equal: all but the place, the time
of recording and the schema version. Events of an earlier schema version are compared upcast.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from event_log.appending.pending import Pending
from event_log.category import ENVELOPE, Registry
from event_log.digests.canonical import CHAINED
from event_log.digests.digest import canonical_forms
from event_log.errors import InvalidEvent
from event_log.event import Receipt
from event_log.files import commit, reading
from event_log.files.layout import Commits
from event_log.files.log_digest import digest_at
from event_log.files.selection import Selection
from event_log.index.event_index import Found

PLACED = ("sequence", "version", "schema_version", "recorded_at")
"""The columns that the log sets; they do not matter to whether two events are the same."""
FEW_STREAMS = 100
"""Below this many streams, only those parts of files are read first that can hold them."""


def among(
    pending: Pending, state: Found, commits: Commits, registry: Registry
) -> Mapping[str, int]:
    """Return the sequences of an append's events that are already in the log, by id.

    Raises ``InvalidEvent`` when the log has a different event with the same id.
    """
    if not state.known:
        return {}
    known = state.known
    if not pending.alone:
        known = {event_id: known[event_id] for event_id in pending.ids if event_id in known}
    if known:
        _check_same(pending, known, commits, registry)
    return known


def _check_same(
    pending: Pending, known: Mapping[str, int], commits: Commits, registry: Registry
) -> None:
    events = pending.batch.table()
    mine = pc.is_in(events.column("event_id"), pa.array([*known], pa.string()))
    events = events.filter(mine)
    sequences = [known[event_id] for event_id in events.column("event_id").to_pylist()]
    order = np.argsort(sequences)
    events = events.take(order).combine_chunks()
    place = 0
    for stored in _stored(events, sequences, commits, registry):
        batch = events.slice(place, len(stored)).combine_chunks().to_batches()[0]
        same = pc.equal(_forms(batch, stored, registry), _forms(stored, stored, registry))
        other = pc.index(same, False).as_py()
        if other >= 0:
            raise _other(pending, stored, other)
        place += len(stored)


def _stored(
    events: pa.Table, sequences: list[int], commits: Commits, registry: Registry
) -> list[pa.RecordBatch]:
    """Return the events at these sequences, reading first where their streams can lie."""
    columns, places = [*ENVELOPE.names, *registry], np.array(sequences, np.int64)
    streams = events.column("stream").unique().to_pylist()
    for likely in (streams, None) if len(streams) < FEW_STREAMS else (None,):
        selection = Selection.of(columns, places, streams=likely)
        stored = list(reading.batches(commits, selection, registry))
        if sum(map(len, stored)) == len(events):
            break
    return stored


def _forms(events: pa.RecordBatch, placed: pa.RecordBatch, registry: Registry) -> pa.Array:
    """Return the canonical forms of events, as if they had the places of others."""
    names = [*CHAINED, *(name for name in registry if name in events.schema.names)]
    arrays = [(placed if name in PLACED else events).column(name) for name in names]
    return canonical_forms(pa.RecordBatch.from_arrays(arrays, names=names))


def _other(pending: Pending, stored: pa.RecordBatch, place: int) -> InvalidEvent:
    event_id = stored.column("event_id")[place].as_py()
    sequence = stored.column("sequence")[place].as_py()
    return InvalidEvent(
        "event_id",
        f"{event_id!r} is the id of another event, at sequence {sequence}; "
        "an event that says something else needs an id of its own",
        pending.batch.position(event_id),
    )


def receipt(commits: Commits, known: Mapping[str, int]) -> Receipt:
    """Return the receipt of events that are in the log, after making them durable."""
    first, last = min(known.values()), max(known.values())
    newest = receipt_at(commits, last)
    return Receipt(first, last, newest.version, newest.digest, 0)


def receipt_at(commits: Commits, sequence: int) -> Receipt:
    """Return the receipt of the event at a sequence, after making it durable."""
    selection = Selection(["version"], sequence - 1, sequence)
    version = next(reading.batches(commits, selection, Registry(()))).column("version")[0].as_py()
    commits.store.make_durable(commits.again(lambda: _holding(commits, sequence)))
    return Receipt(sequence, sequence, version, digest_at(commits, sequence).hex(), 0)


def _holding(commits: Commits, sequence: int) -> str:
    """Return the file name that must be durable for an event to be: its writer may have died."""
    if sequence <= commits.manifest.through:
        return commits.manifest.name
    return commit.name_of(commits.at(sequence).first)
