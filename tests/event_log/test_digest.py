"""The canonical form and the digest of an event are what the format says, however it is stored."""

from __future__ import annotations

import hashlib
import mmap
import struct
from collections import namedtuple
from datetime import UTC, date, datetime

import numpy as np
import plain_digest
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from tiers import given_in_tiers

from event_log import INSTANT, EventLogError
from event_log.category import ENVELOPE
from event_log.digests.canonical import CHAINED
from event_log.digests.digest import PIECE_EVENTS, canonical_forms, digest_of, event_digests

INT64 = st.integers(-(2**63), 2**63 - 1)
STRINGS = st.text() | st.sampled_from(["", "\0", "é\u0301", "𝔘🎈", "x" * 300])
INSTANTS = st.datetimes(timezones=st.just(UTC))
FIELDS = {
    "text": STRINGS,
    "prose": STRINGS,
    "count": INT64,
    "ratio": st.floats(),
    "done": st.booleans(),
    "moment": INSTANTS,
    "day": st.dates(),
    "names": st.lists(st.none() | STRINGS, max_size=4),
    "numbers": st.lists(st.none() | INT64, max_size=4),
    "cleared": st.lists(st.sampled_from(["text", "day"]), max_size=2),
}
THINGS = st.fixed_dictionaries({n: st.none() | s for n, s in FIELDS.items()})
NOTES = st.fixed_dictionaries(
    {n: st.none() | STRINGS for n in ("title", "body", "kind")} | {"cleared": st.none()}
)
ENVELOPES = st.fixed_dictionaries(
    {
        "sequence": INT64,
        "event_id": STRINGS,
        "stream": STRINGS,
        "version": INT64,
        "type": STRINGS,
        "schema_version": INT64,
        "recorded_at": INSTANTS,
        "occurred_at": st.none() | INSTANTS,
        "actor": st.none() | STRINGS,
        "correlation_id": st.none() | STRINGS,
        "causation_id": st.none() | STRINGS,
    }
)
ONE = {
    "sequence": 1,
    "event_id": "e",
    "stream": "thing/1",
    "version": 1,
    "type": "ThingMade",
    "schema_version": 1,
    "recorded_at": datetime(2026, 1, 2, tzinfo=UTC),
}
Read = namedtuple("Read", [*CHAINED, "data"])


def batch(domain, events) -> pa.RecordBatch:
    """A batch of events, each an envelope and the data of either category."""
    structs = [pa.field(category.name, category.struct) for category in domain.categories]
    fields = [field for field in ENVELOPE if field.name in CHAINED] + structs
    return pa.RecordBatch.from_pylist(events, schema=pa.schema(fields))


def as_read(event: dict) -> Read:
    """The same event as the log gives it."""
    data = event.get("thing") or event.get("note") or {}
    carried = {name: value for name, value in data.items() if value is not None}
    return Read(*(event.get(name) for name in CHAINED), carried)


EVENTS = st.lists(
    st.tuples(ENVELOPES, st.none() | THINGS.map(lambda data: {"thing": data}))
    | st.tuples(ENVELOPES, NOTES.map(lambda data: {"note": data})),
    max_size=12,
).map(lambda pairs: [envelope | (data or {}) for envelope, data in pairs])


@given_in_tiers(20, 150, events=EVENTS)
def test_forms_and_digests_are_those_of_an_independent_reading_of_the_format(domain, events):
    found = batch(domain, events)
    expected = [plain_digest.canonical_form(as_read(event)) for event in events]
    assert canonical_forms(found).to_pylist() == expected
    assert event_digests(found).to_pylist() == [digest_of(form) for form in expected]
    assert [plain_digest.event_digest(as_read(e)) for e in events] == [*map(digest_of, expected)]


