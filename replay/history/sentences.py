"""Sentences: the summary of an event in one sentence, made from the name of its type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from event_log import Category, Effect, EventType
from replay.lazy_ibis import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir


def type_columns(events: ir.Table, category: Category) -> dict[str, ir.Value]:
    """Columns for an event's type: its ``verb``, and whether it is ``creating``, ``revising``."""
    creating, revising = (
        events.type.isin(category.types_that(effect)) for effect in (Effect.CREATES, Effect.REVISES)
    )
    verbs = ibis.cases(*((events.type == t.name, verb(t, category)) for t in category.types))
    return {"verb": verbs, "creating": creating, "revising": revising}


def summary(events: ir.Table, title: ir.Value) -> ir.Value:
    """The sentence for each event, from its ``marked_changes`` and its ``type_columns``.

    ``Published “A Whale Is Seen”``, or if the actor is known, ``ana revised headline and body of
    “A Whale Is Seen”``.
    """
    quoted = ibis.literal(" “") + title + ibis.literal("”")
    labels = events.marked_changes.map(lambda change: change["label"])
    fields = ibis.ifelse(
        events.revising & (labels.length() > 0),
        ibis.literal(" ") + _enumerated(labels) + ibis.literal(" of"),
        "",
    )
    again = ibis.ifelse(events.creating & (events.version > 1), " again", "")
    without_actor = events.verb.left(1).upper() + events.verb.substr(1)
    with_actor = events.actor + ibis.literal(" ") + events.verb
    return ibis.coalesce(with_actor, without_actor) + fields + quoted + again


def verb(event_type: EventType, category: Category) -> str:
    """The verb in an event type's name: ``published`` for ``ArticlePublished`` of ``article``."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", event_type.name) or [event_type.name]
    if len(words) > 1 and words[0].lower() == category.name:
        words = words[1:]
    return " ".join(words).lower()


def _enumerated(labels: ir.Value) -> ir.Value:
    """The labels as a list in words, such as ``headline, body and url``."""
    count = labels.length()
    last = labels[count - 1]
    before = labels[: count - 1].join(", ")
    return ibis.ifelse(count > 1, before + ibis.literal(" and ") + last, last)
