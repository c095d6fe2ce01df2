"""Dates: one parser for every place that takes one, so a text means the same span everywhere."""

from __future__ import annotations

import calendar
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.growth import months
from event_log import EventLog, InvalidEvent, NewEvent
from event_log import snapshot as snapshots
from event_log.dates import EPOCH, LAST_INSTANT, InvalidDate, date_span, first_day, microseconds
from newsroom.categories import CATEGORIES
from search import Query

NOW = datetime(2024, 3, 31, 15, 30, tzinfo=UTC)
DAY = timedelta(days=1)
LAST = timedelta(microseconds=1)

FIFTEENTH = [
    "1912-04-15", "1912-4-15", "19120415", "1912/04/15", "1912.04.15", "1912:04:15", "1912-106",
    "1912106", "1912-W16-1", "1912W161", "15 April 1912", "15. April 1912", "15th of April, 1912",
    "15 apr 1912", "15-Apr-1912", "15APR1912", "April 15, 1912", "Apr. 15 1912", "APRIL 15TH 1912",
    "1912 April 15", "Monday, 15 April 1912", "Mon 15 Apr 1912", " 1912-04-15\n", "1912‑04‑15",
    "1912-04-15Z", "1912-04-15+00:00",
]  # fmt: skip
EIGHT_IN_THE_EVENING = [
    "1912-04-15T20:00:00Z", "1912-04-15t20:00:00z", "1912-04-15 20:00", "1912-04-15T20",
    "1912-04-15T2000", "19120415T200000Z", "1912-04-15T20:00:00.000000000Z",
    "1912-04-15T20:00:00,0", "1912-04-15T15:00-05:00", "1912-04-15T15:00:00-0500",
    "1912-04-16T01:30+05:30", "1912-106T20:00", "1912-W16-1T20:00",
    "Mon, 15 Apr 1912 20:00:00 +0000", "Mon, 15 Apr 1912 20:00:00 GMT",
    "15 April 1912, 8 pm", "April 15, 1912 at 8:00 p.m.", "15 April 1912 20:00 UTC",
    "1912:04:15 20:00:00",
]  # fmt: skip


def span(first: datetime, last: datetime) -> tuple[int, int]:
    return microseconds(first), microseconds(last)


@pytest.mark.parametrize("text", FIFTEENTH)
def test_a_day_is_all_of_it_however_it_is_written(text: str) -> None:
    assert date_span(text) == span(datetime(1912, 4, 15), datetime(1912, 4, 16) - LAST)
    assert first_day(text) == date(1912, 4, 15)


