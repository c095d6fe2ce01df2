"""Events that come as columns are what they are one by one: accepted alike, and refused alike."""

from __future__ import annotations

import math
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import strategies as st
from test_rejection import BAD_ENVELOPES, BAD_FIELDS, BAD_STREAMS
from tiers import given_in_tiers

from event_log import Category, Effect, Event, EventLog, EventType, InvalidEvent, NewEvent, Receipt

MARK = Category(
    "mark",
    pa.schema([("name", pa.string())]),
    (
        EventType("MarkSet", Effect.CREATES, ("name",)),
        EventType("MarkPut", Effect.CREATES, retired=True),
    ),
)
TEXTS = (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int16(), pa.string()))
INSTANTS = st.datetimes(timezones=st.just(UTC)) | st.sampled_from(
    [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
)
TYPES: dict[str, tuple[str, ...]] = {
    "thing": ("ThingMade", "ThingMade", "ThingChanged", "ThingHidden"),
    "note": ("NoteWritten", "NoteWritten", "NoteEdited"),
    "mark": ("MarkSet",),
}
DATA = {
    "thing": st.fixed_dictionaries(
        {},
        optional={
            "text": st.text(max_size=5),
            "prose": st.text(max_size=5),
            "count": st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 0),
            "ratio": st.floats(),
            "done": st.booleans(),
            "moment": INSTANTS,
            "day": st.dates(),
            "names": st.lists(st.text(max_size=3), max_size=3),
            "numbers": st.lists(st.integers(-5, 5), max_size=3),
            "reason": st.text(max_size=3),
            "votes": st.lists(st.integers(-5, 5), max_size=3),
        },
    ),
    "note": st.fixed_dictionaries({"title": st.text(max_size=3)}, optional={"body": st.text()}),
    "mark": st.fixed_dictionaries({"name": st.text(max_size=3)}),
}
BAD = st.sampled_from(
    [
        *({"stream": name} for name in ("", " ", "thing", "thing/", "order/1", "thing/\n", "/1")),
        {"stream": "thing/" + "x" * 507},
        *({"type": name} for name in ("", "ThingEaten", "NoteWritten", "MarkPut", "MarkSet")),
        {"data": {}},
        *({"data": {"cleared": names}} for names in (["text"], ["title"], ["x"], ["name", "x"])),
        {"data": {"title": "t", "cleared": ["title"]}},
        {"data": {"text": "t", "count": 1, "cleared": ["prose", "count"]}},
        *({"event_id": text} for text in ("", "\t", "a\0b", "x" * 513)),
        *({name: " "} for name in ("actor", "correlation_id", "causation_id")),
    ]
)


@st.composite
def events(draw: st.DrawFn) -> list[NewEvent]:
    """Some events, most of which are good; some have ids, which may come again."""
    found = []
    for _ in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from([*TYPES]))
        event = {
            "stream": f"{name}/{draw(st.sampled_from('12ü'))}",
            "type": draw(st.sampled_from(TYPES[name])),
            "data": draw(DATA[name]),
            "event_id": draw(st.none() | st.sampled_from([f"id-{n}" for n in range(9)])),
            "occurred_at": draw(st.none() | INSTANTS),
            "actor": draw(st.none() | st.sampled_from(["ana", "ü"])),
        }
        if draw(st.integers(0, 9)) == 0:
            event |= draw(BAD)
        found.append(NewEvent(**event))
        if draw(st.integers(0, 5)) == 0:
            found.append(found[draw(st.integers(0, len(found) - 1))])
    return found


def table(draw: st.DrawFn, found: list[NewEvent], categories: tuple[Category, ...]) -> pa.Table:
    """The events as columns, in one of the many ways in which Arrow has them."""
    columns: dict[str, pa.Array] = {}
    for name in ("stream", "type", "event_id", "actor", "correlation_id", "causation_id"):
        values = [getattr(event, name) for event in found]
        if any(v is not None for v in values) or draw(st.booleans()):
            columns[name] = pa.array(values).cast(draw(st.sampled_from(TEXTS)))
    moments = [event.occurred_at for event in found]
    if any(moments) or draw(st.booleans()):
        columns["occurred_at"] = pa.array(moments, pa.timestamp("us", draw(st.sampled_from(ZONES))))
    for category in categories:
        of_it = [e.data if e.stream.split("/")[0] == category.name else None for e in found]
        if any(of_it) or draw(st.booleans()):
            columns[category.name] = struct(draw, of_it, category)
    whole = pa.table(columns)
    if draw(st.booleans()):  # a part of a larger table
        whole = pa.concat_tables([whole, whole, whole]).slice(len(found), len(found))
    if draw(st.booleans()):  # in pieces
        cut = draw(st.integers(0, len(found)))
        whole = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])
    return whole


