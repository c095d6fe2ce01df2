"""Checks of a log's content: references to entities without events, and to entities in use."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from event_log import TEXT
from replay.entities import live, referring
from replay.fold import fold
from replay.lazy_ibis import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from event_log import Category
    from replay.domain import References
    from replay.entities import Entities


@dataclass(frozen=True)
class Unresolved:
    """A reference to a stream without events: the field that has it, and how many entities do."""

    category: str
    field: str
    id: str
    count: int


def unresolved_references(state: Entities, references: References) -> list[Unresolved]:
    """List the references of live entities to streams without events, the most frequent first."""
    return [Unresolved(**line) for line in unresolved(state, references).to_pyarrow().to_pylist()]


def unresolved(state: Entities, references: References) -> ir.Table:
    """The unresolved references as a table.

    Columns ``category``, ``field``, ``id`` (of the stream without events), and ``count``, the
    number of entities that refer to it.
    """
    tables = [
        _missing(state, category, field, target)
        for category, fields in references.items()
        for field, target in fields.items()
    ]
    if not tables:
        columns = {"category": "string", "field": "string", "id": "string", "count": "int64"}
        return ibis.memtable([], schema=columns)
    references_without_events = ibis.union(*tables)
    return references_without_events.order_by(ibis.desc("count"), "category", "field", "id")


def _missing(state: Entities, category: str, field: str, target: str) -> ir.Table:
    pairs = referring(live(state.entities(category)), field).distinct()
    targets = state.entities(target)
    missing = pairs.anti_join(targets, pairs.entity == targets.id)
    counts = missing.group_by("entity").agg(count=missing.count())
    return counts.select(
        category=ibis.literal(category),
        field=ibis.literal(field),
        id=counts.entity,
        count=counts["count"],
    )


def uses(
    state: Entities,
    references: References,
    streams: Collection[str],
    supposed: pa.Table | None = None,
) -> dict[str, dict[str, int]]:
    """Count by stream, and by category, the live entities that refer to one of these streams.

    Only entities that ever did are folded, from their references alone. ``supposed`` has events
    that come after those of the state, as ``event_log.suppose_events`` returns them.
    """
    counts: dict[str, dict[str, int]] = {stream: {} for stream in streams}
    for category, targets in references.items():
        wanted = {
            field: [stream for stream in streams if stream.partition("/")[0] == target]
            for field, target in targets.items()
        }
        wanted = {field: named for field, named in wanted.items() if named}
        if not wanted:
            continue
        pairs = _naming(state, _only(state.category(category), wanted), wanted, supposed)
        counted = pairs.group_by("entity").agg(count=pairs.id.nunique())
        for line in counted.order_by("entity").to_pyarrow().to_pylist():
            counts[line["entity"]][category] = line["count"]
    return counts


def entities_naming(
    state: Entities, references: References, stream: str
) -> Iterator[tuple[str, ir.Table]]:
    """Yield by category the entities that refer to a stream, removed ones included.

    They are as ``fold`` gives them, without long texts. Only those that ever referred to the stream
    are folded.
    """
    target = stream.partition("/")[0]
    for name, targets in references.items():
        wanted = {field: (stream,) for field, of in targets.items() if of == target}
        if not wanted:
            continue
        of = state.category(name)
        short = _only(of, {field.name for field in of.fields if field.type != TEXT})
        events = _events(state, short, None)
        ever = ibis.union(*_pairs(events.mutate(id=events.stream), wanted)).select(stream="id")
        entities = fold(events.semi_join(ever.distinct(), "stream"), short)
        now = ibis.union(*_pairs(entities, wanted)).select("id").distinct()
        yield name, entities.semi_join(now, "id")


def _only(category: Category, fields: Collection[str]) -> Category:
    """The category as if it had these fields and no others."""
    kept = pa.schema([field for field in category.fields if field.name in fields])
    types = tuple(
        replace(t, required=tuple(n for n in t.required if n in fields)) for t in category.types
    )
    return replace(category, fields=kept, annotations=pa.schema([]), types=types, upcasters={})


def _naming(
    state: Entities,
    category: Category,
    wanted: Mapping[str, Sequence[str]],
    supposed: pa.Table | None,
) -> ir.Table:
    """The pairs ``id, entity`` of live entities and those that they refer to, of the wanted ones.

    ``wanted`` has by field the streams of the category that the field refers to.
    """
    events = _events(state, category, supposed)
    ever = ibis.union(*_pairs(events.mutate(id=events.stream), wanted)).select(stream="id")
    entities = live(fold(events.semi_join(ever.distinct(), "stream"), category))
    return ibis.union(*_pairs(entities, wanted))


def _pairs(entities: ir.Table, wanted: Mapping[str, Sequence[str]]) -> Iterator[ir.Table]:
    """By field the pairs ``id, entity`` of entities and those that they refer to."""
    for field, streams in wanted.items():
        named = referring(entities, field)
        yield named.filter(named.entity.isin(streams))


def _events(state: Entities, category: Category, supposed: pa.Table | None) -> ir.Table:
    """The events of a category as far as ``fold`` needs them, and supposed ones after them."""
    needed = ["stream", "sequence", "version", "type", "recorded_at", "occurred_at"]
    events = state.events(category.name).select(*needed, *category.struct.names)
    if supposed is None:
        return events
    more = ibis.memtable(supposed.select(["category", *needed, category.name]))
    more = more.filter(more.category == category.name)
    fields = {name: more[category.name][name] for name in category.struct.names}
    return ibis.union(events, more.select(*needed, **fields).cast(events.schema()))
