"""Known events: those whose ids the log has already, and the receipts that they were given.

An append of which the log has every id adds nothing, and is given the receipt that those events
have: ``first`` and ``last`` the lowest and highest of their sequences, ``version`` and ``digest``
those at ``last``, ``added`` 0. Of events that were appended together that is what the first receipt
said. Expected versions are not asked then, for nothing would follow. When some are new, these alone
are added, expected versions are asked of them, and the receipt spans the known ones too.

An event is the same when all that its writer said is: everything but its place, its time of
recording and its schema version. What an earlier version says is compared as it reads now.
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
"""What the log adds to an event: an event is the same when all but these is."""
FEW_STREAMS = 100
"""Below this it is worth to look only at the parts of files that can hold the streams."""


def among(
    pending: Pending, found: Found, commits: Commits, registry: Registry
) -> Mapping[str, int]:
    """The events of an append that the log has, by id: their sequences.

    Raises ``InvalidEvent`` for an id under which the log has another event.
    """
    if not found.known:
        return {}
    known = found.known
    if not pending.alone:
        known = {event_id: known[event_id] for event_id in pending.ids if event_id in known}
    if known:
        _check_same(pending, known, commits, registry)
    return known


def _check_same(
    pending: Pending, known: Mapping[str, int], commits: Commits, registry: Registry
) -> None:
    given = pending.batch.table()
    mine = pc.is_in(given.column("event_id"), pa.array([*known], pa.string()))
    given = given.filter(mine)
    sequences = [known[event_id] for event_id in given.column("event_id").to_pylist()]
    order = np.argsort(sequences)
    given = given.take(order).combine_chunks()
    place = 0
    for stored in _stored(given, sequences, commits, registry):
        batch = given.slice(place, len(stored)).combine_chunks().to_batches()[0]
        same = pc.equal(_forms(batch, stored, registry), _forms(stored, stored, registry))
        other = pc.index(same, False).as_py()
        if other >= 0:
            raise _other(pending, stored, other)
        place += len(stored)


def _stored(
    given: pa.Table, sequences: list[int], commits: Commits, registry: Registry
) -> list[pa.RecordBatch]:
    """The events at these sequences; looked for first where these streams lie."""
    columns, places = [*ENVELOPE.names, *registry], np.array(sequences, np.int64)
    streams = given.column("stream").unique().to_pylist()
    for likely in (streams, None) if len(streams) < FEW_STREAMS else (None,):
        selection = Selection.of(columns, places, streams=likely)
        stored = list(reading.batches(commits, selection, registry))
        if sum(map(len, stored)) == len(given):
            break
    return stored


def _forms(events: pa.RecordBatch, placed: pa.RecordBatch, registry: Registry) -> pa.Array:
    """The canonical forms of events, as if they stood in the places of others."""
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
    """The receipt of events that the log has, as it was given first; it is durable now."""
    first, last = min(known.values()), max(known.values())
    found = receipt_at(commits, last)
    return Receipt(first, last, found.version, found.digest, 0)


def receipt_at(commits: Commits, sequence: int) -> Receipt:
    """The receipt of the event at a sequence."""
    selection = Selection(["version"], sequence - 1, sequence)
    version = next(reading.batches(commits, selection, Registry(()))).column("version")[0].as_py()
    commits.store.make_durable(commits.again(lambda: _holding(commits, sequence)))
    return Receipt(sequence, sequence, version, digest_at(commits, sequence).hex(), 0)


def _holding(commits: Commits, sequence: int) -> str:
    """The name that has to survive for an event to: who wrote it may have died before it did."""
    if sequence <= commits.manifest.through:
        return commits.manifest.name
    return commit.name_of(commits.at(sequence).first)