ZONES = ("UTC", "Europe/Helsinki", None)


def struct(draw: st.DrawFn, found: list[Any], category: Category) -> pa.StructArray:
    fields, arrays = [], []
    given = dict.fromkeys(name for data in found for name in data or ())
    strange = [name for name in given if name not in category.struct.names]
    kinds = [(name, pa.array([(data or {}).get(name) for data in found]).type) for name in strange]
    for field in [*category.struct, *(pa.field(*kind) for kind in kinds)]:
        values = [(data or {}).get(field.name) for data in found]
        if all(v is None for v in values) and draw(st.booleans()):
            continue
        kind = draw(st.sampled_from(TEXTS)) if field.type in TEXTS else field.type
        if field.type == pa.list_(pa.string()):
            kind = draw(st.sampled_from([kind, pa.large_list(pa.large_string())]))
        arrays.append(pa.array(values, field.type).cast(kind))
        fields.append(pa.field(field.name, kind))
    if not fields:
        return pa.array(found, pa.struct([]))
    absent = [data is None or (not data and draw(st.booleans())) for data in found]
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=pa.array(absent))


def outcome(append: Callable[[], Receipt], log: EventLog) -> tuple[Any, ...]:
    """What an append came to: its receipt, or why it was refused; and what the log has then."""
    try:
        receipt = append()
        came = (receipt.first, receipt.last, receipt.version, receipt.added)
    except InvalidEvent as error:
        came = (error.field, error.reason, error.position)
    return came, [said(event) for event in log.read()]


def said(event: Event) -> str:
    """All of an event; of one whose id was made here, what does not hang on it."""
    left_out = () if event.event_id.startswith("id-") else ("event_id", "digest")
    return repr([(k, v) for k, v in asdict(event).items() if k not in left_out])


@given_in_tiers(
    15, 120, data=st.data(), found=events(), before=st.lists(st.integers(0, 5), max_size=3)
)
def test_columns_and_their_events_one_by_one_are_accepted_and_refused_alike(
    domain, data, found: list[NewEvent], before: list[int]
) -> None:
    categories = (*domain.categories, MARK)
    columns = table(data.draw, found, categories)
    with ExitStack() as opened:
        opened.enter_context(mock.patch("time.time_ns", return_value=1_790_000_000 * 10**9))
        one, many = (
            EventLog(Path(opened.enter_context(tempfile.TemporaryDirectory())) / "log", categories)
            for _ in range(2)
        )
        for log in (one, many):
            for place in before:
                if place < len(found) and found[place].event_id:
                    outcome(lambda log=log, place=place: log.append([found[place]]), log)
        expected = outcome(lambda: one.append(found), one)
        assert outcome(lambda: many.append_many(columns), many) == expected
        if all(event.event_id for event in found):
            assert many.digest == one.digest


# what is refused one by one


def arrow(value: Any) -> pa.Array:
    """A value as Arrow has it, also when it is none that Arrow checks."""
    if isinstance(value, str):
        return pa.array([value.encode("utf-8", "surrogatepass")]).view(pa.string())
    if value == 2**63:
        return pa.array([value], pa.uint64())
    if value == [2**64]:
        return pa.array([[2**63]], pa.list_(pa.uint64()))
    if isinstance(value, datetime) and value.tzinfo is not UTC:
        year_1 = datetime(1, 1, 1, tzinfo=UTC)
        return (
            pa.array([year_1], pa.timestamp("us", "UTC")).cast(pa.int64()).cast(pa.timestamp("us"))
            if value >= year_1
            else pa.array([-62_135_596_800_000_001]).cast(pa.timestamp("us", "UTC"))
        )
    return pa.array([value])


