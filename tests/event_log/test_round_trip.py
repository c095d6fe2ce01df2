"""What was appended is read back, and its digest is the one that the format describes."""

from __future__ import annotations

import math
import struct
import tempfile
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path

import plain_digest
import pytest
from hypothesis import strategies as st
from tiers import given_in_tiers

from event_log import NewEvent

INT64 = st.integers(-(2**63), 2**63 - 1)
EDGES = st.sampled_from(["", "\0", "a\0b", "☃", "𝔘🎈", "é\u0301", "‏", "\u2028", "-", "5:a", "\r\n"])
STRINGS = st.text() | EDGES
INSTANTS = st.datetimes(timezones=st.just(UTC)) | st.sampled_from(
    [
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime(1851, 9, 18, 23, 30, tzinfo=timezone(timedelta(hours=-4, minutes=-56))),
    ]
)
FIELDS = {
    "text": STRINGS,
    "prose": STRINGS,
    "count": INT64,
    "ratio": st.floats() | st.sampled_from([-0.0, math.nan, -math.inf, 5e-324]),
    "done": st.booleans(),
    "moment": INSTANTS,
    "day": st.dates(),
    "names": st.lists(STRINGS, max_size=4),
    "numbers": st.lists(INT64, max_size=4),
    "reason": STRINGS,
    "votes": st.lists(INT64, max_size=2),
}
DATA = st.fixed_dictionaries({}, optional={n: st.none() | s for n, s in FIELDS.items()})
NAMES = st.from_regex(r"[!-~é☃ ]*[!-~é☃][!-~é☃ ]*", fullmatch=True).map(lambda s: s[:40])
THINGS = st.builds(
    NewEvent,
    stream=st.sampled_from(["thing/1", "thing/ü", "thing/a/b"]),
    type=st.just("ThingMade"),
    data=DATA,
    event_id=st.none(),
    occurred_at=st.none() | INSTANTS,
    actor=st.none() | NAMES,
    correlation_id=st.none() | NAMES,
    causation_id=st.none() | NAMES,
)
NOTES = st.builds(
    NewEvent,
    stream=st.just("note/1"),
    type=st.just("NoteWritten"),
    data=st.fixed_dictionaries({"title": STRINGS}, optional={"body": STRINGS}),
)
EVENTS = st.lists(THINGS | NOTES, min_size=1, max_size=8)


