"""Checks of a log's content: references to entities that have no events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from replay.entities import live, referring
from replay.lazy_ibis import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

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
