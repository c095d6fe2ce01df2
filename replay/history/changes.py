"""Changes: the fields that each event changed in its entity, from what to what, as text.

An event *writes* a field when it has a value for it, clears it, or creates the entity. The column
of a field then has a marked value: the mark and the value's text, or the empty string if the field
was cleared. It is null if the event does not write the field. The old value is the last one that
was written before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from event_log import Category, Effect
from replay.fold import last_value, long_texts
from replay.lazy_ibis import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

SHORTENED = 200
"""The most characters of a text that a change shows, the ellipsis included."""
MARK = "="
HASH_DIGITS = 20


def with_marked_changes(events: ir.Table, category: Category) -> ir.Table:
    """Add to the events of a category ``annotations``, ``marked_changes`` and ``title``.

    ``annotations`` is the list of what an event says of itself alone, ``marked_changes`` the list
    of changes, and ``title`` the entity's title at that event. The texts of the last two are
    marked. ``changes`` and ``titles`` remove the marks from the events of all categories together:
    a query that did so for each category would take longer to plan than to run.
    """
    names = category.fields.names
    marked = events.select(
        *(name for name in events.columns if name not in category.struct.names),
        annotations=_annotations(events, category),
        **{f"{name}_new": _written(events, category, name) for name in names},
    )
    before = ibis.window(group_by="stream", order_by="sequence", preceding=(None, 1))
    compared = marked.mutate(
        **{
            f"{name}_old": last_value(marked[f"{name}_new"], marked.sequence).over(before)
            for name in names
        }
    )
    return compared.mutate(
        marked_changes=_marked_changes(compared, category), title=_title(compared, category)
    )


def changes(events: ir.Table) -> ir.Value:
    """The list of changes without marks: ``field``, ``old``, ``new``."""
    return events.marked_changes.map(
        lambda change: ibis.struct(
            {
                "field": change["field"],
                "old": _shown(change["old"], change["skipped"]),
                "new": _shown(change["new"], change["skipped"]),
            }
        )
    )


def titles(events: ir.Table) -> ir.Value:
    """The title of the entity at each event, or its stream."""
    return ibis.coalesce(_shown(events.title, len(MARK)), events.stream)


def _annotations(events: ir.Table, category: Category) -> ir.Value:
    """The list of an event's annotations: ``field``, ``value`` as text."""
    values = {name: as_text(events[name]) for name in category.annotations.names}
    values = values or {"": ibis.null("string")}  # so that the list of none has its type
    given = [ibis.struct({"field": ibis.literal(n), "value": v}) for n, v in values.items()]
    return ibis.array(given).filter(lambda annotation: annotation["value"].notnull())


def label(field: str) -> str:
    """A field's name in words: ``section`` for ``section_id``, ``tags`` for ``tag_ids``."""
    if field.endswith("_ids"):
        return field.removesuffix("_ids").replace("_", " ") + "s"
    return field.removesuffix("_id").replace("_", " ")


def _marked_changes(events: ir.Table, category: Category) -> ir.Value:
    """The list of changes with marked texts, in the order of the category's fields."""
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


def title_field(category: Category) -> str | None:
    """The field with an entity's title: the first string that a creating event type requires."""
    creating = [t for t in category.types if t.effect is Effect.CREATES]
    names = (name for event_type in creating for name in event_type.required)
    return next((name for name in names if category.fields.field(name).type == "string"), None)


def _title(events: ir.Table, category: Category) -> ir.Value:
    """The entity's title at each event, marked."""
    name = title_field(category)
    if name is None:
        return ibis.null("string")
    return ibis.coalesce(events[f"{name}_new"], events[f"{name}_old"])


def _written(events: ir.Table, category: Category, name: str) -> ir.Value:
    """The marked value that an event writes into a field, or null."""
    cleared = events.cleared.contains(name) | events.type.isin(category.types_that(Effect.CREATES))
    value = events[name]
    text = _hashed(value) if name in long_texts(category) else as_text(value)
    return ibis.cases((value.notnull(), ibis.literal(MARK) + text), (cleared, ""))


def _hashed(value: ir.Value) -> ir.Value:
    """A long text's hash, by which it is compared, and its first characters, which are shown."""
    return value.hash().cast("string").lpad(HASH_DIGITS, "0") + value.left(SHORTENED + 1)


def _shown(marked: ir.Value, skipped: ir.Value | int) -> ir.Value:
    """The text behind the mark, shortened; null if the value is null or was cleared."""
    text = marked.substr(skipped)
    short = ibis.ifelse(
        text.length() > SHORTENED, text.left(SHORTENED - 1) + ibis.literal("…"), text
    )
    return ibis.ifelse(marked != "", short, ibis.null("string"))


def as_text(value: ir.Value) -> ir.Value:
    """A value as text: instants in ISO 8601, lists with commas."""
    kind = value.type()
    if kind.is_array():
        if not kind.value_type.is_string():
            value = value.map(lambda item: item.cast("string"))
        return value.join(", ")
    if kind.is_timestamp():
        whole = value.strftime("%Y-%m-%dT%H:%M:%SZ")
        exact = value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return ibis.ifelse(value == value.truncate("s"), whole, exact)
    return value if kind.is_string() else value.cast("string")
