"""How a query was understood, in words, and what to try where it found nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import timedelta

from event_log import dates
from search.clauses import (
    Clause,
    Dates,
    Either,
    Every,
    Filter,
    Not,
    Parsed,
    Phrase,
    Prefix,
    Word,
    leaves,
)
from search.query import Query
from search.syntax import parse


def understood(
    query: Query, fields: Collection[str], filters: Collection[str] = (), date: str | None = None
) -> str:
    """What the hits of a query must have; ``fields`` are the names of the view's texts.

    >>> understood(Query("south pole -scott", filters={"section": "Science"}), ["headline"])
    'south and pole; without scott; section is Science'
    """
    parsed = parse(query.text, fields, filters, date=date)
    return "; ".join(_parts(query, parsed)) or "everything"


def advice(
    query: Query, fields: Collection[str], filters: Collection[str] = (), date: str | None = None
) -> list[str]:
    """What to try instead of a query that found nothing, most promising first.

    >>> advice(Query("titanc"), ["headline"])
    ['try fewer or other words, or the beginning of one: tita*']
    """
    parsed = parse(query.text, fields, filters, date=date)
    tries = []
    if query.filters:
        tries.append(f"without the filter {', '.join(query.filters)}")
    if query.date_from is not None or query.date_to is not None:
        tries.append("without the range of dates")
    if parsed.excluded:
        tries.append("without what is excluded")
    said = (replace(c, forms=()) if isinstance(c, Word) else c for c in parsed.clauses)
    texts = [text for clause in said for leaf in leaves(clause) for text in leaf.text.split()]
    if texts and not parsed.everything:
        start = max(texts, key=len)
        short = start[: max(3, len(start) - 2)]
        tries.append(f"fewer or other words, or the beginning of one: {short.rstrip('*')}*")
    return [f"try {each}" for each in tries]


def _parts(query: Query, parsed: Parsed) -> Iterator[str]:
    groups = [" or ".join(map(_shown, group.clauses)) for group in parsed.groups]
    if groups:
        yield (" and " if parsed.all_may_match and not query.any_word else " or ").join(groups)
    if parsed.excluded:
        yield f"without {' and '.join(map(_shown, parsed.excluded))}"
    for name, value in query.filters.items():
        values = [value] if isinstance(value, str) else value
        yield f"{name} is {' or '.join(map(str, values))}"
    if query.date_from is not None:
        yield f"from {query.date_from}"
    if query.date_to is not None:
        yield f"until {query.date_to}"


def _shown(clause: Clause) -> str:
    match clause:
        case Every(clauses):
            return f"({' and '.join(map(_shown, clauses))})"
        case Either(clauses):
            return f"({' or '.join(map(_shown, clauses))})"
        case Not(inner):
            return f"not {_shown(inner)}"
        case Filter(name, values):
            return f"{name} is {' or '.join(values)}"
        case Dates(first, last):
            return " ".join(_ends(first, last))
    text = clause.text
    if isinstance(clause, Phrase):
        near = f" within {clause.apart} words" if clause.apart else ""
        text = f"“{text}”{near}"
    elif isinstance(clause, Prefix):
        text = f"{text.rstrip('*')}*"
    return f"{text} in {clause.field}" if clause.field else text


def _ends(first: int | None, last: int | None) -> Iterator[str]:
    for word, number in (("from", first), ("until", last)):
        if number is not None:
            yield f"{word} {(dates.EPOCH + timedelta(microseconds=number)).date()}"
