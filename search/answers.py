"""What both engines share: how a query becomes an answer, and the hit that a document becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Protocol

from search import spelling
from search.analysis import stems
from search.clauses import MOST_WORDS_THAT_ALL_MATCH, Parsed
from search.embargo import Embargo
from search.engine import Answer, Generation, Hit
from search.errors import InvalidQuery, UnknownName
from search.filters import Resolving
from search.highlight import Highlighter
from search.mapping import IndexMapping, values
from search.markup import without_markup
from search.query import Limits, Query, span
from search.syntax import parse, plain

DATE = "date"
"""The filter by the date of a view's documents, whatever its field is called."""


@dataclass(frozen=True)
class Found:
    """One page of hits, each its score and its document; the number of all, and their counts."""

    total: int
    hits: Sequence[tuple[float | None, dict[str, Any]]]
    facets: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    histogram: list[tuple[str, int]] = field(default_factory=list)


class Searched(Protocol):
    """One index of an engine, as answering needs it."""

    @property
    def metadata(self) -> Generation:
        """What the index was built from."""

    @property
    def mapping(self) -> IndexMapping:
        """The searchable parts of its documents."""

    def find(self, query: Query, parsed: Parsed, every: bool, limits: Limits) -> Found:
        """The page of the documents that match: ``every`` word of the text, or any of them."""

    def pruned(self, parsed: Parsed) -> Parsed:
        """The parsed text without other forms of words that are known to be in no document."""

    def has(self, name: str, value: str) -> bool:
        """Whether any document has this value of a filter."""

    def values(self, name: str) -> list[str]:
        """All values of a filter."""

    def similar(self, words: Sequence[str]) -> Mapping[str, Sequence[tuple[str, int]]]:
        """By word that no text has: similar words of the texts, and how many documents have each.

        They differ by at most two letters.
        """


def answer(query: Query, index: Searched, embargo: Embargo) -> Answer:
    """Answer a query from one index.

    Up to four words must all match. If no document has them all, any may match. A text of more
    words whose operators leave nothing is searched by its words alone. The note says so. What is
    suggested in the place of a text that finds nothing finds something.
    """
    mapping = index.mapping
    resolving = Resolving(index, mapping)
    within = resolving.limits(limits(query, mapping, embargo))
    parsed = index.pruned(resolving.parsed(_parsed(query.text, mapping)))
    every = parsed.all_may_match and not query.any_word
    found = index.find(query, parsed, every, within)
    suggestion = None
    if not found.total:
        if every and len(parsed.loose_words) > 1:
            every = False
            found = index.find(query, parsed, every, within)
        elif len(parsed.loose) > MOST_WORDS_THAT_ALL_MATCH and (parsed.required or parsed.excluded):
            parsed = plain(query.text, "nothing matches its operators; searched as plain words")
            found = index.find(query, parsed, every, within)
        suggestion = spelling.suggestion(query.text, parsed, index.similar)
        if suggestion and not _finds(suggestion, query, index, within):
            suggestion = None
    highlighter = Highlighter(parsed.clauses if query.highlight else (), stems)
    return Answer(
        total=found.total,
        hits=[
            hit(score, embargo.shown(document), mapping, highlighter)
            for score, document in found.hits
        ],
        facets=found.facets,
        histogram=found.histogram,
        matching="all" if every else "any",
        note="; ".join(filter(None, (parsed.note, *resolving.notes))) or None,
        suggestion=suggestion,
        generation=index.metadata.generation,
        sequence=index.metadata.sequence,
    )


def _parsed(text: str, mapping: IndexMapping) -> Parsed:
    return parse(text, mapping.text, mapping.filter_names, mapping.title_text, mapping.date)


def _finds(text: str, query: Query, index: Searched, within: Limits) -> bool:
    """Whether any document that may be shown matches a text in the place of the query's."""
    parsed = Resolving(index, index.mapping).parsed(_parsed(text, index.mapping))
    query = replace(query, size=0, facets=(), facet_text={}, histogram=None, highlight=False)
    return index.find(query, parsed, False, within).total > 0


