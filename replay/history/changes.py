"""Changes: what each event changed in its entity, from what to what, as text for people.

A field's value is *written* by an event that gives it, clears it, or creates the entity afresh.
What is written is marked, so that "emptied" differs from "not touched": the mark and the value's
text, the empty string, or null. The value before is then the last one written before.
"""

from __future__ import annotations

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from event_log import Category, Effect
from replay.fold import last_value, long_texts

SHORTENED = 200
"""Characters of long text that a change shows, the ellipsis included."""
MARK = "="
HASH_DIGITS = 20


def told(events: ir.Table, category: Category) -> ir.Table:
    """The events of a category with what ``changes`` and ``titles`` are shown from.

    ``told`` is the list of changes with their texts still marked, and ``title`` what the entity
    was called then, marked too. Both are shown when the categories are together: a query that did
    it for each of them would take longer to plan than to run.
    """
    names = category.fields.names
    marked = events.select(
        *(name for name in events.columns if name not in {*names, "cleared"}),
        **{f"{name}_new": _written(events, category, name) for name in names},
    )
    before = ibis.window(group_by="stream", order_by="sequence", preceding=(None, 1))
    compared = marked.mutate(
        **{
            f"{name}_old": last_value(marked[f"{name}_new"], marked.sequence).over(before)
            for name in names
        }
    )
    return compared.mutate(told=_told(compared, category), title=_title(compared, category))


def changes(told: ir.Value) -> ir.Value:
    """The list of changes as people read it: ``field``, ``old``, ``new``."""
    return told.map(
        lambda change: ibis.struct(
            {
                "field": change["field"],
                "old": _shown(change["old"], change["skipped"]),
                "new": _shown(change["new"], change["skipped"]),
            }
        )
    )


def titles(told: ir.Table) -> ir.Value:
    """What the entities were called then, or their streams."""
    return ibis.coalesce(_shown(told.title, len(MARK)), told.stream)


def label(field: str) -> str:
    """A field in words: ``section_id`` is the section, ``tag_ids`` the tags."""
    if field.endswith("_ids"):
        return field.removesuffix("_ids").replace("_", " ") + "s"
    return field.removesuffix("_id").replace("_", " ")


def _told(events: ir.Table, category: Category) -> ir.Value:
    """The list of changes, still marked, in the order of the category's fields."""
    changes = [_change(events, category, name) for name in category.fields.names]
    return ibis.array(changes).filter(
        lambda change: change["new"].notnull() & (change["new"] != change["old"])
    )


def _change(events: ir.Table, category: Category, name: str) -> ir.Value:
    return ibis.struct(
        {
            "field": ibis.literal(name),
            "label": ibis.literal(label(name)),
            "skipped": len(MARK) + (HASH_DIGITS if name in long_texts(category) else 0),
            "old": ibis.coalesce(events[f"{name}_old"], ""),
            "new": events[f"{name}_new"],
        }
    )


def _title(events: ir.Table, category: Category) -> ir.Value:
    """What the entity is called, marked: the first string that its creating type requires."""
    creating = [t for t in category.types if t.effect is Effect.CREATES]
    for name in (name for event_type in creating for name in event_type.required):
        if category.fields.field(name).type == "string":
            return ibis.coalesce(events[f"{name}_new"], events[f"{name}_old"])
    return ibis.null("string")


def _written(events: ir.Table, category: Category, name: str) -> ir.Value:
    """The marked value that an event writes into a field."""
    emptied = events.cleared.contains(name) | events.type.isin(category.types_that(Effect.CREATES))
    value = events[name]
    text = _hashed(value) if name in long_texts(category) else as_text(value)
    return ibis.cases((value.notnull(), ibis.literal(MARK) + text), (emptied, ""))


def _hashed(value: ir.Value) -> ir.Value:
    """Stands for a long text: its hash, by which it is compared, and as much as is shown."""
    return value.hash().cast("string").lpad(HASH_DIGITS, "0") + value.left(SHORTENED + 1)


def _shown(marked: ir.Value, skipped: ir.Value | int) -> ir.Value:
    """The text behind the mark, shortened; null when there is none."""
    text = marked.substr(skipped)
    short = ibis.ifelse(
        text.length() > SHORTENED, text.left(SHORTENED - 1) + ibis.literal("…"), text
    )
    return ibis.ifelse(marked != "", short, ibis.null("string"))


def as_text(value: ir.Value) -> ir.Value:
    """A value as people read it: instants in ISO 8601, lists with commas."""
    kind = value.type()
    if isinstance(kind, dt.Array):
        if not kind.value_type.is_string():
            value = value.map(lambda item: item.cast("string"))
        return value.join(", ")
    if kind.is_timestamp():
        whole = value.strftime("%Y-%m-%dT%H:%M:%SZ")
        exact = value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return ibis.ifelse(value == value.truncate("s"), whole, exact)
    return value if kind.is_string() else value.cast("string")
