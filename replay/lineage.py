"""Lineage at work: a document's ``sequence`` is the last event of anything it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.entities import chosen

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from replay.entities import Entities
    from replay.view import View


def completed(view: View, state: Entities, keys: ir.Table | None = None) -> ir.Table:
    """The view's documents with their ``sequence``, unless the view gives its own.

    Hidden entities count: a document that lost an image has changed with the withdrawal.
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
    """The same for documents whose ``sequence`` is known, and is beside their ``id`` in ``keys``.

    Nothing else that a document was made from can be newer than what an event has just changed: so
    its lineage need not be asked for again.
    """
    documents = view.documents(state, keys.select("id"))
    if "sequence" in documents.columns:
        return documents
    known = keys.select("sequence", document=keys.id)
    return documents.join(known, documents.id == known.document).drop("document")
