"""Queries: a text, filters, a range of dates, an order, facets and a page."""

from __future__ import annotations

import calendar
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from search.errors import InvalidQuery, UnknownName

SORTS = ("relevance", "newest", "oldest")
Day = str | date | datetime
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Query:
    """A search of one view.

    A hit has one of the values of each filter. The range of dates includes both ends; an end that
    is a day, a month (``1912-04``) or a year (``1912``) includes all of it. Raises ``InvalidQuery``
    for an unknown sort, an invalid date, page or size.

    >>> Query("south pole", filters={"section": ["Science"]}, date_from="1911").page
    1
    """

    text: str = ""
    view: str = ""
    """The view to search; if empty, the engine's first."""
    filters: Mapping[str, Sequence[str] | str] = field(default_factory=dict)
    date_from: Day | None = None
    date_to: Day | None = None
    sort: str = "relevance"
    facets: Sequence[str] = ()
    page: int = 1
    size: int = 10
    any_word: bool = False
    """Whether one matching word is always enough; documents with more of them come first."""
    highlight: bool = True
    """Whether hits have fragments with their matches marked."""

    def __post_init__(self) -> None:
        if self.sort not in SORTS:
            raise InvalidQuery(f"cannot sort by {self.sort!r}; sort by one of: {', '.join(SORTS)}")
        if self.page < 1 or self.size < 0:
            raise InvalidQuery("pages count from 1, and a page cannot have less than 0 hits")
        self.dates()

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
        first = None if self.date_from is None else _span("date_from", self.date_from)[0]
        last = None if self.date_to is None else _span("date_to", self.date_to)[1]
        return first, last


@dataclass(frozen=True)
class Limits:
    """The filters and the range of dates that hits must match beside the text.

    ``first`` and ``last`` are microseconds since 1970, both included.
    """

    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    first: int | None = None
    last: int | None = None


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970, negative before; an instant without a time zone is in UTC."""
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - EPOCH) // MICROSECOND


def _span(name: str, day: Day) -> tuple[int, int]:
    """The first and last microsecond of a day, month, year or instant."""
    if isinstance(day, datetime):
        return microseconds(day), microseconds(day)
    if isinstance(day, date):
        return _days(day, day)
    try:
        return _read(day.strip())
    except (ValueError, OverflowError):
        raise InvalidQuery(
            f"{name}: {day!r} is no date; write 1912-04-15, 1912-04, 1912 or an ISO 8601 instant"
        ) from None


def _read(text: str) -> tuple[int, int]:
    if match := re.fullmatch(r"(\d{4})(?:-(\d{2}))?", text, re.ASCII):
        year, month = int(match[1]), int(match[2] or 0)
        last = calendar.monthrange(year, month)[1] if month else 31
        return _days(date(year, month or 1, 1), date(year, month or 12, last))
    if re.fullmatch(r"\d{4}-?(\d{2}-?\d{2}|W\d{2}-?\d)", text, re.ASCII):
        return _days(date.fromisoformat(text), date.fromisoformat(text))
    if re.fullmatch(r"\d{4}-?W\d{2}", text, re.ASCII):
        monday = date.fromisoformat(text)
        return _days(monday, monday + timedelta(days=6))
    instant = microseconds(datetime.fromisoformat(text))
    return instant, instant


def _days(first: date, last: date) -> tuple[int, int]:
    start = microseconds(datetime(first.year, first.month, first.day))
    end = microseconds(datetime(last.year, last.month, last.day))
    return start, end + timedelta(days=1) // MICROSECOND - 1