@pytest.mark.parametrize("text", EIGHT_IN_THE_EVENING)
def test_an_instant_is_one_microsecond_however_it_is_written(text: str) -> None:
    assert date_span(text) == span(datetime(1912, 4, 15, 20), datetime(1912, 4, 15, 20))
    with pytest.raises(InvalidDate, match="is an instant; write the day"):
        first_day(text)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("1912", datetime(1912, 1, 1), datetime(1913, 1, 1) - LAST),
        ("0001", datetime(1, 1, 1), datetime(2, 1, 1) - LAST),
        ("9999", datetime(9999, 1, 1), datetime.max),
        ("1912-02", datetime(1912, 2, 1), datetime(1912, 3, 1) - LAST),
        ("1912/02", datetime(1912, 2, 1), datetime(1912, 3, 1) - LAST),
        ("Feb. 1912", datetime(1912, 2, 1), datetime(1912, 3, 1) - LAST),
        ("February, 1912", datetime(1912, 2, 1), datetime(1912, 3, 1) - LAST),
        ("2020-W53", datetime(2020, 12, 28), datetime(2021, 1, 4) - LAST),
        ("9999-W52", datetime(9999, 12, 27), datetime.max),
        ("1912-366", datetime(1912, 12, 31), datetime(1913, 1, 1) - LAST),
        ("1912-04-15+05:00", datetime(1912, 4, 14, 19), datetime(1912, 4, 15, 19) - LAST),
        ("1912-04-15-05:00", datetime(1912, 4, 15, 5), datetime(1912, 4, 16, 5) - LAST),
    ],
)
def test_a_year_a_month_and_a_week_are_all_of_them(
    text: str, first: datetime, last: datetime
) -> None:
    assert date_span(text) == span(first, last)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, 999999)),
        ("2017-01-01T00:59:60.5+01:00", datetime(2016, 12, 31, 23, 59, 59, 999999)),
        ("9999-12-31T23:59:60Z", datetime.max),
        ("1912-04-15T24:00", datetime(1912, 4, 16)),
        ("1912-12-31T24:00:00.0Z", datetime(1913, 1, 1)),
        ("1912-04-15T20:00:00.1234569Z", datetime(1912, 4, 15, 20, 0, 0, 123456)),
        ("1912-04-15T20:00:00.123456789Z", datetime(1912, 4, 15, 20, 0, 0, 123456)),
        ("15 April 1912 12 am", datetime(1912, 4, 15)),
        ("15 April 1912 12:30 pm", datetime(1912, 4, 15, 12, 30)),
        ("1912-04-15T20:00:00+23:59", datetime(1912, 4, 14, 20, 1)),
        ("1883-11-18T12:00:00-04:56:02", datetime(1883, 11, 18, 16, 56, 2)),
    ],
)
def test_leap_seconds_midnights_and_nanoseconds_have_one_meaning(
    text: str, expected: datetime
) -> None:
    assert date_span(text) == span(expected, expected)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2016-12-30T23:59:60Z", "second 60 comes only at 23:59 UTC on the last day of a month"),
        ("2016-12-31T22:59:60Z", "second 60 comes only at"),
        ("1912-04-15T24:01", "the clock has no such time"),
        ("1912-04-15T20:61", "the clock has no such time"),
        ("1912-04-15T20:00:61Z", "the clock has no such time"),
        ("1912-04-15T20:00+24:00", "a zone is less than 24:00 away from UTC"),
        ("1912-04-15T20:00+05:75", "a zone is less than 24:00 away from UTC"),
        ("0001-01-01T00:00+01:00", "outside the years 1 to 9999"),
        ("9999-12-31T24:00", "outside the years 1 to 9999"),
        ("9999-12-31-01:00", "outside the years 1 to 9999"),
        ("0000-01-01", "year 0"),
        ("1911-366", "1911 has no day 366"),
        ("1911-02-29", "day is out of range"),
        ("1912-00", "months are 1 to 12"),
        ("Tue, 15 Apr 1912", "that day was a Monday"),
        ("15 April 1912 2000", "a time of day is written 20:00 or 8 pm"),
        ("1912-04-15T13 pm", "am and pm go with the hours 1 to 12"),
        ("04/05/1912", r"no sure order \(1912-04-05 or 1912-05-04\)"),
        ("15.4.1912", r"no sure order \(1912-04-15\)"),
        ("04-05-12", "day, month and year in no sure order"),
        ("-30d", "an event needs a date of its own"),
        ("today", "an event needs a date of its own"),
        ("1912-04-15-05", "is no date"),
        ("1912-1913", "is no date"),
        ("191204", "is no date"),
        ("10000", "is no date"),
        ("15 April", "is no date"),
        ("1912-04-15T20:00 EST", "is no date"),
        ("१९१२", "is no date"),
        ("1912 " * 5_000_000, "is no date"),
    ],
)  # fmt: skip
def test_what_is_no_date_or_could_be_two_is_refused_with_the_reason_and_the_forms(
    text: str, reason: str
) -> None:
    with pytest.raises(InvalidDate, match=reason) as caught:
        date_span(text)
    assert "write 1912-04-15, 1912-04, 1912, 15 April 1912 or an ISO 8601 instant" in str(
        caught.value
    ) or "outside the years" in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("today", date(2024, 3, 31)),
        ("Yesterday", date(2024, 3, 30)),
        ("tomorrow", date(2024, 4, 1)),
        ("-30d", date(2024, 3, 1)),
        ("+1d", date(2024, 4, 1)),
        ("-2w", date(2024, 3, 17)),
        ("-1m", date(2024, 2, 29)),
        ("−13m", date(2023, 2, 28)),
        ("-1y", date(2023, 3, 31)),
        ("- 1 Y", date(2023, 3, 31)),
    ],
)
def test_a_relative_date_is_a_whole_day_counted_from_now(text: str, day: date) -> None:
    assert date_span(text, NOW) == date_span(day)


