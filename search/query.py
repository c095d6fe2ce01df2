"""Queries: a text, filters, a range of dates, an order, facets and a page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from event_log import dates
from search.errors import InvalidQuery, UnknownName
from search.histogram import HISTOGRAMS
from search.query_form import check_form

SORTS = ("relevance", "newest", "oldest")


@dataclass(frozen=True)
class Query:
    """A search of one view.

    A hit has one of the values of each filter. The range of dates includes both ends; an end that
    is a day, a month (``1912-04``) or a year (``1912``) includes all of it, and may be counted from
    today (``-30d``): see ``event_log.dates``. Raises ``InvalidQuery`` for an unknown sort or
    histogram, an invalid date, page or size, and for a range that ends before it begins.

    >>> Query("south pole", filters={"section": ["Science"]}, date_from="1911").page
    1
    """

    text: str = ""
    view: str = ""
    """The view to search; if empty, the engine's first."""
    filters: Mapping[str, Sequence[str] | str] = field(default_factory=dict)
    date_from: dates.Moment | None = None
    date_to: dates.Moment | None = None
    sort: str = "relevance"
    facets: Sequence[str] = ()
    page: int = 1
    size: int = 10
    any_word: bool = False
    """Whether one matching word is always enough; documents with more of them come first."""
    highlight: bool = True
    """Whether hits have fragments with their matches marked."""
    excluded: Mapping[str, Sequence[str] | str] = field(default_factory=dict)
    """By filter, the values that no hit has."""
    month_day: str | None = None
    """Only documents of this month and day in any year, such as ``04-15``."""
    ids: Sequence[str] = ()
    """Only documents of these ids, also where the view has no filter by id; all if empty."""
    excluded_ids: Sequence[str] = ()
    """The ids that no hit has."""
    histogram: str | None = None
    """By what the hits are counted by their date: ``decade``, ``year`` or ``month``."""
    facet_text: Mapping[str, str] = field(default_factory=dict)
    """By facet, a text that each of its values contains; case and accents do not matter."""
    embargoed: bool = False
    """Whether what is dated in the future is found and shown too, as the desk needs it."""
    now: datetime | None = None
    """The instant by which that and relative dates are judged; by default the clock's."""
    _dates: tuple[int | None, int | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("facets", "ids", "excluded_ids"):
            if isinstance(getattr(self, name), str):
                object.__setattr__(self, name, (getattr(self, name),))
        check_form(self)
        if self.sort not in SORTS:
            raise InvalidQuery(f"cannot sort by {self.sort!r}; sort by one of: {', '.join(SORTS)}")
        if self.histogram is not None and self.histogram not in HISTOGRAMS:
            raise InvalidQuery(
                f"cannot count by {self.histogram!r}; a histogram is by one of:"
                f" {', '.join(HISTOGRAMS)}"
            )
        if self.page < 1 or self.size < 0:
            raise InvalidQuery("pages count from 1, and a page cannot have less than 0 hits")
        if self.month_day is not None and not _is_month_day(self.month_day):
            raise InvalidQuery(f"month_day: {self.month_day!r} is no month and day, such as 04-15")
        object.__setattr__(self, "_dates", self._range())  # once: today may end meanwhile

    def of(self, views: Collection[str]) -> Query:
        """The query with its view, the first of ``views`` if it has none.

        Raises ``UnknownName`` when its view is not one of them.

        >>> Query("whales").of(["orders"]).view
        'orders'
        """
        if not self.view and views:
            return replace(self, view=next(iter(views)))
        if self.view not in views:
            raise UnknownName("view", self.view, views)
        return self

    @property
    def offset(self) -> int:
        """The number of hits on the pages before this one."""
        return (self.page - 1) * self.size

    def dates(self) -> tuple[int | None, int | None]:
        """The first and last instant of the range, in microseconds since 1970; None without."""
        return self._dates

    def _range(self) -> tuple[int | None, int | None]:
        now = self.now or datetime.now(UTC)
        first = None if self.date_from is None else span("date_from", self.date_from, now).first
        last = None if self.date_to is None else span("date_to", self.date_to, now).last
        if first is not None and last is not None and first > last:
            raise InvalidQuery(
                f"the range of dates is the wrong way round: it begins at {self.date_from} and ends"
                f" before, at {self.date_to}; exchange them"
            )
        return first, last


@dataclass(frozen=True)
class Limits:
    """The filters and the range of dates that hits must match beside the text.

    ``first`` and ``last`` are microseconds since 1970, both included. Documents of a date after
    ``hidden_after`` are no hits, nor are those that have one of the values in ``hidden``.
    """

    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    first: int | None = None
    last: int | None = None
    excluded: Mapping[str, Sequence[str]] = field(default_factory=dict)
    month_day: str | None = None
    ids: Sequence[str] = ()
    excluded_ids: Sequence[str] = ()
    hidden_after: int | None = None
    hidden: Mapping[str, Sequence[str]] = field(default_factory=dict)


def span(name: str, day: dates.Moment, now: datetime | None = None) -> dates.Span:
    """The first and last microsecond of a date; raises ``InvalidQuery`` that begins with a name.

    >>> span("date_from", "1912").first == span("date_from", "1912-01-01").first
    True
    """
    try:
        return dates.date_span(day, now or datetime.now(UTC))
    except dates.InvalidDate as error:
        raise InvalidQuery(f"{name}: {error}") from None


def _is_month_day(text: str) -> bool:
    try:
        datetime.strptime(f"1912-{text}", "%Y-%m-%d")
    except ValueError:
        return False
    return len(text) == len("04-15")
