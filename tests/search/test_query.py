"""Dates and other bounds of a query."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from event_log.dates import microseconds
from search.errors import InvalidQuery, UnknownName
from search.query import Query


@pytest.mark.parametrize(
    ("given", "first", "last"),
    [
        ("1851-09-18", datetime(1851, 9, 18), datetime(1851, 9, 18, 23, 59, 59, 999999)),
        ("1912-02", datetime(1912, 2, 1), datetime(1912, 2, 29, 23, 59, 59, 999999)),
        ("1999", datetime(1999, 1, 1), datetime(1999, 12, 31, 23, 59, 59, 999999)),
        ("2020-12-31T23:30:00-05:00", datetime(2021, 1, 1, 4, 30), datetime(2021, 1, 1, 4, 30)),
        ("19120415", datetime(1912, 4, 15), datetime(1912, 4, 15, 23, 59, 59, 999999)),
        ("2020-W53-5", datetime(2021, 1, 1), datetime(2021, 1, 1, 23, 59, 59, 999999)),
        ("2020-W53", datetime(2020, 12, 28), datetime(2021, 1, 3, 23, 59, 59, 999999)),
        (" 9999 ", datetime(9999, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)),
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


@pytest.mark.parametrize(
    "given", ["2020-13", "2020-02-30", "the day", "", "20", "१९१२", "0000", "2020-W54", "2021T"]
)
def test_what_is_no_date_is_told_with_what_would_be(given: str) -> None:
    with pytest.raises(InvalidQuery, match=r"^date_from: .*is no date.*; write 1912-04-15.*-30d"):
        Query(date_from=given)


@pytest.mark.parametrize(
    ("first", "last"), [("1913", "1912"), ("1912-04-16", date(1912, 4, 15)), ("today", "yesterday")]
)
def test_a_range_that_ends_before_it_begins_is_refused_with_both_its_ends(
    first: str, last: str | date
) -> None:
    with pytest.raises(InvalidQuery, match=f"begins at {first} and ends before, at {last}"):
        Query(date_from=first, date_to=last)


def test_a_date_may_be_counted_from_today_and_includes_that_whole_day() -> None:
    first, last = Query(date_from="-30d", date_to="today").dates()
    assert first is not None
    assert last is not None
    assert last + 1 - first == 31 * 24 * 3_600_000_000
    assert 0 <= last - microseconds(datetime.now(UTC)) < 24 * 3_600_000_000


@pytest.mark.parametrize("given", [{"sort": "best"}, {"page": 0}, {"size": -1}])
def test_an_impossible_order_or_page_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(InvalidQuery):
        Query(**given)  # type: ignore[arg-type]


@given_any(st.dates())
def test_a_day_is_the_same_range_however_it_is_written(day: date) -> None:
    first, last = Query(date_from=day, date_to=day).dates()
    assert first is not None
    assert last is not None
    assert last - first == 24 * 60 * 60 * 1_000_000 - 1
    for text in (day.isoformat(), day.isoformat().replace("-", ""), f" {day.isoformat()}\n"):
        assert Query(date_from=text, date_to=text).dates() == (first, last)


@given_any(st.dates(max_value=date(9999, 11, 30)))
def test_ranges_of_months_and_years_meet_without_a_gap(day: date) -> None:
    following = day.replace(day=1) + timedelta(days=32)
    end = Query(date_to=day.isoformat()[:7]).dates()[1]
    start = Query(date_from=following.isoformat()[:7]).dates()[0]
    assert (end, start) == (end, (end or 0) + 1)


@given_any(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.integers(-23, 23))
def test_an_instant_is_one_microsecond_in_any_time_zone(instant: datetime, hours: int) -> None:
    there = instant.replace(tzinfo=timezone(timedelta(hours=hours)))
    expected = microseconds(instant) - hours * 3_600_000_000
    assert Query(date_from=there, date_to=there).dates() == (expected, expected)
    text = there.isoformat()
    assert Query(date_from=text, date_to=text).dates() == (expected, expected)


@given_any(st.text(max_size=12) | st.text("0123456789-WT:Z+.", max_size=20))
def test_any_text_is_a_range_of_dates_or_an_invalid_query(text: str) -> None:
    try:
        first, last = Query(date_from=text, date_to=text).dates()
    except InvalidQuery:
        return
    assert first is not None
    assert last is not None
    assert first <= last


def test_a_query_without_a_view_is_about_the_first_and_an_unknown_view_is_an_error() -> None:
    assert Query("whales").of(["orders", "lines"]).view == "orders"
    assert Query("whales", view="lines").of(["orders", "lines"]).view == "lines"
    with pytest.raises(UnknownName, match="no view 'tags'; there are: orders, lines"):
        Query("whales", view="tags").of(["orders", "lines"])
    with pytest.raises(UnknownName, match="there are: none"):
        Query("whales").of([])


@given_any(st.integers(1, 10**20), st.integers(0, 10**20))
def test_pages_follow_each_other_without_a_gap(page: int, size: int) -> None:
    assert Query(page=1, size=size).offset == 0
    assert Query(page=page + 1, size=size).offset == Query(page=page, size=size).offset + size