def refused(log: EventLog, **columns: pa.Array) -> InvalidEvent:
    """The error of an append of a good event and then these columns; it left nothing behind."""
    count = len(next(iter(columns.values())))
    good = {"stream": pa.array(["thing/0"] * count), "type": pa.array(["ThingMade"] * count)}
    bad = pa.table(good | columns)
    alike = all(bad.column(name).type == pa.string() for name in good)
    parts = [pa.table(good), bad] if alike else [bad]
    with pytest.raises(InvalidEvent) as caught:
        log.append_many(pa.concat_tables(parts, promote_options="default"))
    assert (log.head, caught.value.position) == (0, len(parts) - 1)
    assert not (log.path / "commits").exists()
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(("reason", "streams"), BAD_STREAMS.items(), ids=str)
def test_a_stream_name_that_is_none_is_refused(log, reason: str, streams: list[Any]) -> None:
    for stream in streams:
        error = refused(log, stream=arrow(stream))
        assert error.field == "stream"
        assert reason in error.reason or not isinstance(stream, str) or "\ud800" in stream


@pytest.mark.parametrize("type_name", ["ThingEaten", "NoteWritten", "", None])
def test_a_type_that_is_unknown_or_of_another_category_is_refused(log, type_name) -> None:
    assert refused(log, type=arrow(type_name)).field == "type"


@pytest.mark.parametrize(("expected", "value"), BAD_FIELDS.items(), ids=str)
def test_a_field_that_does_not_fit_is_refused(log, expected: tuple[str, str], value) -> None:
    field, reason = expected
    if value == 10**400:
        return  # Arrow has no such number
    values = arrow(value)
    error = refused(log, thing=pa.StructArray.from_arrays([values], [field]))
    assert error.field == f"data.{field}"
    if "\udfff" not in str(value) and value not in ([2**64], {"a": 1}, [1.5]):
        assert reason.split("(")[0] in error.reason


@pytest.mark.parametrize(("expected", "envelope"), BAD_ENVELOPES.items(), ids=str)
def test_an_envelope_that_does_not_fit_is_refused(log, expected: tuple[str, str], envelope) -> None:
    ((name, value),) = envelope.items()
    error = refused(log, **{name: arrow(value)})
    assert error.field == name
    assert expected[1] in error.reason or "\udc00" in str(value)


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (pa.timestamp("us", "UTC"), 2**62),
        (pa.timestamp("us"), -(2**62)),
        (pa.timestamp("s", "UTC"), 2**61),
        (pa.date32(), 2**31 - 1),
        (pa.date32(), -800_000),
        (pa.timestamp("ns", "UTC"), 1_790_000_000_000_000_001),
    ],
    ids=str,
)
def test_a_time_that_the_log_cannot_keep_is_refused(log, kind: pa.DataType, number: int) -> None:
    moment = pa.array([number]).cast(pa.int32() if kind == pa.date32() else pa.int64()).cast(kind)
    field = "day" if kind == pa.date32() else "moment"
    assert (
        refused(log, thing=pa.StructArray.from_arrays([moment], [field])).field == f"data.{field}"
    )
    if field == "moment":
        assert refused(log, occurred_at=moment).field == "occurred_at"


@pytest.mark.parametrize("values", [pa.array([5]), pa.array(["x"]), pa.array([["x"]])], ids=str)
def test_data_that_are_no_struct_are_refused(log, values: pa.Array) -> None:
    with pytest.raises(InvalidEvent, match="thing: must be a struct, not"):
        log.append_many(pa.table({"stream": ["thing/1"], "type": ["ThingMade"], "thing": values}))


def test_columns_that_no_event_has_are_refused(log) -> None:
    good = pa.table({"stream": ["thing/1"], "type": ["ThingMade"]})
    for name in ("colour", "sequence", "digest"):
        with pytest.raises(InvalidEvent, match=f"{name}: is no column of events"):
            log.append_many(good.append_column(name, pa.array(["x"])))
    for name in ("stream", "type"):
        with pytest.raises(InvalidEvent, match=f"{name}: is missing"):
            log.append_many(good.drop_columns(name))
        with pytest.raises(InvalidEvent, match=f"{name}: comes twice"):
            log.append_many(good.append_column(name, good.column(name)))
    twice = pa.StructArray.from_arrays([pa.array(["a"]), pa.array(["b"])], ["text", "text"])
    with pytest.raises(InvalidEvent, match=r"data\.text: comes twice"):
        log.append_many(good.append_column("thing", twice))
    with pytest.raises(InvalidEvent, match="nothing to append"):
        log.append_many(good.slice(0, 0))


def test_data_of_another_category_than_the_stream_s_are_refused(log) -> None:
    error = refused(log, note=pa.array([{"title": "a"}]))
    assert (error.field, error.reason) == ("note", "has data of an event of another category")


