"""A document's ``sequence``: the last event of all the entities that it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.entities import chosen

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from replay.entities import Entities
    from replay.view import View


def completed(view: View, state: Entities, keys: ir.Table | None = None) -> ir.Table:
    """Add to a view's documents their ``sequence``, unless the view has such a column.

    Removed entities count: a document that lost an image has changed by the removal.
    """
    documents = view.documents(state, keys)
    if "sequence" in documents.columns:
        return documents
    pairs = chosen(view.lineage(state, keys), keys)
    entities = state.sequences()
    made_from = pairs.join(entities.select("sequence", entity=entities.id), "entity")
    last = made_from.group_by(document=made_from.id).agg(sequence=made_from.sequence.max())
    return documents.join(last, documents.id == last.document).drop("document")


def newest(view: View, state: Entities, keys: ir.Table) -> ir.Table:
    """Add to a view's documents the ``sequence`` that stands beside their ``id`` in ``keys``.

    A document that an event has just changed was made from nothing newer, so its lineage is not
    computed again.
    """
    documents = view.documents(state, keys.select("id"))
    if "sequence" in documents.columns:
        return documents
    sequences = keys.select("sequence", document=keys.id)
    return documents.join(sequences, documents.id == sequences.document).drop("document")