@given_in_tiers(20, 150, events=EVENTS, data=st.data())
def test_a_slice_of_a_batch_has_the_digests_of_its_events(domain, events, data) -> None:
    whole = batch(domain, events)
    start = data.draw(st.integers(0, len(events)))
    part = whole.slice(start, data.draw(st.integers(0, len(events) - start)))
    expected = event_digests(whole).slice(start, len(part))
    assert event_digests(part).equals(expected)
    assert event_digests(part).validate(full=True) is None
    assert canonical_forms(part).equals(canonical_forms(whole).slice(start, len(part)))


@given_in_tiers(20, 150, events=EVENTS)
def test_an_event_has_one_digest_whatever_it_is_appended_with(domain, events) -> None:
    together = event_digests(batch(domain, events)).to_pylist()
    assert together == [event_digests(batch(domain, [event]))[0].as_py() for event in events]


def test_a_form_is_written_out_as_the_format_says(domain) -> None:
    event = ONE | {"thing": {"text": "é", "done": True, "day": date(1970, 1, 3), "names": ["a"]}}
    micros = int(ONE["recorded_at"].timestamp()) * 1_000_000
    (form,) = canonical_forms(batch(domain, [event])).to_pylist()
    assert form == b"".join(
        [
            b"sequence\x02\x08\0\0\0\x01\0\0\0\0\0\0\0",
            b"event_id\x01\x01\0\0\0e",
            b"stream\x01\x07\0\0\0thing/1",
            b"version\x02\x08\0\0\0\x01\0\0\0\0\0\0\0",
            b"type\x01\x09\0\0\0ThingMade",
            b"schema_version\x02\x08\0\0\0\x01\0\0\0\0\0\0\0",
            b"recorded_at\x03\x08\0\0\0" + struct.pack("<q", micros),
            b".day\x04\x04\0\0\0\x02\0\0\0",
            b".done\x05\x01\0\0\0\x01",
            b".names\x11\x05\0\0\0\x01\0\0\0a",
            b".text\x01\x02\0\0\0\xc3\xa9",
        ]
    )
    assert digest_of(form) == hashlib.sha256(b"\0" + form).digest()


def test_a_batch_of_several_pieces_keeps_its_order(domain) -> None:
    kinds = ({"thing": {"numbers": [1, None]}}, {"note": {"title": "a note"}}, {})
    events = [
        ONE | {"sequence": n, "actor": "a" if n % 5 else None} | kinds[n % 3]
        for n in range(2 * PIECE_EVENTS + 7)
    ]
    found = batch(domain, events)
    expected = [plain_digest.event_digest(as_read(event)) for event in events]
    assert event_digests(found).to_pylist() == expected
    assert [*map(digest_of, canonical_forms(found).to_pylist())] == expected


def test_large_bodies_are_joined_a_few_at_a_time(domain) -> None:
    events = [ONE | {"sequence": n, "thing": {"prose": f"{n}" * 3_000_000}} for n in range(5)]
    expected = [plain_digest.event_digest(as_read(event)) for event in events]
    assert event_digests(batch(domain, events)).to_pylist() == expected


def test_a_nan_has_one_digest_whatever_its_bits_are(domain) -> None:
    bits = [0x7FF8_0000_0000_0000, 0x7FF8_0000_0000_0BAD, 0xFFF0_0000_0000_0001]
    found = batch(domain, [ONE | {"thing": {"ratio": 1.0}} for _ in bits])
    ratios = pa.array(np.array(bits, "<u8").view("<f8"))
    thing = pa.StructArray.from_arrays([ratios], ["ratio"])
    found = found.set_column(found.schema.get_field_index("thing"), "thing", thing)
    assert len(set(event_digests(found).to_pylist())) == 1


def test_a_field_that_is_added_to_a_category_changes_no_digest(domain) -> None:
    before = batch(domain, [ONE | {"thing": {"text": "a", "count": 1}}])
    thing = before.column("thing")
    wider = pa.StructArray.from_arrays(
        [*thing.flatten(), pa.nulls(1, pa.string())], [*(f.name for f in thing.type), "a_new"]
    )
    after = before.set_column(before.schema.get_field_index("thing"), "thing", wider)
    assert event_digests(after).equals(event_digests(before))


