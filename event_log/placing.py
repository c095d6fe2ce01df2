"""Placing: checked events get their sequences, versions, time and digests."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from event_log.category import ENVELOPE, INSTANT, Effect, Registry
from event_log.digest import event_digests
from event_log.errors import InvalidEvent


def placed(
    events: pa.Table, after: int, recorded_at: int, versions: Mapping[str, int], registry: Registry
) -> list[pa.RecordBatch]:
    """The events as they go into the log after a sequence.

    ``versions`` has the version that each of their streams is at, if it has begun. Raises
    ``InvalidEvent`` for a stream that would begin with an event that does not create.
    """
    now = dict(versions)
    first = after + 1
    batches = []
    for batch in events.to_batches():
        numbers = _numbered(batch.column("stream").to_pylist(), now)
        _check_beginnings(batch, numbers, registry, first - after - 1)
        batches.append(_whole(batch, first, recorded_at, numbers))
        first += len(batch)
    return batches


def _numbered(streams: list[str], versions: dict[str, int]) -> pa.Array:
    """The version of each event; ``versions`` goes on to the last of them."""
    numbers = []
    for stream in streams:
        versions[stream] = version = versions.get(stream, 0) + 1
        numbers.append(version)
    return pa.array(numbers, pa.int64())


def _check_beginnings(
    events: pa.RecordBatch, versions: pa.Array, registry: Registry, before: int
) -> None:
    effects = registry.event_types.values()
    creating = pa.array([t.name for t in effects if t.effect is Effect.CREATES], pa.string())
    types = events.column("type")
    wrong = pc.and_(pc.equal(versions, 1), pc.invert(pc.is_in(types, creating)))
    place = pc.index(wrong, True).as_py()
    if place < 0:
        return
    type_name, stream = types[place].as_py(), events.column("stream")[place].as_py()
    begins = " or ".join(registry.owner[type_name].types_that(Effect.CREATES))
    reason = f"{stream} has not begun; {type_name} needs {begins} before it"
    raise InvalidEvent("type", reason, before + place)


def _whole(
    events: pa.RecordBatch, first: int, recorded_at: int, versions: pa.Array
) -> pa.RecordBatch:
    """A batch with all columns of the envelope, in their order, then the structs."""
    columns = dict(zip(events.schema.names, events.columns, strict=True))
    columns["sequence"] = pa.array(range(first, first + len(events)), pa.int64())
    columns["version"] = versions
    columns["recorded_at"] = pa.repeat(pa.scalar(recorded_at, INSTANT), len(events))
    fields = [f for f in ENVELOPE if f.name != "digest"]
    fields += [f for f in events.schema if pa.types.is_struct(f.type)]
    batch = pa.RecordBatch.from_arrays([columns[f.name] for f in fields], schema=pa.schema(fields))
    place = ENVELOPE.get_field_index("digest")
    return batch.add_column(place, ENVELOPE.field("digest"), event_digests(batch))
