"""What does not fit is told, with the field and the reason, and nothing is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pytest

from event_log import (
    Category,
    Effect,
    EventLog,
    EventType,
    InvalidCategory,
    InvalidEvent,
    NewEvent,
)


def thing(**data: object) -> NewEvent:
    return NewEvent("thing/1", "ThingMade", data)


def made(stream: object = "thing/1", type: object = "ThingMade", **rest: object) -> NewEvent:
    return NewEvent(stream, type, {}, **rest)


BEFORE_YEAR_1 = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
BAD_STREAMS = {
    "is empty": ["", "   "],
    "has no category; write it as category/id": ["thing", "1"],
    "has no id; write it as category/id": ["thing/", "thing/  "],
    "is no category of this log (thing, note)": ["order/1", "/1", "Thing/1"],
    "has control characters": [
        "thing/\0",
        "thing/a\nb",
        "thing/\x7f",
        "thing/\x85",
        "thing/\u2028",
    ],
    "is longer than 512 characters": ["thing/" + "x" * 507],
    "has half of a surrogate pair, which is no character": ["thing/\ud800"],
    "must be a string, not a number": [5],
    "must be a string, not null": [None],
}
BAD_FIELDS = {
    ("text", "must be a string, not a number"): 5,
    ("prose", "must be a string, not a list"): ["x"],
    ("prose", "has half of a surrogate pair, which is no character"): "a\udfff",
    ("count", "must be a whole number, not a string"): "5",
    ("count", "must be a whole number, not true or false"): True,
    ("count", "must be a whole number, not 5.0"): 5.0,
    ("count", f"{2**63} does not fit into 64 bits: give a number from -2^63 to 2^63 - 1"): 2**63,
    ("numbers", f"must be a list of whole numbers: an item {2**64} does not fit into 64 bits"): [
        2**64
    ],
    ("ratio", "must be a number, not a string"): "1.5",
    ("ratio", "must be a number, not true or false"): False,
    ("ratio", "is too large for a floating-point number"): 10**400,
    ("done", "must be true or false, not a number"): 1,
    ("moment", "'yesterday' changes its meaning with the day on which it is read"): "yesterday",
    ("moment", "'2026-02-30' is no date: day is out of range for month"): "2026-02-30",
    ("moment", "must be an ISO 8601 date, not a number"): 1851,
    ("moment", "is outside the years 1 to 9999 in UTC"): BEFORE_YEAR_1,
    ("day", "'18.9.1851' has day and month in no sure order (1851-09-18)"): "18.9.1851",
    ("day", "'1851-09-18T05:00:00Z' is an instant; write the day"): "1851-09-18T05:00:00Z",
    ("day", "must be an ISO 8601 day, not datetime"): datetime(1851, 9, 18, tzinfo=UTC),
    ("names", "must be a list of strings, not a string"): "byline/ana",
    ("names", "must be a list of strings, not an object"): {"a": 1},
    ("names", "must be a list of strings: an item must be a string, not null"): ["a", None],
    ("numbers", "must be a list of whole numbers: an item must be a whole number, not 1.5"): [1.5],
    ("unknown", "is no field of 'thing' (text, prose, count"): "x",
    ("cleared", "must be a list of strings, not a string"): "text",
    ("cleared", "'colour' is no field to clear"): ["colour"],
    ("cleared", "'reason' is no field to clear"): ["reason"],
    ("reason", "must be a string, not a list"): ["x"],
    ("votes", "must be a list of whole numbers: an item must be a whole number, not 1.5"): [1.5],
}
BAD_ENVELOPES = {
    ("event_id", "is empty"): {"event_id": ""},
    ("event_id", "has control characters"): {"event_id": "a\tb"},
    ("actor", "must be a string, not a number"): {"actor": 5},
    ("actor", "is empty"): {"actor": " "},
    ("correlation_id", "is longer than 512 characters"): {"correlation_id": "x" * 513},
    ("causation_id", "has half of a surrogate pair"): {"causation_id": "\udc00"},
    ("occurred_at", "'x' is no date; write 1912-04-15"): {"occurred_at": "x"},
    ("occurred_at", "must be an ISO 8601 date, not a number"): {"occurred_at": 5},
}


def refused(log: EventLog, *events: NewEvent) -> InvalidEvent:
    """The error of an append, which left nothing behind."""
    with pytest.raises(InvalidEvent) as caught:
        log.append(events)
    assert log.head == 0
    assert not (log.path / "commits").exists()
    assert str(caught.value) == f"{caught.value.field}: {caught.value.reason}"
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(("reason", "streams"), BAD_STREAMS.items(), ids=str)
def test_a_stream_name_that_is_none_is_refused(log, reason: str, streams: list[object]) -> None:
    for stream in streams:
        error = refused(log, made(stream))
        assert (error.field, error.position) == ("stream", 0)
        assert reason in error.reason


@pytest.mark.parametrize(
    ("type_name", "reason"),
    [
        ("ThingEaten", "'ThingEaten' is unknown; 'thing' has ThingMade, ThingChanged"),
        ("NoteWritten", "'NoteWritten' is a type of category 'note'; 'thing' has ThingMade"),
        ("", "'' is unknown"),
        (None, "null is unknown"),
        (["ThingMade"], "a list is unknown"),
    ],
)
def test_a_type_that_is_unknown_or_of_another_category_is_refused(
    log, type_name: object, reason: str
) -> None:
    error = refused(log, made(type=type_name))
    assert error.field == "type"
    assert error.reason.startswith(reason)


@pytest.mark.parametrize(("expected", "value"), BAD_FIELDS.items(), ids=str)
def test_a_field_that_does_not_fit_is_refused_with_its_name_and_the_reason(
    log, expected: tuple[str, str], value: object
) -> None:
    field, reason = expected
    error = refused(log, thing(**{field: value}))
    assert error.field == f"data.{field}"
    assert reason in error.reason


@pytest.mark.parametrize(("expected", "envelope"), BAD_ENVELOPES.items(), ids=str)
def test_an_envelope_that_does_not_fit_is_refused_with_its_field(
    log, expected: tuple[str, str], envelope: dict[str, object]
) -> None:
    error = refused(log, made(**envelope))
    assert error.field == expected[0]
    assert expected[1] in error.reason


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_data_that_are_no_object_are_refused(log, data: object) -> None:
    error = refused(log, NewEvent("thing/1", "ThingMade", data))
    assert error.field == "data"
    assert error.reason.startswith("must be an object, not ")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({}, "is required by NoteWritten, but missing"),
        ({"title": None}, "is required and cannot be null"),
    ],
)
def test_a_required_field_that_is_missing_or_null_is_refused(log, data, reason: str) -> None:
    error = refused(log, NewEvent("note/1", "NoteWritten", data))
    assert (error.field, error.reason) == ("data.title", reason)


@pytest.mark.parametrize(
    ("data", "field", "reason"),
    [
        ({"title": None}, "data.title", "is required and cannot be null"),
        ({"cleared": ["title"]}, "data.cleared", "'title' is required and cannot be cleared"),
        (
            {"body": "b", "cleared": ["body"]},
            "data.cleared",
            "'body' is set and cleared in one event",
        ),
    ],
)
def test_a_revision_cannot_empty_what_is_required_nor_set_what_it_clears(
    log, domain, data, field: str, reason: str
) -> None:
    error = refused(log, domain.written(), NewEvent("note/1", "NoteEdited", data))
    assert (error.field, error.reason, error.position) == (field, reason, 1)


@pytest.mark.parametrize("field", ["a\nb", "", "\ud800", "x" * 5000])
def test_a_field_with_an_odd_name_is_told_on_one_short_line(log, field: str) -> None:
    error = refused(log, thing(**{field: "x"}))
    assert error.field.startswith("data.")
    assert len(str(error)) < 200
    str(error).encode()


def test_one_bad_event_refuses_the_whole_append_and_says_its_place(log, domain) -> None:
    error = refused(log, domain.made(), domain.written(), thing(count="x"), domain.made())
    assert error.position == 2


def test_a_bad_event_leaves_a_batch_as_it_was(log, domain) -> None:
    batch = log.batch()
    batch.add(domain.made(event_id="a"))
    with pytest.raises(InvalidEvent):
        batch.add(NewEvent("thing/2", "ThingMade", {"count": "x"}, event_id="b"))
    assert (len(batch), batch.repeated) == (1, 0)
    batch.add(domain.made(event_id="b"))
    assert log.commit(batch).added == 2
    assert [event.event_id for event in log.read()] == ["a", "b"]


def test_an_append_of_nothing_is_refused(log) -> None:
    for expected in (None, 0, {"thing/1": 0}):
        with pytest.raises(InvalidEvent, match="nothing to append"):
            log.append([], expected_version=expected)


def test_a_stream_begins_with_a_creating_event(log, domain) -> None:
    error = refused(log, domain.changed("thing/9"))
    assert error.field == "type"
    assert error.reason == "thing/9 does not exist; ThingMade comes first"
    assert refused(log, NewEvent("thing/9", "ThingShown")).field == "type"


def test_a_stream_that_begins_later_in_the_same_batch_has_not_begun(log, domain) -> None:
    error = refused(log, domain.made("thing/1"), domain.changed("thing/2"), domain.made("thing/2"))
    assert error.position == 1


def test_a_stream_that_begins_earlier_in_the_same_batch_has_begun(log, domain) -> None:
    assert log.append([domain.made("thing/2"), domain.changed("thing/2")]).version == 2
    assert log.append([domain.changed("thing/2")]).version == 3


def test_the_place_of_a_bad_beginning_counts_the_events_that_were_left_out(log, domain) -> None:
    log.append([domain.made("thing/1", event_id="a")])
    with pytest.raises(InvalidEvent) as caught:
        log.append(
            [
                domain.made("thing/1", event_id="a"),
                domain.made("thing/1", event_id="b"),
                domain.made("thing/1", event_id="b"),
                domain.changed("thing/2", event_id="c"),
            ]
        )
    assert caught.value.position == 3
    assert log.head == 1


FIELD = pa.schema([("name", pa.string())])


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Category("two words", FIELD, ()),
        lambda: Category("", FIELD, ()),
        lambda: Category("stream", FIELD, ()),
        lambda: Category("Category", FIELD, ()),
        lambda: Category("tag", pa.schema([("cleared", pa.string())]), ()),
        lambda: Category("tag", pa.schema([("a.b", pa.string())]), ()),
        lambda: Category("tag", pa.schema([("a", pa.string()), ("A", pa.string())]), ()),
        lambda: Category("tag", pa.schema([("a", pa.int8())]), ()),
        lambda: Category("tag", FIELD, (EventType("TagMade", Effect.CREATES, ("colour",)),)),
    ],
)
def test_a_category_that_the_log_cannot_keep_is_refused(declare) -> None:
    with pytest.raises(InvalidCategory):
        declare()


def test_categories_and_types_have_one_owner_each(path: Path) -> None:
    made = (EventType("TagMade", Effect.CREATES),)
    for other in (
        Category("tag", FIELD, ()),
        Category("TAG", FIELD, ()),
        Category("x", FIELD, made),
    ):
        with pytest.raises(InvalidCategory):
            EventLog(path, (Category("tag", FIELD, made), other))
