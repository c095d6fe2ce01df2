"""What a reader asks for: a text, filters, a range of dates, an order, facets and a page."""

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

    Several values of one filter widen it, filters of different names narrow it. Both ends of the
    range of dates are included; an end that is a day, a month (``1912-04``) or a year (``1912``)
    includes all of it. Raises ``InvalidQuery`` for what cannot be asked.

    >>> Query("south pole", filters={"section": ["Science"]}, date_from="1911").page
    1
    """

    text: str = ""
    view: str = ""
    """The view to search; the first of the engine's when none is named."""
    filters: Mapping[str, Sequence[str] | str] = field(default_factory=dict)
    date_from: Day | None = None
    date_to: Day | None = None
    sort: str = "relevance"
    facets: Sequence[str] = ()
    page: int = 1
    size: int = 10
    any_word: bool = False
    """Any word may match, however few they are; documents with more of them come first."""
    highlight: bool = True
    """Whether hits say what matched in them; a run of a thousand ids does not need it."""

    def __post_init__(self) -> None:
        if self.sort not in SORTS:
            raise InvalidQuery(f"cannot sort by {self.sort!r}; sort by one of: {', '.join(SORTS)}")
        if self.page < 1 or self.size < 0:
            raise InvalidQuery("pages count from 1, and a page cannot have less than 0 hits")
        self.dates()

    def of(self, views: Collection[str]) -> Query:
        """The query of one of these views; raises ``UnknownName`` for another.

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
        """How many hits come on the pages before this one."""
        return (self.page - 1) * self.size

    def dates(self) -> tuple[int | None, int | None]:
        """The first and the last instant of the range, in microseconds since 1970."""
        first = None if self.date_from is None else _span("date_from", self.date_from)[0]
        last = None if self.date_to is None else _span("date_to", self.date_to)[1]
        return first, last


@dataclass(frozen=True)
class Limits:
    """What hits must have beside matching the text: one of the values of each filter, a date."""

    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    first: int | None = None
    last: int | None = None


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970, negative before; an instant without a zone is one in UTC."""
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - EPOCH) // MICROSECOND


def _span(name: str, given: Day) -> tuple[int, int]:
    """The first and last microsecond of what a date names."""
    if isinstance(given, datetime):
        return microseconds(given), microseconds(given)
    if isinstance(given, date):
        return _days(given, given)
    try:
        return _read(given.strip())
    except (ValueError, OverflowError):
        raise InvalidQuery(
            f"{name}: {given!r} is no date; write 1912-04-15, 1912-04, 1912 or an ISO 8601 instant"
        ) from None


def _read(text: str) -> tuple[int, int]:
    if match := re.fullmatch(r"(\d{4})(?:-(\d{2}))?", text, re.ASCII):
        year, month = int(match[1]), int(match[2] or 0)
        last = calendar.monthrange(year, month)[1] if month else 31
        return _days(date(year, month or 1, 1), date(year, month or 12, last))
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        return _days(date.fromisoformat(text), date.fromisoformat(text))
    instant = microseconds(datetime.fromisoformat(text))
    return instant, instant


def _days(first: date, last: date) -> tuple[int, int]:
    start = microseconds(datetime(first.year, first.month, first.day))
    end = microseconds(datetime(last.year, last.month, last.day))
    return start, end + timedelta(days=1) // MICROSECOND - 1
