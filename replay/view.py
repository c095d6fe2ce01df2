"""``View``: two Ibis expressions over entities, and the fields by which it is searched."""

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
    """A view: how its documents are computed from entities, and how they are searched.

    ``documents(state, keys)`` has one line per document: ``id`` first, then the view's fields.
    ``keys`` is ``None`` for all documents, or a table with one column ``id``. ``lineage(state,
    keys)`` has the pairs ``(id, entity)`` of these documents, and perhaps of others: the id of the
    document, and a stream that it is made from.

    The other fields declare the search, by paths into the documents (``bylines.name`` is the
    ``name`` of each of the structs in ``bylines``):

    - ``title``: the path of the title of a hit;
    - ``text``: the searchable texts by name, the title first; the query syntax uses these names
      (``headline:word``);
    - ``filters``: exact values by name, for filters and facets; ``year`` is made from ``date``;
    - ``date``: the path of the instant or day for date ranges and for sorting by date;
    - ``bulk``: the names of the texts that are most of a document, such as an article's body. A
      word in such a text is also in the document, and scores nearly the same there, so these texts
      are not indexed on their own: that would be a third of the time that indexing takes.

    ``per`` is what the view has one document for: a category, ``"event"`` (``article/1@3``) or
    ``"day"`` (``1912-04-15``). The document's id has that form.

    All entities that a document is made from must be reachable along references; see
    ``replay.kept.neighbourhood``. If the ids are not those of entities, ``roots(state, keys)`` has
    the entities that documents begin from, as a table with one column ``id``: ``explain`` shows
    them.

    If documents are long, ``documents_a_gigabyte`` is how many of them are made at a time, for each
    gigabyte of memory that DuckDB may use.

    Raise ``code_version`` with every change of the documents' content.
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
