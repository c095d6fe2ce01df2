"""Dates as people and programs write them: the one parser of every place that takes a date.

A date is a span of microseconds in UTC: a day, a week, a month or a year is all of it, an instant
is one microsecond. Where a single instant is needed, an event takes the first of the span, and a
point "as of then" the last.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from event_log.errors import EventLogError
from event_log.messages import kind_of, shown

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY, MINUTE, SECOND = 86_400_000_000, 60_000_000, 1_000_000
FORMS = "write 1912-04-15, 1912-04, 1912, 15 April 1912 or an ISO 8601 instant"
RELATIVE = f"{FORMS}; or today, yesterday, -30d, -2w, -3m, -1y"
MONTHS = tuple(name[:3].lower() for name in calendar.month_name)
WEEKDAYS = tuple(name[:3].lower() for name in calendar.day_name)

Moment = str | date | datetime
"""A date as text, or as Python's object for a day or an instant."""


class InvalidDate(EventLogError, ValueError):
    """A text that is no date, or that may be more than one; the message says what to write."""


class Span(NamedTuple):
    """The first and the last microsecond of a date, both included, counted from 1970 in UTC."""

    first: int
    last: int


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970, negative before; an instant without a time zone is in UTC.

    Raises ``InvalidDate`` outside the years 1 to 9999 in UTC.

    >>> microseconds(datetime(1851, 9, 18, 5))
    -3732807600000000
    """
    since = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)) - EPOCH
    number: int = (since.days * 86_400 + since.seconds) * SECOND + since.microseconds
    if not FIRST_INSTANT <= number <= LAST_INSTANT:
        raise InvalidDate(f"{shown(str(instant))} is outside the years 1 to 9999 in UTC")
    return number


def _unchecked(instant: datetime) -> int:
    return (instant.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


FIRST_INSTANT, LAST_INSTANT = _unchecked(datetime.min), _unchecked(datetime.max)

# The forms. A text is read in lower case, with single spaces.
YEAR = r"(?P<year>\d{4})"
NAMED = (
    r"(?P<named>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
NUMBER = r"(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?"
WEEKDAY = r"(?:(?P<weekday>mon|tue|wed|thu|fri|sat|sun)(?:s|r|rs|nes|ur)?(?:day)?\.?(?:, ?| ))?"
ISO_DAYS = (
    rf"{YEAR}(?P<by>[-/.:])(?P<month>\d\d?)(?P=by)(?P<day>\d\d?)",
    rf"{YEAR}(?P<month>\d\d)(?P<day>\d\d)",
    rf"{YEAR}-?(?P<of_year>\d\d\d)",
    rf"{YEAR}(?P<by>-?)w(?P<week>\d\d)(?P=by)(?P<of_week>\d)",
)
WRITTEN_DAYS = (
    rf"{WEEKDAY}{NUMBER}(?: of)?[ /-]?{NAMED},?[ /-]?{YEAR}",
    rf"{WEEKDAY}{NAMED}[ -]?{NUMBER}(?:, ?|[ -]){YEAR}",
    rf"{YEAR}[ /-]?{NAMED}[ /-]?{NUMBER}",
)
PERIODS = (
    YEAR,
    rf"{YEAR}[-/.](?P<month>\d\d?)",
    rf"{YEAR}-?w(?P<week>\d\d)",
    rf"{NAMED},?[ /-]?{YEAR}",
    rf"{YEAR}[ /-]?{NAMED}",
)
CLOCK = (
    r"(?P<begins>t|,? at |, ?| )(?P<hour>\d\d?)"
    r"(?:(?P<colon>:?)(?P<minute>\d\d)(?:(?P=colon)(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?)?"
    r"(?: ?(?P<half>[ap])\.?m\.?)?"
)
ZONE = (
    r"(?: ?(?:z|utc|gmt|(?P<sign>[+-])(?P<hours>\d\d)"
    r"(?::?(?P<minutes>\d\d)(?::?(?P<seconds>\d\d))?)?))?"
)
DAY_ZONE = r"(?: ?(?:z|utc|gmt|(?P<sign>[+-])(?P<hours>\d\d):(?P<minutes>\d\d)))?"
"""A day may have a zone, as in XML; without the colon ``-05`` would look like one more number."""


def _forms(*patterns: str) -> list[re.Pattern[str]]:
    return [re.compile(pattern, re.ASCII) for pattern in patterns]


WHOLE = _forms(*(day + DAY_ZONE for day in ISO_DAYS), *PERIODS, *WRITTEN_DAYS)
INSTANTS = _forms(*(day + CLOCK + ZONE for day in (*ISO_DAYS, *WRITTEN_DAYS)))
(TWO_ORDERS, AGO, USUAL) = _forms(
    r"(?P<one>\d\d?)(?P<by>[-/. ])(?P<other>\d\d?)(?P=by)(?P<year>\d{4}|\d\d)(?:\D.*)?",
    r"(?P<sign>[+-]) ?(?P<count>\d{1,9}) ?(?P<unit>[hdwmy])",
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{3}(?:\d{3})?)?)?"
    r"(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?",
)
WORDS = {"yesterday": -1, "today": 0, "tomorrow": 1}
LONGEST = 80
"""Characters of the longest text that may be a date."""
HYPHENS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"))


def date_span(value: Any, now: datetime | None = None) -> Span:
    """Return the first and the last microsecond of a date.

    It takes days, ISO weeks, months, years and instants in ISO 8601, and dates as they are written
    in English. Days are UTC days; an instant without a zone is in UTC; digits beyond microseconds
    are dropped. With ``now``, also ``now``, ``today``, ``yesterday``, ``tomorrow``, ``-30d``,
    ``-2w``, ``-3m``, ``-1y`` (days, counted from the UTC day of ``now``) and ``-12h`` (an instant).

    Raises ``InvalidDate`` with the reason and the forms that are taken: for what is no date, for
    what has two meanings (``04/05/1912``), and for relative dates without ``now``.

    >>> date_span("1912") == Span(microseconds(datetime(1912, 1, 1)), date_span("1912-12").last)
    True
    >>> date_span("15 April 1912") == date_span("1912-04-15") == date_span(date(1912, 4, 15))
    True
    """
    if isinstance(value, str):
        usual = _usual(value)
        return _read(value, now) if usual is None else Span(usual, usual)
    if isinstance(value, datetime):
        instant = microseconds(value)
        return Span(instant, instant)
    if isinstance(value, date):
        return _days(value, value)
    raise InvalidDate(f"must be an ISO 8601 date, not {kind_of(value)}")


def first_instant(value: Any) -> int:
    """Return the first microsecond of a date that does not depend on the clock, as events need it.

    >>> first_instant("1851-09-18") == first_instant("1851-09-18T00:00:00Z")
    True
    """
    usual = _usual(value) if isinstance(value, str) else None
    return date_span(value).first if usual is None else usual


def _usual(text: str) -> int | None:
    """An instant as nearly all of an import are: Python reads these many times faster."""
    if not (len(text) == 20 and text[19] == "Z" and text[10] == "T") and not USUAL.fullmatch(text):
        return None
    try:
        return microseconds(datetime.fromisoformat(text))
    except ValueError:
        return None  # to be read with more care: it says what is wrong, or knows second 60


def first_day(value: Any) -> date:
    """Return the first day of a date that does not depend on the clock; instants are refused.

    >>> first_day("1851-09")
    datetime.date(1851, 9, 1)
    """
    if isinstance(value, datetime) or not isinstance(value, str | date):
        raise InvalidDate(f"must be an ISO 8601 day, not {kind_of(value)}")
    first, last = date_span(value)
    if first % DAY or last - first < DAY - 1:
        raise InvalidDate(f"{shown(str(value))} is an instant; write the day, as 1912-04-15")
    return _on(first)


def _read(text: str, now: datetime | None) -> Span:
    plain = " ".join(text[: LONGEST + 1].translate(HYPHENS).lower().split())
    forms = FORMS if now is None else RELATIVE
    if len(text) > LONGEST:
        raise InvalidDate(f"{shown(text)} is no date; {forms}")
    try:
        span = _relative(plain, text, now)
        if span is not None:
            return span
        for form in WHOLE:
            if match := form.fullmatch(plain):
                return _whole(match.groupdict())
        for form in INSTANTS:
            if match := form.fullmatch(plain):
                instant = _instant(match.groupdict())
                return Span(instant, instant)
    except InvalidDate:
        raise
    except (ValueError, OverflowError) as error:
        raise InvalidDate(f"{shown(text)} is no date: {error}; {forms}") from None
    if match := TWO_ORDERS.fullmatch(plain):
        raise InvalidDate(f"{shown(text)} {_readings(match)}; {forms}")
    raise InvalidDate(f"{shown(text)} is no date; {forms}")


def _whole(parts: dict[str, str | None]) -> Span:
    """A day, a week, a month or a year."""
    if not (parts.get("day") or parts.get("of_year") or parts.get("of_week")):
        return _period(parts)
    day = _day(parts)
    span, offset = _days(day, day), _offset(parts)
    return _checked(Span(span.first - offset, span.last - offset))


def _period(parts: dict[str, str | None]) -> Span:
    year = _number(parts, "year")
    if week := _number(parts, "week"):
        monday = date.fromisocalendar(year, week, 1)
        return _days(monday, monday + min(timedelta(days=6), date.max - monday))
    month = _month(parts)
    if not month:
        return _days(date(year, 1, 1), date(year, 12, 31))
    first = date(year, month, 1)
    return _days(first, first.replace(day=calendar.monthrange(year, month)[1]))


def _instant(parts: dict[str, str | None]) -> int:
    """A day with a time on the clock, and perhaps a zone."""
    hour, minute, second = (_number(parts, name) for name in ("hour", "minute", "second"))
    if parts["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("am and pm go with the hours 1 to 12")
        hour = hour % 12 + (12 if parts["half"] == "p" else 0)
    elif not parts["colon"] and (len(parts["hour"] or "") < 2 or parts.get("named")):
        raise ValueError("a time of day is written 20:00 or 8 pm")
    fraction = int((parts["fraction"] or "")[:6].ljust(6, "0"))
    is_leap, second = second == 60, min(second, 59) if second <= 60 else second
    is_end = (hour, minute, second, fraction) == (24, 0, 0, 0) and not parts["half"]
    if not (is_end or hour < 24) or minute > 59 or second > 59:
        raise ValueError("the clock has no such time")
    start = _days(day := _day(parts), day).first
    clock = (hour * 60 + minute) * MINUTE + second * SECOND + fraction
    number = start + clock - _offset(parts)
    if is_leap:
        number = _leap(number - fraction)
    return _checked(Span(number, number)).first


def _leap(number: int) -> int:
    """The last microsecond before a leap second, which UTC has at the end of some months."""
    day = _on(_checked(Span(number, number)).first)
    is_last = day.day == calendar.monthrange(day.year, day.month)[1]
    if not is_last or (number + SECOND) % DAY:
        raise ValueError("second 60 comes only at 23:59 UTC on the last day of a month")
    return number + SECOND - 1


def _on(number: int) -> date:
    """The UTC day of a microsecond."""
    return date.fromordinal(EPOCH.toordinal() + number // DAY)


def _day(parts: dict[str, str | None]) -> date:
    year = _number(parts, "year")
    if parts.get("of_week"):
        return date.fromisocalendar(year, _number(parts, "week"), _number(parts, "of_week"))
    if of_year := _number(parts, "of_year"):
        if of_year > 365 + calendar.isleap(year):
            raise ValueError(f"{year} has no day {of_year}")
        return date(year, 1, 1) + timedelta(days=of_year - 1)
    day = date(year, _month(parts), _number(parts, "day"))
    weekday = parts.get("weekday")
    if weekday and WEEKDAYS[day.weekday()] != weekday:
        raise ValueError(f"that day was a {calendar.day_name[day.weekday()]}")
    return day


def _month(parts: dict[str, str | None]) -> int:
    """The number of the month; 0 without one."""
    if named := parts.get("named"):
        return MONTHS.index(named[:3])
    month = _number(parts, "month")
    if parts.get("month") and not month:
        raise ValueError("months are 1 to 12")
    return month


def _number(parts: dict[str, str | None], name: str) -> int:
    return int(parts.get(name) or 0)


def _offset(parts: dict[str, str | None]) -> int:
    """How far the zone's clock is ahead of UTC, in microseconds."""
    if not parts.get("sign"):
        return 0
    hours, minutes, seconds = (_number(parts, name) for name in ("hours", "minutes", "seconds"))
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError("a zone is less than 24:00 away from UTC")
    size = (hours * 60 + minutes) * MINUTE + seconds * SECOND
    return -size if parts["sign"] == "-" else size


