"""Dates and other bounds of a query."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from search.errors import InvalidQuery
from search.query import Query, microseconds


@pytest.mark.parametrize(
    ("given", "first", "last"),
    [
        ("1851-09-18", datetime(1851, 9, 18), datetime(1851, 9, 18, 23, 59, 59, 999999)),
        ("1912-02", datetime(1912, 2, 1), datetime(1912, 2, 29, 23, 59, 59, 999999)),
        ("1999", datetime(1999, 1, 1), datetime(1999, 12, 31, 23, 59, 59, 999999)),
        ("2020-12-31T23:30:00-05:00", datetime(2021, 1, 1, 4, 30), datetime(2021, 1, 1, 4, 30)),
        (date(2000, 1, 1), datetime(2000, 1, 1), datetime(2000, 1, 1, 23, 59, 59, 999999)),
        (datetime(2000, 1, 1, 5, tzinfo=UTC), datetime(2000, 1, 1, 5), datetime(2000, 1, 1, 5)),
    ],
)
def test_a_range_includes_all_of_its_ends(
    given: str | date, first: datetime, last: datetime
) -> None:
    assert Query(date_from=given, date_to=given).dates() == (
        microseconds(first),
        microseconds(last),
    )


@pytest.mark.parametrize("given", ["2020-13", "2020-02-30", "yesterday", "", "20", "१९१२"])
def test_what_is_no_date_is_told_with_what_would_be(given: str) -> None:
    with pytest.raises(InvalidQuery, match="is no date; write 1912-04-15"):
        Query(date_from=given)


@pytest.mark.parametrize("given", [{"sort": "best"}, {"page": 0}, {"size": -1}])
def test_an_impossible_order_or_page_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(InvalidQuery):
        Query(**given)  # type: ignore[arg-type]
