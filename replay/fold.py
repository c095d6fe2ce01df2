"""The fold: from a category's events to its entities, each field with its last value."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from event_log import TEXT, Category, Effect
from replay.lazy_ibis import ibis

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt
    import ibis.expr.types as ir


def form_of(category: Category) -> list[Any]:
    """What folding a category depends on: its fields and annotations, and what its types do."""
    return [str(category.struct), [[each.name, each.effect] for each in category.types]]


def fold(events: ir.Table, category: Category) -> ir.Table:
    """Fold the events of a category into one line per stream.

    The columns are ``id``, ``live``, ``version``, ``sequence``, ``updated_at``, and the fields. A
    field has its last value since the stream's last creating event, or null when it was cleared
    after that. ``TEXT`` is too wide to fold by value: a field ``body`` of that type is folded to
    ``body_sequence``, the sequence of the event that has the value.
    """
    creating = events.filter(events.type.isin(category.types_that(Effect.CREATES)))
    begun = creating.group_by("stream").agg(begun=creating.sequence.max())
    current = events.join(begun, "stream")
    current = current.filter(current.sequence >= current.begun)
    moment = ibis.coalesce(current.occurred_at, current.recorded_at)
    folded = current.group_by("stream").agg(
        shown=_last_sequence(current, category, Effect.CREATES, Effect.REINSTATES),
        hidden=_last_sequence(current, category, Effect.REMOVES),
        version=current.version.max(),
        sequence=current.sequence.max(),
        updated_at=last_value(moment, current.sequence),
        **_last_values(current, category),
    )
    return folded.select(
        id=folded.stream,
        live=folded.hidden.isnull() | (folded.hidden < folded.shown),
        version=folded.version,
        sequence=folded.sequence,
        updated_at=folded.updated_at,
        **_unless_cleared(folded, category),
    )


def last_value(value: ir.Value, sequence: ir.Value) -> ir.Value:
    """Aggregate to the value with the greatest sequence, ignoring nulls.

    Ibis' own ``argmax`` sorts on DuckDB; ``max_by`` does not, and Spark has it too.
    """
    given = ibis.ifelse(value.notnull(), sequence, ibis.null("int64"))
    return _max_by(value.type())(value, given)


@cache
def _max_by(kind: dt.DataType) -> Callable[..., ir.Value]:
    def max_by(value, sequence):  # type: ignore[no-untyped-def]  # its types are the signature
        """Declared for Ibis; the engine has the body."""

    builtin: Callable[..., ir.Value] = ibis.udf.agg.builtin(
        max_by, signature=((kind, "int64"), kind)
    )
    return builtin


def long_texts(category: Category) -> tuple[str, ...]:
    """The names of the fields of type ``TEXT``, which the fold keeps as sequences."""
    return tuple(field.name for field in category.fields if field.type == TEXT)


def _last_sequence(events: ir.Table, category: Category, *effects: Effect) -> ir.Value:
    return events.sequence.max(where=events.type.isin(category.types_that(*effects)))


def _last_values(events: ir.Table, category: Category) -> dict[str, ir.Value]:
    """Each field's last value, and for one that can be cleared the sequences of both."""
    texts = long_texts(category)
    values: dict[str, ir.Value] = {}
    for name in category.fields.names:
        given = events[name].notnull()
        if name not in texts:
            values[name] = last_value(events[name], events.sequence)
        if name in texts or name not in category.required:
            values[f"{name}_given"] = events.sequence.max(where=given)
        if name not in category.required:
            cleared = events.cleared.contains(name)
            values[f"{name}_cleared"] = events.sequence.max(where=cleared)
    return values


def _unless_cleared(folded: ir.Table, category: Category) -> dict[str, ir.Value]:
    texts = long_texts(category)
    values: dict[str, ir.Value] = {}
    for name in category.fields.names:
        value = folded[f"{name}_given"] if name in texts else folded[name]
        if name not in category.required:
            given, cleared = folded[f"{name}_given"], folded[f"{name}_cleared"]
            value = ibis.ifelse(cleared.isnull() | (cleared < given), value, ibis.null())
        values[f"{name}_sequence" if name in texts else name] = value
    return values