def test_what_stands_behind_a_null_is_no_part_of_the_form(domain) -> None:
    """Arrow allows bytes, numbers and items where a value is null."""
    clean = batch(domain, [ONE | {"thing": {"done": True}}, ONE | {"thing": {"text": "b"}}])
    mask = pa.array([True, False])
    text = pa.StringArray.from_buffers(
        2, pa.py_buffer(np.array([0, 6, 7], "<i4")), pa.py_buffer(b"hiddenb"), pa.py_buffer(b"\2")
    )
    names = pa.ListArray.from_arrays(
        pa.array([0, 2, 2]), pa.array(["x", "y"]), mask=pa.array([True, True])
    )
    fields = [pa.array([True, None]), names, pa.array([7, 7]), text]
    thing = pa.StructArray.from_arrays(fields, ["done", "names", "count", "text"])
    place = clean.schema.get_field_index("thing")
    hidden = clean.set_column(place, "thing", thing)
    shown = [{"done": True, "count": 7}, {"text": "b", "count": 7}]
    expected = batch(domain, [ONE | {"thing": data} for data in shown])
    assert event_digests(hidden).equals(event_digests(expected))
    absent = pa.StructArray.from_arrays(fields, ["done", "names", "count", "text"], mask=mask)
    bare = event_digests(hidden.set_column(place, "thing", absent))
    assert bare[0] == event_digests(batch(domain, [ONE]))[0]


def test_a_batch_without_events_has_no_digests(domain) -> None:
    none = batch(domain, [])
    assert event_digests(none).equals(pa.array([], pa.binary(32)))
    assert canonical_forms(none).equals(pa.array([], pa.large_binary()))


@pytest.mark.parametrize(
    ("written", "changed"),
    [
        (pa.array([1.5]), pa.int64()),
        (pa.array([1]), pa.float64()),
        (pa.array([1]), INSTANT),
        (pa.array([1], INSTANT), pa.int64()),
    ],
    ids=str,
)
def test_the_same_bits_of_another_type_have_another_digest(domain, written, changed) -> None:
    """Else a number in a file could be changed by changing its type in the file's schema."""
    found = batch(domain, [ONE])
    place = found.schema.get_field_index("thing")
    things = [pa.StructArray.from_arrays([a], ["count"]) for a in (written, written.view(changed))]
    digests = [event_digests(found.set_column(place, "thing", thing)) for thing in things]
    assert digests[0] != digests[1]


@pytest.mark.parametrize(
    "odd",
    [
        pa.array([1], pa.int32()),
        pa.array([1], pa.timestamp("ms", "UTC")),
        pa.array([b"a"]),
        pa.array([[["a"]]]),
        pa.array([[1.5]], pa.list_(pa.float32())),
    ],
    ids=lambda array: str(array.type),
)
def test_a_type_that_no_field_can_have_is_refused(domain, odd: pa.Array) -> None:
    """A file in which a field's type was changed must not pass for what was written."""
    found = batch(domain, [ONE])
    thing = pa.StructArray.from_arrays([odd], ["odd"])
    found = found.set_column(found.schema.get_field_index("thing"), "thing", thing)
    with pytest.raises(EventLogError, match=r"^odd: the log keeps no values of the type "):
        event_digests(found)


def test_a_value_of_4_gib_is_refused_with_its_fields_name(domain) -> None:
    """Its length would not fit the format. No page of this one is ever touched."""
    offsets = pa.py_buffer(np.array([0, 2**32], "<i8"))
    body = pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(mmap.mmap(-1, 2**32)))
    found = batch(domain, [ONE])
    thing = pa.StructArray.from_arrays([body], ["prose"])
    found = found.set_column(found.schema.get_field_index("thing"), "thing", thing)
    with pytest.raises(EventLogError, match=r"^prose: a value of 4 GiB cannot be kept"):
        canonical_forms(found)