# repetition


def columns(*ids: str | None, **fields: list[Any]) -> pa.Table:
    made = {"stream": [f"thing/{n}" for n in range(len(ids))], "type": ["ThingMade"] * len(ids)}
    things = [
        dict(zip(fields, values, strict=True)) for values in zip(*fields.values(), strict=True)
    ]
    return pa.table(made | {"event_id": ids} | ({"thing": things} if fields else {}))


def test_an_id_twice_in_a_table_is_added_once_also_with_a_number_that_is_none(log) -> None:
    twice = columns("a", "b", ratio=[math.nan, 1.0])
    receipt = log.append_many(pa.concat_tables([twice, twice, twice]))
    assert (receipt.first, receipt.last, receipt.added) == (1, 2, 2)
    assert log.append_many(twice).added == 0


@pytest.mark.parametrize(
    ("field", "values"), [("count", (-1, -2)), ("ratio", (0.0, -0.0)), ("count", (0, 2**61 - 1))]
)
def test_an_id_twice_with_other_content_is_refused_however_alike_it_is(
    log, field: str, values: tuple[Any, Any]
) -> None:
    events = [NewEvent("thing/1", "ThingMade", {field: value}, "a") for value in values]
    table = pa.table(
        {
            "stream": ["thing/1"] * 2,
            "type": ["ThingMade"] * 2,
            "event_id": ["a", "a"],
            "thing": [{field: value} for value in values],
        }
    )
    for append in (lambda: log.append(events), lambda: log.append_many(table)):
        with pytest.raises(InvalidEvent, match="'a' comes twice") as caught:
            append()
        assert (caught.value.position, log.head) == (1, 0)


def test_a_table_whose_ids_are_half_known_adds_the_other_half(log) -> None:
    first = log.append_many(columns("a", "b", text=["A", "B"]))
    receipt = log.append_many(columns("a", "b", "c", text=["A", "B", "C"]))
    assert (receipt.first, receipt.last, receipt.added) == (1, 3, 1)
    again = log.append_many(columns("a", "b", text=["A", "B"]))
    assert (again.first, again.last, again.digest, again.added) == (1, 2, first.digest, 0)
    with pytest.raises(InvalidEvent, match="'b' is the id of another event, at sequence 2") as told:
        log.append_many(columns("a", "b", text=["A", "other"]))
    assert (told.value.position, log.head) == (1, 3)


# bulk


@contextmanager
def counted_objects() -> Iterator[Callable[[], int]]:
    """How many more Python objects there were at a time, at the most, than before."""
    before, found, ended = sys.getallocatedblocks(), [0], threading.Event()

    def count() -> None:
        while not ended.wait(0.0005):
            found.append(sys.getallocatedblocks() - before)

    counting = threading.Thread(target=count)
    counting.start()
    try:
        yield lambda: max(found)
    finally:
        ended.set()
        counting.join()
        assert len(found) > 20


def test_a_hundred_thousand_events_are_appended_without_an_object_an_event(log) -> None:
    count = 100_000
    numbers = pa.array(range(count))
    names = numbers.cast(pa.string())
    bulk = pa.table(
        {
            "stream": pa.compute.binary_join_element_wise("thing", names, "/"),
            "type": pa.repeat("ThingMade", count),
            "event_id": pa.compute.binary_join_element_wise("id", names, "-"),
            "thing": pa.StructArray.from_arrays([names, numbers], ["text", "count"]),
        }
    )
    log.append_many(bulk.slice(0, 1))  # what is made once, is made
    with counted_objects() as most:
        receipt = log.append_many(bulk)
    assert (receipt.first, receipt.last, receipt.added) == (1, count, count - 1)
    assert most() < count / 4
    assert log.open_commits == 2
    last = next(log.read(after=count - 1))
    assert (last.stream, last.version, last.data) == (
        f"thing/{count - 1}",
        1,
        {"text": f"{count - 1}", "count": count - 1},
    )
    assert log.verify().events == count


def test_the_days_and_instants_at_the_ends_of_the_calendar_are_kept(log) -> None:
    moments = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
    log.append_many(columns("a", "b", moment=moments, day=[date.min, date.max]))
    assert [event.data["day"] for event in log.read()] == [date.min, date.max]
    assert [event.data["moment"] - moments[0] for event in log.read()] == [
        timedelta(0),
        moments[1] - moments[0],
    ]