def limits(query: Query, mapping: IndexMapping, embargo: Embargo | None = None) -> Limits:
    """The filters and the range of dates of a query, and what is hidden from it.

    A filter by the documents' date (``date``, or the name of its field) is a range: the day, the
    month or the year that it names. Raises ``UnknownName`` for a filter or facet that the mapping
    lacks, ``InvalidQuery`` for dates where the documents have none.
    """
    dated = {name for name in (DATE, mapping.date) if mapping.date and name} - {*mapping.filters}
    _check_names(query, mapping, dated)
    _check_dates(query, mapping)
    first, last = query.dates()
    chosen = _listed(query.filters)
    for name in dated & {*chosen}:
        first, last = _narrowed(first, last, name, chosen.pop(name))
    for name, said in chosen.items():
        for value in said:
            if not isinstance(value, str):
                raise InvalidQuery(f"filter {name}: {value!r} is no text; write {str(value)!r}")
    embargo = embargo or Embargo()
    after = embargo.now if embargo.documents and mapping.date else None
    return Limits(
        chosen,
        first,
        last,
        _listed(query.excluded),
        month_day=query.month_day,
        ids=query.ids,
        excluded_ids=query.excluded_ids,
        hidden_after=after,
        hidden=embargo.entities,
    )


def _check_names(query: Query, mapping: IndexMapping, dated: set[str]) -> None:
    known = [*mapping.filter_names, *sorted(dated)]
    for kind, names, allowed in (
        ("filter", query.filters, known),
        ("filter", query.excluded, mapping.filter_names),
        ("facet", query.facets, mapping.filter_names),
    ):
        for name in names:
            if name not in allowed:
                raise UnknownName(f"{query.view} {kind}", name, allowed)


def _check_dates(query: Query, mapping: IndexMapping) -> None:
    """Raise ``InvalidQuery`` for what needs the date of documents, where they have none."""
    if mapping.date is None and query.dates() != (None, None):
        raise InvalidQuery(f"the documents of {query.view} have no date to search by")
    if mapping.date is None and query.histogram:
        raise InvalidQuery(
            f"the documents of {query.view} have no date to count by; leave the histogram out"
        )
    if query.month_day is not None and (mapping.date is None or mapping.layout == 1):
        raise InvalidQuery(f"{query.view} cannot be searched by month and day; run: stet rebuild")


def _listed(filters: Mapping[str, Sequence[str] | str]) -> dict[str, Sequence[str]]:
    return {
        name: [value] if isinstance(value, str | date) else value
        for name, value in filters.items()
        if value
    }


def _narrowed(
    first: int | None, last: int | None, name: str, given: Sequence[str]
) -> tuple[int, int]:
    """The range of dates within the one that a filter names."""
    if len(given) > 1:
        raise InvalidQuery(
            f"{name}: give one date; a range has its first and last day (--from, --to)"
        )
    begin, end = span(name, given[0])
    return (
        begin if first is None else max(first, begin),
        end if last is None else min(last, end),
    )


def hit(
    score: float | None, document: dict[str, Any], mapping: IndexMapping, highlighter: Highlighter
) -> Hit:
    """The hit of a document, with matches marked in its title and in its other texts.

    A document without a title, or with a blank one, shows its id. Markup in the texts is not shown.
    """
    shown = map(without_markup, values(document, mapping.title))
    titles = (title for title in shown if title.strip())
    title = next(titles, document["id"])
    title_text = mapping.title_text or ""
    fragments = {
        name: fragment
        for name, paths in mapping.text.items()
        if name != title_text
        and (fragment := highlighter.fragment(_texts(document, paths), name)) is not None
    }
    marked_title = highlighter.whole(title, title_text)
    date = next(values(document, mapping.date), None) if mapping.date else None
    return Hit(document["id"], score, marked_title, fragments, document, date)


def _texts(document: object, paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        yield from map(without_markup, values(document, path))