def exact(value):
    """A value in a form that differs whenever the value does: by type, and floats by their bits."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, dict):
        return {name: exact(v) for name, v in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return (type(value).__name__, value)


@given_in_tiers(10, 60, commits=st.lists(EVENTS, min_size=1, max_size=3))
def test_what_was_appended_is_read_back(domain, commits) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = domain.open(Path(folder))
        for events in commits:
            log.append(events)
        read = list(domain.open(Path(folder)).read())
        given_events = [event for events in commits for event in events]
        assert [event.sequence for event in read] == list(range(1, len(given_events) + 1))
        versions: dict[str, int] = {}
        for event, new in zip(read, given_events, strict=True):
            versions[new.stream] = versions.get(new.stream, 0) + 1
            carried = {name: value for name, value in new.data.items() if value is not None}
            assert exact(dict(event.data)) == exact(carried)
            assert event.version == versions[new.stream]
            for name in ("stream", "type", "occurred_at", "actor", "correlation_id"):
                assert getattr(event, name) == getattr(new, name)
        for stream, version in versions.items():
            assert [e.version for e in log.stream(stream)] == list(range(1, version + 1))
            digests = [event.digest for event in read if event.stream == stream]
            assert [event.digest for event in log.stream(stream)] == digests


@given_in_tiers(10, 60, commits=st.lists(EVENTS, min_size=1, max_size=3))
def test_digests_are_those_that_an_independent_reading_of_the_format_gives(domain, commits) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = domain.open(Path(folder))
        receipts = [log.append(events) for events in commits]
        digests: list[bytes] = []
        for receipt in receipts:
            events = list(log.at(receipt.last).read(after=receipt.first - 1))
            assert [event.digest for event in events] == [*map(plain_digest.event_digest, events)]
            digests += [event.digest for event in events]
            assert receipt.digest == plain_digest.root(digests).hex()
        for sequence in range(len(digests) + 1):
            assert log.at(sequence).digest == plain_digest.root(digests[:sequence]).hex()
        assert log.verify().digest == log.digest == plain_digest.root(digests).hex()
        assert log.verify().events == log.head


@pytest.mark.parametrize("value", [-(2**63), 2**63 - 1, 0])
def test_whole_numbers_keep_all_their_64_bits(log, value: int) -> None:
    log.append([NewEvent("thing/1", "ThingMade", {"count": value, "numbers": [value]})])
    assert next(log.read()).data == {"count": value, "numbers": [value]}


def test_a_whole_number_in_a_field_of_numbers_is_read_back_as_a_number(log) -> None:
    log.append([NewEvent("thing/1", "ThingMade", {"ratio": 3})])
    assert exact(next(log.read()).data["ratio"]) == exact(3.0)


def test_a_nan_is_a_nan_whatever_its_other_bits_are(log) -> None:
    odd = struct.unpack("<d", struct.pack("<q", 0x7FF8_0000_0000_0BAD))[0]
    log.append([NewEvent("thing/1", "ThingMade", {"ratio": odd})] * 300)
    events = list(log.read())
    assert {event.digest for event in events} == {plain_digest.event_digest(e) for e in events}
    assert math.isnan(events[0].data["ratio"])


def test_dates_before_1970_and_at_the_ends_of_the_calendar_are_read_back(log) -> None:
    texts = ["0001-01-01T00:00:00Z", "1851-09-18", "9999-12-31T23:59:59.999999Z"]
    days = ["0001-01-01", "1851-09-18", "9999-12-31"]
    log.append(
        NewEvent("thing/1", "ThingMade", {"moment": text, "day": day})
        for text, day in zip(texts, days, strict=True)
    )
    read = list(log.read())
    assert [event.data["moment"] for event in read] == [
        datetime.min.replace(tzinfo=UTC),
        datetime(1851, 9, 18, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ]
    assert [event.data["day"] for event in read] == [date.min, date(1851, 9, 18), date.max]


def test_a_time_without_a_zone_is_utc_and_one_with_a_zone_is_turned_into_it(log) -> None:
    for moment in ("1999-05-05T10:00:00", "1999-05-05T12:00:00+02:00", datetime(1999, 5, 5, 10)):
        log.append([NewEvent("thing/1", "ThingMade", {"moment": moment}, occurred_at=moment)])
    at = datetime(1999, 5, 5, 10, tzinfo=UTC)
    assert {event.data["moment"] for event in log.read()} == {at}
    assert {event.occurred_at for event in log.read()} == {at}


def test_an_empty_list_is_not_an_absent_one(log) -> None:
    log.append([NewEvent("thing/1", "ThingMade", {"names": [], "numbers": None})])
    assert next(log.read()).data == {"names": []}


def test_null_is_the_same_as_leaving_the_field_out(log) -> None:
    log.append([NewEvent("thing/1", "ThingMade", {"text": None}, event_id="a")])
    assert next(log.read()).data == {}


def test_cleared_fields_are_read_back_in_their_order(log, domain) -> None:
    log.append([domain.made(), NewEvent("thing/1", "ThingChanged", {"cleared": ["text", "day"]})])
    assert log.stream("thing/1")[1].data == {"cleared": ["text", "day"]}


def test_an_event_without_data_keeps_its_digest_through_the_file(log, domain) -> None:
    log.append([domain.made(), NewEvent("thing/1", "ThingShown"), domain.written()])
    read = list(log.read())
    assert read[1].data == {}
    assert [event.digest for event in read] == [*map(plain_digest.event_digest, read)]
    log.verify()


def test_strings_that_are_enumerations_are_strings(log) -> None:
    class Word(StrEnum):
        TYPE = "ThingMade"
        STREAM = "thing/1"

    log.append([NewEvent(Word.STREAM, Word.TYPE, {"text": Word.TYPE, "names": [Word.TYPE]})])
    event = next(log.read())
    assert (event.stream, event.type) == ("thing/1", "ThingMade")
    assert event.data == {"text": "ThingMade", "names": ["ThingMade"]}


def test_a_commit_of_many_chunks_keeps_order_and_digests(log, domain) -> None:
    batch = log.batch()
    for number in range(20_000):
        stream = f"thing/{number % 7}" if number % 3 else f"note/{number % 5}"
        event = domain.made(stream) if number % 3 else domain.written(stream)
        batch.add(event)
    receipt = log.commit(batch)
    assert (receipt.first, receipt.last, receipt.added) == (1, 20_000, 20_000)
    read = list(log.read())
    assert [event.sequence for event in read] == list(range(1, 20_001))
    assert [event.digest for event in read] == [*map(plain_digest.event_digest, read)]
    assert receipt.version == read[-1].version
    assert log.verify().events == 20_000
    assert [event.version for event in log.stream("thing/1")] == list(
        range(1, log.versions(["thing/1"])["thing/1"] + 1)
    )


def test_an_event_id_is_made_in_the_order_of_time_unless_given(log, domain) -> None:
    log.append([domain.made(event_id="mine")])
    log.append([domain.changed()])
    log.append([domain.changed()])
    ids = [event.event_id for event in log.read()]
    assert ids[0] == "mine"
    assert ids[1] < ids[2]
    assert ids[1][14] == "7"
