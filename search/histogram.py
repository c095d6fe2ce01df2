"""Histograms: the hits of a query by the decade, the year or the month of their date.

The label of a year or a month is a date as queries name it (``1912``, ``1912-04``), and means the
same span; that of a decade is its first year.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import MAXYEAR, MINYEAR
from functools import lru_cache

from event_log import dates

DECADE, YEARLY, MONTH = "decade", "year", "month"
HISTOGRAMS = (DECADE, YEARLY, MONTH)
"""By what a histogram counts."""

Counts = list[tuple[str, int]]


def of_years(unit: str, years: Iterable[tuple[str, int]]) -> Counts:
    """The counts by decade or by year, oldest first, made of those by year in any order.

    Years that no query can name are left out.

    >>> of_years("decade", [("1912", 3), ("1851", 1), ("1919", 4)])
    [('1850', 1), ('1910', 7)]
    """
    counts: dict[int, int] = {}
    for text, count in years:
        year = int(text) if text.isdecimal() else 0
        if MINYEAR <= year <= MAXYEAR:
            period = year - year % 10 if unit == DECADE else year
            counts[period] = counts.get(period, 0) + count
    return [(f"{period:04}", count) for period, count in sorted(counts.items())]


def all_years() -> list[str]:
    """The labels of all years that a query can name."""
    return [f"{year:04}" for year in range(MINYEAR, MAXYEAR + 1)]


def months_of(year: str) -> list[str]:
    """The labels of the months of a year.

    >>> months_of("1912")[:2]
    ['1912-01', '1912-02']
    """
    return [f"{year}-{month:02}" for month in range(1, 13)]


@lru_cache(maxsize=20_000)
def span(label: str) -> dates.Span:
    """The first and the last microsecond of a year or a month."""
    return dates.date_span(label)
