"""history: one document per event that shows who changed what, when, and from what to what.

Any domain can have it among its views. ``stet history`` computes it for all domains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from event_log import Category
from replay.entities import chosen
from replay.history.changes import changes, titles, with_marked_changes
from replay.history.sentences import summary, type_columns
from replay.lazy_ibis import ibis
from replay.view import EVENT, View

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from replay.entities import Entities

ENVELOPE = [
    "sequence",
    "stream",
    "category",
    "version",
    "type",
    "actor",
    "recorded_at",
    "occurred_at",
]


def documents(state: Entities, keys: ir.Table | None) -> ir.Table:
    """One document per event, with the stream and the version as its id: ``article/1@3``."""
    categories = state.registry.values()
    events = ibis.union(*(_events(state, category, keys) for category in categories))
    sentence = summary(events, titles(events))
    return events.select("id", *ENVELOPE, "annotations", changes=changes(events), summary=sentence)


def _events(state: Entities, category: Category, keys: ir.Table | None) -> ir.Table:
    events = state.events(category.name)
    if keys is not None:
        streams = keys.select(stream=keys.id.re_replace("@[0-9]+$", "")).distinct()
        events = events.semi_join(streams, "stream")
    events = with_marked_changes(events, category)
    columns = type_columns(events, category)
    shown = [*ENVELOPE, "annotations", "marked_changes", "title"]
    events = events.select(_id(events), *shown, **columns)
    return chosen(events, keys)


def lineage(state: Entities, keys: ir.Table | None = None) -> ir.Table:
    """The stream that the event belongs to."""
    tables = [state.events(name) for name in state.registry]
    pairs = (events.select(_id(events), entity=events.stream) for events in tables)
    return chosen(ibis.union(*pairs), keys)


def _id(events: ir.Table) -> ir.Value:
    return (events.stream + ibis.literal("@") + events.version.cast("string")).name("id")


HISTORY = View(
    name="history",
    code_version=2,
    documents=documents,
    lineage=lineage,
    title="summary",
    text={
        "summary": ("summary",),
        "annotation": ("annotations.value",),
        "old": ("changes.old",),
        "new": ("changes.new",),
    },
    filters={
        "id": "id",
        "stream": "stream",
        "category": "category",
        "type": "type",
        "actor": "actor",
        "field": "changes.field",
        "annotation": "annotations.field",
    },
    date="recorded_at",
    bulk=("old", "new"),
    per=EVENT,
    embargo=False,
    of_entity="stream",
)
