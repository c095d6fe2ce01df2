"""Embargo: what is dated in the future is hidden from readers until then.

It is judged when somebody searches, by the clock: nothing is written when an embargo ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from event_log import dates
from search.errors import NothingServes
from search.query import Query

if TYPE_CHECKING:
    from replay import View
    from search.engine import Answer, Hit
    from search.mapping import IndexMapping

AT_ONCE = 1_000
SEQUENCE = "sequence"
"""The field of a document that has the sequence of the last event that it is made of."""


def clock() -> datetime:
    """The current instant; ``Query.now`` overrides it."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Embargo:
    """What a search hides: documents, and parts of the documents that it shows."""

    now: int | None = None
    """Microseconds since 1970; what is dated later is hidden. None hides nothing."""
    documents: bool = False
    """Whether documents themselves are hidden by their date."""
    parts: Sequence[str] = ()
    """The paths of the instants by which parts of a document are hidden."""
    entities: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By filter, the values whose documents are hidden."""
    sequence: bool = True
    """Whether a document's sequence is shown; where it would tell of hidden events it is not."""

    @classmethod
    def of(
        cls,
        query: Query,
        mapping: IndexMapping,
        views: Mapping[str, View],
        search: Callable[[Query], Answer],
    ) -> Embargo:
        """The embargo for a query of an index; ``search`` finds the hidden entities in ``views``.

        The mapping says what is needed of a view: most searches load no view's code.
        """
        if query.embargoed:
            return cls()
        now, entities = query.now or clock(), {}
        if mapping.of_entity and (hidden := _entities(views, now, search)):
            entities[mapping.of_entity] = hidden
        return cls(
            dates.microseconds(now),
            mapping.embargo,
            mapping.embargoed,
            entities,
            mapping.tally is None,
        )

    def shown(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document without its hidden parts.

        >>> news = {"latest": [{"id": "1", "at": "1912-04-15"}, {"id": "2", "at": "2912-04-15"}]}
        >>> Embargo(dates.microseconds(datetime(2000, 1, 1)), False, ["latest.at"]).shown(news)
        {'latest': [{'id': '1', 'at': '1912-04-15'}]}
        """
        if self.now is None:
            return document
        shown = document
        for path in self.parts:
            shown = _without(shown, path.split("."), self.now)
        if not self.sequence:
            shown = {name: value for name, value in shown.items() if name != SEQUENCE}
        return shown


def _without(document: dict[str, Any], path: Sequence[str], now: int) -> dict[str, Any]:
    """The document without the list items that are dated later, and without later instants."""
    name, *rest = path
    value = document.get(name)
    if isinstance(value, list):
        kept = [item for item in value if not (item and _later(item, rest, now))]
        return document if len(kept) == len(value) else {**document, name: kept}
    if isinstance(value, dict) and rest:
        return {**document, name: _without(value, rest, now)}
    return {**document, name: None} if _later(value, rest, now) else document


def _later(value: Any, path: Sequence[str], now: int) -> bool:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, str):
        return False
    try:
        return dates.microseconds(datetime.fromisoformat(value)) > now
    except ValueError:
        return False  # no instant, so that no search by date finds it either


def _entities(
    views: Mapping[str, View], now: datetime, search: Callable[[Query], Answer]
) -> list[str]:
    """The entities whose own documents are hidden, in any view that has one for each."""
    from replay import DAY, EVENT

    dated = [view for view in views.values() if view.embargo and view.date]
    return [
        hit.id
        for view in dated
        if view.per not in (None, DAY, EVENT)
        for hit in later(view.name, now, search)
    ]


def later(view: str, now: datetime, search: Callable[[Query], Answer]) -> Iterator[Hit]:
    """A view's documents that are dated later, the first first; none of a view that is not built.

    Pages are of a thousand: one search where there are fewer.
    """
    first = now + timedelta(microseconds=1)
    query = Query("", view, date_from=first, sort="oldest", size=AT_ONCE, highlight=False)
    for page in count(1):
        try:
            hits = search(replace(query, page=page, embargoed=True)).hits
        except NothingServes:
            return
        yield from hits
        if len(hits) < AT_ONCE:
            return
