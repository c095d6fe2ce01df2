"""Generated histories: every kind of event, on a few entities that name each other.

Their values are wild: instants of the years 1 to 9999, ids that differ by an accent, references to
what is missing, to each other and to themselves, empty and long lists, texts of every script.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from event_log import Effect, EventLog, NewEvent, Registry
from newsroom.categories import CATEGORIES

REGISTRY = Registry(CATEGORIES)
ODD = [
    "1@2", "1 ", "e\u0301", "\u00e9", "E\u0301", "\u5317\u4eac/\u5965\u8fd0", "'\"\\%_*?;--",
    "\U0001f40b\u200d", "\u0627\u0644", "../..", "\ufeff", "n" * 500,
]  # fmt: skip
"""Ids that are hard to quote, to compare or to show; some look the same and are not."""
PLACES = [f"{c}/{n}" for c in REGISTRY for n in ("1", "2")] + ["article/3"]
ODD_PLACES = [f"{c}/{n}" for c in REGISTRY for n in ODD]
ODD_REFERENCES = ["", " ", "/", "1", "article/1", "byline/1", "section/1", "tag/\0", "x" * 3_000]
"""References of no category, of another one, or to an entity that no log can have."""
LONG = 300
"""Items of a long list."""

MICROSECOND = timedelta(microseconds=1)
MIDNIGHTS = [
    datetime(year, month, day, tzinfo=UTC)
    for year, month, day in [
        (1, 1, 2), (4, 2, 29), (1000, 1, 1), (1582, 10, 15), (1684, 7, 28), (1684, 7, 29),
        (1970, 1, 1), (2000, 3, 1), (2255, 6, 5), (2255, 6, 6), (9999, 12, 31),
    ]
]  # fmt: skip
"""Days on which a calendar, an epoch or a floating-point number turns."""
ENDS = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
EDGES = [*ENDS, *MIDNIGHTS, *(midnight - MICROSECOND for midnight in MIDNIGHTS)]


def _elsewhere(instant: datetime, hours: int) -> str:
    """The instant as ISO 8601, in another time zone if that has a year for it."""
    try:
        return instant.astimezone(timezone(timedelta(hours=hours))).isoformat()
    except OverflowError:
        return instant.isoformat()


INSTANTS = st.one_of(
    st.sampled_from(
        ["1851-09-18T05:00:00Z", "2020-01-01T23:30:00-05:00", "2020-01-02T00:00:00.5Z"]
    ),
    st.sampled_from(EDGES).map(datetime.isoformat),
    st.builds(_elsewhere, st.sampled_from(EDGES), st.integers(-14, 14)),
    st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
)
WORDS = st.one_of(
    st.sampled_from(["", "a", "b b", "c\n\nd"]),
    st.sampled_from(
        ["\u5317\u4eac\u5965\u8fd0", "Re\u0301 \u00e9", "\0", "\u2028a\x1cb\x85c", "="]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.text("a \n\t\u00a0\u3000\u200b", max_size=8),
    st.sampled_from(["a" * 199, "a" * 200, "a" * 201, "e\u0301" * 150, "word " * 2_000]),
)
NUMBERS = st.one_of(st.integers(0, 3), st.sampled_from([-(2**63), -1, 2**53 + 1, 2**63 - 1]))


def one_of(category: str) -> st.SearchStrategy[str]:
    """A reference to an entity that may be there, that is missing, or that cannot be."""
    return st.one_of(
        st.sampled_from([f"{category}/{n}" for n in "123"]),
        st.sampled_from([f"{category}/{n}" for n in ODD] + ODD_REFERENCES),
    )


def ids(category: str) -> st.SearchStrategy[list[str]]:
    """A list of references: mostly short, with repetitions, and sometimes long."""
    many = st.builds(
        lambda first, by: [f"{category}/{(first + n * by) % LONG}" for n in range(LONG)],
        st.integers(0, 3),
        st.sampled_from([0, 1, 2]),
    )
    return st.one_of(
        st.lists(st.sampled_from([f"{category}/{n}" for n in "123"]), max_size=3),
        st.lists(one_of(category), max_size=6),
        st.integers(0, 19).flatmap(lambda n: many if n == 0 else st.just([])),
    )


VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("published_at", "taken_at", "active_from", "active_to"), INSTANTS),
    "section_id": one_of("section"),
    "parent_id": one_of("section"),
    "photographer_id": one_of("byline"),
    "byline_ids": ids("byline"),
    "image_ids": ids("image"),
    "tag_ids": ids("tag"),
    "aliases": st.lists(WORDS, max_size=3),
    **dict.fromkeys(("word_count", "width", "height"), NUMBERS),
}


@st.composite
def histories(draw: st.DrawFn) -> list[NewEvent]:
    """Up to thirty events on a few streams; each stream begins with its creating event."""
    begun: set[str] = set()
    events = []
    places = st.sampled_from(PLACES)
    if draw(st.booleans()):
        places = st.one_of(places, st.sampled_from(draw(st.permutations(ODD_PLACES))[:4]))
    for _ in range(draw(st.integers(1, 30))):
        stream = draw(places)
        category = REGISTRY[stream.split("/")[0]]
        kinds = [t for t in category.types if stream in begun or t.effect is Effect.CREATES]
        kind = draw(st.sampled_from(kinds))
        begun.add(stream)
        names = category.fields.names
        chosen = draw(st.sets(st.sampled_from(names), max_size=4)) | set(kind.required)
        data = {n: draw(VALUES.get(n, WORDS)) for n in sorted(chosen)}
        free = sorted(set(names) - chosen - category.required)
        cleared = draw(st.lists(st.sampled_from(free), max_size=2, unique=True)) if free else []
        data |= {"cleared": cleared} if cleared else {}
        said = draw(st.sets(st.sampled_from(category.annotations.names), max_size=2))
        data |= {name: draw(WORDS) for name in sorted(said)}
        occurred_at = draw(st.none() | INSTANTS)
        events.append(NewEvent(stream, kind.name, data, occurred_at=occurred_at))
    return events


def told(events: list[NewEvent]) -> EventLog:
    log = EventLog(tempfile.mkdtemp(), CATEGORIES)
    log.append(events)
    return log
