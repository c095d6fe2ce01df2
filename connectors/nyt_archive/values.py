"""Reading one value of a document: each has more than one form in the archive's 170 years."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from event_log import InvalidEvent, instant_text

NOTHING = "None"
"""What desks and sections are called that there are not."""
MOST_WORDS = 2**31


def text(part: Mapping[str, Any], name: str) -> str | None:
    """A text without space around it; None if it is empty, null or not there.

    >>> text({"snippet": " Whales. "}, "snippet"), text({"snippet": ""}, "snippet")
    ('Whales.', None)
    """
    value = part.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidEvent(name, f"must be a text, not {_kind(value)}")
    return value.strip() or None


def named(part: Mapping[str, Any], name: str) -> str | None:
    """A text that names something; the word None names nothing.

    >>> named({"news_desk": "None"}, "news_desk"), named({"news_desk": "Foreign"}, "news_desk")
    (None, 'Foreign')
    """
    found = text(part, name)
    return None if found == NOTHING else found


def label(part: Mapping[str, Any], name: str) -> str | None:
    """A text that may come as a number, such as a page.

    >>> label({"print_page": 12}, "print_page"), label({"print_page": "A12"}, "print_page")
    ('12', 'A12')
    """
    value = part.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(int(value)) if value == int(value) else str(value)
    return text(part, name)


def count(part: Mapping[str, Any], name: str) -> int | None:
    """A number that may come as a text; None if it is not there, or 0, which says the same here.

    >>> count({"word_count": "1024"}, "word_count"), count({"word_count": 0}, "word_count")
    (1024, None)
    """
    value = part.get(name)
    if value is None or value == "":
        return None
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError:
        raise InvalidEvent(name, f"{value[:40]!r} is no number") from None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise InvalidEvent(name, f"must be a whole number, not {_kind(value)}")
    if number != int(number):
        raise InvalidEvent(name, f"{number} is no whole number")
    if not 0 <= number < MOST_WORDS:
        raise InvalidEvent(name, f"{number} is no count")
    return int(number) or None


def instant(part: Mapping[str, Any], name: str) -> str:
    """An instant with its zone, which ends in ``+0000`` or ``Z``, in the form of the log.

    >>> instant({"pub_date": "1912-04-16T00:00:00+0000"}, "pub_date")
    '1912-04-16T00:00:00Z'
    """
    value = text(part, name)
    if value is None:
        raise InvalidEvent(name, "is missing")
    try:
        moment = datetime.fromisoformat(value)
        return instant_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise InvalidEvent(name, f"{value[:40]!r} is no date in ISO 8601") from None


def group(part: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object; one that is empty may come as a list, and may be null or not there.

    >>> group({"byline": []}, "byline")
    {}
    """
    value = part.get(name)
    if isinstance(value, Mapping):
        return value
    if value is None or value == [] or value == "":
        return {}
    raise InvalidEvent(name, f"must be an object, not {_kind(value)}")


def groups(part: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """A list of objects in the order of their ranks; it may be null or not there.

    >>> groups({"keywords": [{"rank": 2, "value": "b"}, {"rank": 1, "value": "a"}]}, "keywords")
    [{'rank': 1, 'value': 'a'}, {'rank': 2, 'value': 'b'}]
    """
    value = part.get(name)
    if value is None or value == {} or value == "":
        return []
    if not isinstance(value, list):
        raise InvalidEvent(name, f"must be a list, not {_kind(value)}")
    for each in value:
        if not isinstance(each, Mapping):
            raise InvalidEvent(name, f"must be a list of objects, and has {_kind(each)}")
    if all(type(each.get("rank")) is int for each in value):
        return sorted(value, key=lambda each: int(each["rank"]))
    return value


def _kind(value: Any) -> str:
    """What a value of JSON is called."""
    kinds = {bool: "true or false", str: "a text", list: "a list", dict: "an object"}
    return "null" if value is None else kinds.get(type(value), "a number")
