"""Sentences: an event in one plain sentence, made from the name of its type."""

from __future__ import annotations

import re

import ibis
import ibis.expr.types as ir

from event_log.category import Category, Effect, EventType


def summary(events: ir.Table, category: Category) -> ir.Value:
    """The sentence for each event that ``views.changes.changes`` has told.

    ``Published “A Whale Is Seen”``, or when it is known who: ``ana revised headline and body of
    “A Whale Is Seen”``.
    """
    quoted = ibis.literal(" “") + events.title + ibis.literal("”")
    creating, revising = (
        events.type.isin(category.types_that(effect)) for effect in (Effect.CREATES, Effect.REVISES)
    )
    fields = ibis.ifelse(
        revising & (events.labels.length() > 0),
        ibis.literal(" ") + _enumerated(events.labels) + ibis.literal(" of"),
        "",
    )
    again = ibis.ifelse(creating & (events.version > 1), " again", "")
    verbs = [verb(event_type, category) for event_type in category.types]
    anonymous = _by_type(events, category, [word[:1].upper() + word[1:] for word in verbs])
    by_someone = events.actor + ibis.literal(" ") + _by_type(events, category, verbs)
    return ibis.coalesce(by_someone, anonymous) + fields + quoted + again


def verb(event_type: EventType, category: Category) -> str:
    """What was done, from the type's name: ``ArticlePublished`` in ``article`` is ``published``."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", event_type.name) or [event_type.name]
    if len(words) > 1 and words[0].lower() == category.name:
        words = words[1:]
    return " ".join(words).lower()


def _by_type(events: ir.Table, category: Category, words: list[str]) -> ir.Value:
    pairs = zip(category.types, words, strict=True)
    return ibis.cases(*((events.type == kind.name, word) for kind, word in pairs))


def _enumerated(labels: ir.Value) -> ir.Value:
    """``headline``, ``headline and body``, ``headline, body and url``."""
    count = labels.length()
    last = labels[count - 1]
    before = labels[: count - 1].join(", ")
    return ibis.ifelse(count > 1, before + ibis.literal(" and ") + last, last)
