"""What a view is: two Ibis expressions over state, and the fields by which it is searched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from replay.entities import Entities


EVENT = "event"
DAY = "day"


@dataclass(frozen=True)
class View:
    """One denormalized reading of the log.

    ``documents(state, keys)`` gives one line per document: ``id`` first, then the view's fields.
    ``keys`` is ``None`` for all documents, or a table with one column ``id``. ``lineage(state,
    keys)`` gives the pairs ``(id, entity)`` of these documents at least: the document's id, and a
    stream that it was made from.

    The rest declares how the documents are found, by paths into them (``bylines.name`` is the
    ``name`` of each of the structs in ``bylines``):

    - ``title``: the path of what a hit is called;
    - ``text``: the searchable text by name, the title first; its names are those of the query
      syntax (``headline:word``);
    - ``filters``: exact values by name, for filters and facets; ``year`` is made from ``date``;
    - ``date``: the path of the instant or day that date ranges and sorting by date use;
    - ``bulk``: the names of the texts that are nearly all of a document, such as an article's body.
      Found in one is found in the document, and scores nearly the same, so they are not indexed
      once more for a score of their own (a third of the time that indexing takes).

    ``per`` is what there is one document for, by whose id it is found: a category, ``"event"``
    (``article/1@3``) or ``"day"`` (``1912-04-15``).

    All that a document is made from must be found along references; see
    ``replay.kept.neighbourhood``. A view whose ids are not entities' says with ``roots(state,
    keys)`` which entities its documents begin from, a table with one column ``id``: ``explain``
    tells it.

    One whose documents are long says with ``documents_a_gigabyte`` how many of them are made at a
    time, for each gigabyte of memory that DuckDB may take.

    Raise ``code_version`` with every change of what the documents say.
    """

    name: str
    code_version: int
    documents: Callable[[Entities, ir.Table | None], ir.Table]
    lineage: Callable[[Entities, ir.Table | None], ir.Table]
    title: str
    text: Mapping[str, tuple[str, ...]]
    filters: Mapping[str, str] = field(default_factory=dict)
    date: str | None = None
    bulk: tuple[str, ...] = ()
    per: str | None = None
    roots: Callable[[Entities, ir.Table], ir.Table] | None = None
    documents_a_gigabyte: int | None = None
