"""Generated histories: every kind of event, on a few entities that name each other."""

from __future__ import annotations

import tempfile
from typing import Any

from hypothesis import strategies as st

from event_log import Effect, EventLog, NewEvent, Registry
from newsroom.categories import CATEGORIES

REGISTRY = Registry(CATEGORIES)
PLACES = [f"{c}/{n}" for c in REGISTRY for n in ("1", "2")] + ["article/3"]
WORDS = st.sampled_from(["", "a", "b b", "c\n\nd"])


def ids(category: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from([f"{category}/{n}" for n in "123"]), max_size=3)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "published_at": st.sampled_from(
        ["1851-09-18T05:00:00Z", "2020-01-01T23:30:00-05:00", "2020-01-02T00:00:00.5Z"]
    ),
    "section_id": st.sampled_from(["section/1", "section/2", "section/3"]),
    "parent_id": st.sampled_from(["section/1", "section/2"]),
    "photographer_id": st.sampled_from(["byline/1", "byline/3"]),
    "byline_ids": ids("byline"),
    "image_ids": ids("image"),
    "tag_ids": ids("tag"),
    "word_count": st.integers(0, 3),
    "width": st.integers(0, 3),
}
LEFT_OUT = ("height", "active_from", "active_to", "taken_at", "language", "source", "alt_text")


@st.composite
def histories(draw: st.DrawFn) -> list[NewEvent]:
    """Up to thirty events on a few streams; each stream begins with its creating event."""
    begun: set[str] = set()
    events = []
    for _ in range(draw(st.integers(1, 30))):
        stream = draw(st.sampled_from(PLACES))
        category = REGISTRY[stream.split("/")[0]]
        kinds = [t for t in category.types if stream in begun or t.effect is Effect.CREATES]
        kind = draw(st.sampled_from(kinds))
        begun.add(stream)
        names = [n for n in category.fields.names if n not in LEFT_OUT]
        chosen = draw(st.sets(st.sampled_from(names), max_size=4)) | set(kind.required)
        data = {n: draw(VALUES.get(n, WORDS)) for n in sorted(chosen)}
        free = sorted(set(names) - chosen - category.required)
        cleared = draw(st.lists(st.sampled_from(free), max_size=2, unique=True)) if free else []
        events.append(NewEvent(stream, kind.name, data | ({"cleared": cleared} if cleared else {})))
    return events


def told(events: list[NewEvent]) -> EventLog:
    log = EventLog(tempfile.mkdtemp(), CATEGORIES)
    log.append(events)
    return log
