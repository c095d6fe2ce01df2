"""Sentences: an event in one plain sentence, made from the name of its type."""

from __future__ import annotations

import re

import ibis
import ibis.expr.types as ir

from event_log import Category, Effect, EventType


def done(events: ir.Table, category: Category) -> dict[str, ir.Value]:
    """What an event's type says: its ``verb``, and whether it is ``creating``, ``revising``."""
    creating, revising = (
        events.type.isin(category.types_that(effect)) for effect in (Effect.CREATES, Effect.REVISES)
    )
    verbs = ibis.cases(*((events.type == t.name, verb(t, category)) for t in category.types))
    return {"verb": verbs, "creating": creating, "revising": revising}


def summary(told: ir.Table, title: ir.Value) -> ir.Value:
    """The sentence for each event, from its ``told`` changes and what was ``done``.

    ``Published “A Whale Is Seen”``, or when it is known who: ``ana revised headline and body of
    “A Whale Is Seen”``.
    """
    quoted = ibis.literal(" “") + title + ibis.literal("”")
    labels = told.told.map(lambda change: change["label"])
    fields = ibis.ifelse(
        told.revising & (labels.length() > 0),
        ibis.literal(" ") + _enumerated(labels) + ibis.literal(" of"),
        "",
    )
    again = ibis.ifelse(told.creating & (told.version > 1), " again", "")
    anonymous = told.verb.left(1).upper() + told.verb.substr(1)
    by_someone = told.actor + ibis.literal(" ") + told.verb
    return ibis.coalesce(by_someone, anonymous) + fields + quoted + again


def verb(event_type: EventType, category: Category) -> str:
    """What was done, from the type's name: ``ArticlePublished`` in ``article`` is ``published``."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", event_type.name) or [event_type.name]
    if len(words) > 1 and words[0].lower() == category.name:
        words = words[1:]
    return " ".join(words).lower()


def _enumerated(labels: ir.Value) -> ir.Value:
    """``headline``, ``headline and body``, ``headline, body and url``."""
    count = labels.length()
    last = labels[count - 1]
    before = labels[: count - 1].join(", ")
    return ibis.ifelse(count > 1, before + ibis.literal(" and ") + last, last)
