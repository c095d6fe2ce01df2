"""The history of one stream, from its events alone, is what the view ``HISTORY`` has of it."""

from __future__ import annotations

import tempfile
from datetime import UTC
from typing import Any

import pyarrow as pa
import pytest
from histories import histories, told
from hypothesis import given, settings
from hypothesis import strategies as st

from event_log import INSTANT, TEXT, Category, Effect, EventLog, EventType, InvalidEvent, NewEvent
from replay import HISTORY, State, history_of
from replay.builds.make import documents_sql

KINDS = {
    "text": (pa.string(), st.text(st.characters(exclude_categories=["Cs"]), max_size=210)),
    "prose": (TEXT, st.sampled_from(["", "a", "é" * 201, "é" * 201 + "b", "é" * 200])),
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "number": (pa.float64(), st.floats()),
    "truth": (pa.bool_(), st.booleans()),
    "instant": (INSTANT, st.datetimes(timezones=st.just(UTC)).map(lambda i: i.isoformat())),
    "day": (pa.date32(), st.dates().map(str)),
    "texts": (pa.list_(pa.string()), st.lists(st.sampled_from(["", "a", "b, c"]), max_size=3)),
    "wholes": (pa.list_(pa.int64()), st.lists(st.integers(-3, 3), max_size=3)),
}
ANNOTATED = ("text", "whole", "instant", "texts")
THING = Category(
    "thing",
    pa.schema([(name, kind) for name, (kind, _) in KINDS.items()]),
    (
        EventType("ThingMade", Effect.CREATES),
        EventType("ThingRevised", Effect.REVISES),
        EventType("ThingRemoved", Effect.REMOVES),
        EventType("ThingBack", Effect.REINSTATES),
    ),
    annotations=pa.schema([(f"of_{name}", KINDS[name][0]) for name in ANNOTATED]),
)
DATA = st.fixed_dictionaries(
    {},
    optional={
        **{name: values for name, (_, values) in KINDS.items()},
        **{f"of_{name}": KINDS[name][1] for name in ANNOTATED},
    },
)
CLEARED = st.lists(st.sampled_from(list(KINDS)), max_size=2, unique=True)


def in_view(log: EventLog) -> dict[str, list[dict[str, Any]]]:
    """The documents of the view, by stream and in order."""
    with State(log.at()) as state:
        made = state.query(documents_sql(HISTORY, state)).sort_by("sequence").to_pylist()
    streams: dict[str, list[dict[str, Any]]] = {}
    for document in made:
        streams.setdefault(document["stream"], []).append(document)
    return streams


def of_streams(log: EventLog) -> dict[str, list[dict[str, Any]]]:
    """The documents of each stream that the log has, from its events."""
    categories = {event.stream: log.registry[event.category] for event in log.read()}
    return {name: list(history_of(log.stream(name), of)) for name, of in categories.items()}


@settings(max_examples=5)
@given(histories())
def test_a_stream_has_the_documents_of_the_view(events: list[NewEvent]) -> None:
    log = told(events)
    assert of_streams(log) == in_view(log)


@pytest.mark.slow
@settings(max_examples=30)
@given(histories())
def test_a_stream_has_the_documents_of_the_view_on_many_examples(events: list[NewEvent]) -> None:
    log = told(events)
    assert of_streams(log) == in_view(log)


@settings(max_examples=10)
@given(st.lists(st.tuples(st.sampled_from([t.name for t in THING.types]), DATA, CLEARED)))
def test_values_of_every_type_are_shown_as_the_view_shows_them(
    told: list[tuple[str, dict[str, Any], list[str]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = EventLog(folder, (THING,))
        log.append([NewEvent("thing/1", "ThingMade", {})])
        for type_, data, cleared in told:
            revises = type_ == "ThingRevised"
            data = {**data, "cleared": [n for n in cleared if n not in data]} if revises else data
            try:
                log.append([NewEvent("thing/1", type_, data if type_ != "ThingRemoved" else {})])
            except InvalidEvent:
                continue  # such as an instant that the log cannot have
        assert of_streams(log) == in_view(log)