def _days(first: date, last: date) -> Span:
    begin, end = ((day.toordinal() - EPOCH.toordinal()) * DAY for day in (first, last))
    return Span(begin, end + DAY - 1)


def _checked(span: Span) -> Span:
    if span.first < FIRST_INSTANT or span.last > LAST_INSTANT:
        raise ValueError("it is outside the years 1 to 9999 in UTC")
    return span


def _relative(plain: str, text: str, now: datetime | None) -> Span | None:
    """A date that is counted from now; None for any other text."""
    match = AGO.fullmatch(plain)
    if not match and plain != "now" and plain not in WORDS:
        return None
    if now is None:
        raise InvalidDate(
            f"{shown(text)} changes its meaning with the day on which it is read; an event needs a"
            f" date of its own: {FORMS}"
        )
    number = microseconds(now)
    today = _on(number)
    if plain == "now":
        return Span(number, number)
    if not match:
        day = today + timedelta(days=WORDS[plain])
        return _days(day, day)
    count = int(match["count"]) * (-1 if match["sign"] == "-" else 1)
    if match["unit"] == "h":
        number += count * 60 * MINUTE
        return _checked(Span(number, number))
    day = _moved(today, count, match["unit"])
    return _days(day, day)


def _moved(day: date, count: int, unit: str) -> date:
    """The day so many days, weeks, months or years later; the 31st becomes a month's last day."""
    if unit in "dw":
        return day + timedelta(days=count * (7 if unit == "w" else 1))
    months = day.year * 12 + day.month - 1 + count * (12 if unit == "y" else 1)
    year, month = months // 12, months % 12 + 1
    if not 1 <= year <= 9999:
        raise ValueError("it is outside the years 1 to 9999 in UTC")
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _readings(match: re.Match[str]) -> str:
    """What a day in digits, such as ``04/05/1912``, may mean."""
    one, other, year = (int(match[name]) for name in ("one", "other", "year"))
    if len(match["year"]) == 4:
        readings = [
            f"{year:04}-{month:02}-{day:02}"
            for month, day in dict.fromkeys([(one, other), (other, one)])
            if 1 <= month <= 12 and 1 <= day <= calendar.monthrange(max(year, 1), month)[1]
        ]
        if readings:
            return f"has day and month in no sure order ({' or '.join(readings)})"
    return "has day, month and year in no sure order"