def test_hours_and_now_are_instants() -> None:
    assert date_span("now", NOW) == span(NOW, NOW)
    assert date_span("-12h", NOW) == span(NOW - DAY / 2, NOW - DAY / 2)


@pytest.mark.parametrize("text", ["-9999y", "+9999y", "-99999999d", "-999999999h", "+9999999w"])
def test_a_relative_date_outside_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(InvalidDate):
        date_span(text, NOW)


days = st.dates()
zones = st.sampled_from(["", "Z", "+00:00", "-05:00", "+0530", "+23:59"])
names = st.sampled_from([*calendar.month_name[1:], *calendar.month_abbr[1:], "Sept", "Sept."])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A text that may be a date: a form that is taken, or nearly so."""
    day = draw(days)
    month = draw(names)
    clock = draw(st.times()).isoformat(draw(st.sampled_from(["hours", "minutes", "microseconds"])))
    iso = [day.isoformat(), f"{day:%G-W%V}", f"{day:%G-W%V-%u}", f"{day.year:04}-{day:%j}"]
    return draw(
        st.sampled_from(
            [
                *iso,
                day.isoformat()[:7],
                day.isoformat()[:4],
                day.isoformat().replace("-", ""),
                *(f"{each}T{clock}{draw(zones)}" for each in iso),
                f"{day.isoformat()} {clock}",
                f"{day.day} {month} {day.year:04}",
                f"{month} {day.day}, {day.year:04}",
                f"{month} {day.year:04}",
                f"{day.month}/{day.day}/{day.year}",
            ]
        )
        | st.text(max_size=12)
        | st.text("0123456789-WT:Z+./ apr", max_size=20)
    )


@pytest.fixture(scope="module")
def log() -> Iterator[EventLog]:
    with tempfile.TemporaryDirectory() as folder:
        yield EventLog(Path(folder) / "log", CATEGORIES)


@given(texts())
def test_every_text_means_the_same_span_in_every_place(log: EventLog, text: str) -> None:
    """In a query and a filter, at a point of the log, in an event, and where months are counted."""
    event = NewEvent("article/1", "ArticlePublished", {"headline": "x", "published_at": text})
    batch, points = log.batch(), []
    try:
        first, last = date_span(text)
    except InvalidDate:
        with pytest.raises(InvalidEvent):
            batch.add(event)
        return
    batch.add(event)
    assert batch.lines is not None
    assert batch.lines[0][1]["published_at"] == first
    query = Query(date_from=text, date_to=text)
    assert query.dates() == (first, last)
    if not text.strip().isdigit():
        with mock.patch.object(
            snapshots, "_recorded_by", side_effect=lambda until, _: points.append(until) or 0
        ):
            log.at(text)
        assert points == [last]
    begin, end = ((EPOCH + timedelta(microseconds=m)).strftime("%m") for m in (first, last))
    counted = months(text, text)
    assert (counted[0][5:], counted[-1][5:]) == (begin, end)


@given(st.datetimes(timezones=st.none() | st.timezones()))
def test_python_s_instants_and_their_texts_are_the_same(instant: datetime) -> None:
    try:
        expected = microseconds(instant)
    except InvalidDate:
        with pytest.raises(InvalidDate, match="outside the years 1 to 9999"):
            date_span(instant.isoformat())
        return
    assert date_span(instant) == (expected, expected)
    assert date_span(instant.isoformat()) == (expected, expected)
    assert expected <= LAST_INSTANT


@given(days)
def test_days_follow_one_another_without_a_gap(day: date) -> None:
    if day < date.max:
        assert date_span(day).last + 1 == date_span(day + DAY).first
    assert date_span(day) == date_span(day.isoformat())
    assert first_day(day) == first_day(day.isoformat()) == day
