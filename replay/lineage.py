"""The two tables of a view: its documents with their ``sequence``, and its lineage.

A document's ``sequence`` is that of the last event of all the entities that it was made from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.declaration import SEQUENCE
from replay.entities import chosen
from replay.errors import BrokenView
from replay.view_errors import DOCUMENTS, LINEAGE, ROOTS, errors_of

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt
    import ibis.expr.types as ir

    from replay.entities import Entities
    from replay.view import View


def completed(view: View, state: Entities, keys: ir.Table | None = None) -> ir.Table:
    """Add to a view's documents their ``sequence``, unless the view has such a column.

    Removed entities count: a document that lost an image has changed by the removal. A document
    without any lineage has none, and ``replay.builds.make`` refuses it.
    """
    documents = documents_of(view, state, keys)
    if SEQUENCE in documents.columns:
        return documents
    pairs = chosen(lineage_of(view, state, keys), keys)
    entities = state.sequences()
    made_from = pairs.join(entities.select(SEQUENCE, entity=entities.id), "entity")
    last = made_from.group_by(document=made_from.id).agg(sequence=made_from.sequence.max())
    return documents.left_join(last, documents.id == last.document).drop("document")


def newest(view: View, state: Entities, keys: ir.Table) -> ir.Table:
    """Add to a view's documents the ``sequence`` that stands beside their ``id`` in ``keys``.

    A document that an event has just changed was made from nothing newer, so its lineage is not
    computed again.
    """
    documents = documents_of(view, state, keys.select("id"))
    if SEQUENCE in documents.columns:
        return documents
    sequences = keys.select(SEQUENCE, document=keys.id)
    return documents.join(sequences, documents.id == sequences.document).drop("document")


def documents_of(view: View, state: Entities, keys: ir.Table | None = None) -> ir.Table:
    """A view's documents, each column of the type that Ibis gives it; raises ``BrokenView``."""
    with errors_of(view, DOCUMENTS):
        table = view.documents(state, keys)
        kinds = _kinds(view, DOCUMENTS, table, "id")
        if not any(_has_int64(kind) for kind in kinds.values()):
            return table
        return table.select(
            **{
                name: _cast(table[name], kind) if _has_int64(kind) else table[name]
                for name, kind in kinds.items()
            }
        )


def lineage_of(view: View, state: Entities, keys: ir.Table | None = None) -> ir.Table:
    """The pairs ``id``, ``entity`` of a view's lineage; raises ``BrokenView``."""
    with errors_of(view, LINEAGE):
        table = view.lineage(state, keys)
        _kinds(view, LINEAGE, table, "id", "entity")
        return table


def roots_of(view: View, state: Entities, keys: ir.Table) -> ir.Table:
    """The entities that documents begin from, as ``id``; raises ``BrokenView``."""
    if view.roots is None:
        return keys.limit(0)
    with errors_of(view, ROOTS):
        table = view.roots(state, keys)
        _kinds(view, ROOTS, table, "id")
        return table


def _kinds(view: View, part: str, table: object, *texts: str) -> dict[str, dt.DataType]:
    """The types of a table's columns; it must have those of ``texts``, and they must be strings."""
    import ibis.expr.types as ir

    if not isinstance(table, ir.Table):
        kind = type(table).__name__
        raise BrokenView(view.name, part, f"returns a {kind}; it must return a table")
    kinds = dict(table.schema().items())
    for name in texts:
        if name not in kinds:
            there = ", ".join(kinds)
            raise BrokenView(view.name, part, f"there is no column {name!r}; there is {there}")
        if not kinds[name].is_string():
            raise BrokenView(view.name, part, f"{name} is {kinds[name]}; it must be a string")
    return kinds


def _has_int64(kind: dt.DataType) -> bool:
    return "int64" in str(kind)


def _cast(value: ir.Value, kind: dt.DataType) -> ir.Value:
    """A value with the type that Ibis believes it has.

    DuckDB sums integers to 128 bits, and writes those as floats. ``Value.cast`` does nothing here,
    and DuckDB drops a cast that changes nothing.
    """
    import ibis.expr.operations as ops

    cast: ir.Value = ops.Cast(value, to=kind).to_expr()
    return cast
