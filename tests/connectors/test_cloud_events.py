"""Events as CloudEvents: what the columns give is what each event says, byte for byte."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from tiers import given_in_tiers

from connectors import cloud_events, import_cloud_events, source_of
from event_log import (
    INSTANT,
    TEXT,
    Category,
    Effect,
    Event,
    EventLog,
    EventLogError,
    EventType,
    NewEvent,
    Upcaster,
    filled,
    renamed,
)

SOURCE = source_of("https://archive.example.org")
FIELDS = pa.schema(
    [
        ("text", pa.string()),
        ("prose", TEXT),
        ("whole", pa.int64()),
        ("number", pa.float64()),
        ("truth", pa.bool_()),
        ("instant", INSTANT),
        ("day", pa.date32()),
        ("names", pa.list_(pa.string())),
        ("numbers", pa.list_(pa.int64())),
        ("größe", pa.string()),
    ]
)
THING = Category(
    "thing",
    FIELDS,
    (EventType("ThingMade", Effect.CREATES), EventType("ThingChanged", Effect.REVISES)),
    annotations=pa.schema([("reason", pa.string())]),
)
OLD_MARK = pa.schema([("name", pa.string())])
MARKED = (EventType("MarkMade", Effect.CREATES),)
MARK = Category("mark", OLD_MARK, MARKED)
NEW_MARK = Category(
    "mark",
    pa.schema([("title", pa.string()), ("weight", pa.int64())]),
    MARKED,
    schema_version=2,
    upcasters={1: Upcaster(OLD_MARK, renamed("name", "title"), filled("weight", 1, ("MarkMade",)))},
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ['"', "\\", "\\n\n", "\0\x1f\x7f\x80", '","', '",\n  "', "\u2028</script>", "𝔘🎈", "null"]
)
INSTANTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)).map(
    lambda moment: moment.replace(tzinfo=UTC)
) | st.sampled_from([datetime(1, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)])
WHOLE = st.integers(-(2**63), 2**63 - 1)
NAMES = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXTS,
        "prose": TEXTS,
        "whole": WHOLE,
        "number": st.floats(),
        "truth": st.booleans(),
        "instant": INSTANTS,
        "day": st.dates(date(1, 1, 1), date(9999, 12, 31)),
        "names": st.lists(TEXTS, max_size=3),
        "numbers": st.lists(WHOLE, max_size=3),
        "größe": TEXTS,
        "reason": TEXTS,
    },
)
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        "occurred_at": INSTANTS,
        "actor": NAMES,
        "correlation_id": NAMES,
        "causation_id": NAMES,
    },
)
THINGS = st.builds(
    lambda stream, data, envelope: NewEvent(f"thing/{stream}", "ThingMade", data, **envelope),
    NAMES,
    VALUES,
    ENVELOPES,
)
MARKS = st.builds(
    lambda stream, name: NewEvent(f"mark/{stream}", "MarkMade", {"name": name}), NAMES, TEXTS
)


def plain(event: Event, source: str) -> dict[str, Any]:
    """An event as a CloudEvent, read from the specification and nowhere else."""
    told = {
        "specversion": "1.0",
        "id": event.event_id,
        "source": source,
        "type": event.type,
        "subject": event.stream,
        "time": _plain(event.recorded_at),
        "datacontenttype": "application/json",
        "sequence": str(event.sequence).rjust(19, "0"),
        "streamversion": event.version,
        "actor": event.actor,
        "occurredat": _plain(event.occurred_at),
        "correlationid": event.correlation_id,
        "causationid": event.causation_id,
        "data": {name: _plain(value) for name, value in event.data.items()},
    }
    return {name: value for name, value in told.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat() + "Z"
    return value.isoformat() if isinstance(value, date) else value


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


@given_in_tiers(20, 300, events=st.lists(THINGS | MARKS, min_size=1, max_size=12))
def test_the_columns_of_events_give_the_json_of_each(events: list[NewEvent]) -> None:
    with tempfile.TemporaryDirectory() as made:
        EventLog(made, (THING, MARK)).append(events)
        for mark in (MARK, NEW_MARK):
            log = EventLog(made, (THING, mark))
            expected = [orjson.dumps(plain(event, SOURCE)) for event in log.read()]
            found = [each for batch in log.scan() for each in cloud_events(batch, SOURCE)]
            assert found == expected
            sliced = next(log.scan()).slice(1)
            assert cloud_events(sliced, SOURCE) == expected[1:]


@given_in_tiers(10, 100, events=st.lists(THINGS | MARKS, min_size=1, max_size=12))
def test_what_was_sent_and_is_imported_elsewhere_says_the_same(events: list[NewEvent]) -> None:
    finite = [e for e in events if math.isfinite(e.data.get("number", 0.0))]  # JSON has no others
    with tempfile.TemporaryDirectory() as made:
        log, other = (EventLog(f"{made}/{name}", (THING, MARK)) for name in ("log", "other"))
        if not finite:
            return
        log.append(finite)
        lines = [each for batch in log.scan() for each in cloud_events(batch, SOURCE)]
        one_a_line, batch = Path(made, "events.jsonl"), Path(made, "batch.json")
        one_a_line.write_bytes(b"\n".join(lines))
        batch.write_bytes(b"[" + b",".join(lines) + b"]")
        assert import_cloud_events(other, str(one_a_line)).added == len(finite)
        assert import_cloud_events(other, str(batch)).known == len(finite)
        assert import_cloud_events(log, str(batch)).known == len(finite)
        assert [_said(event) for event in other.read()] == [_said(event) for event in log.read()]


def _said(event: Event) -> tuple[Any, ...]:
    """All but when it was recorded."""
    names = [name for name in event.__slots__ if name not in ("recorded_at", "digest")]
    return tuple(getattr(event, name) for name in names)


def test_an_event_is_told_in_the_newest_schema_version(folder: Path) -> None:
    EventLog(folder, (MARK,)).append([NewEvent("mark/1", "MarkMade", {"name": "Old"})])
    log = EventLog(folder, (NEW_MARK,))
    log.append([NewEvent("mark/2", "MarkMade", {"title": "New"})])
    told = [orjson.loads(each) for batch in log.scan() for each in cloud_events(batch, SOURCE)]
    assert [event["data"] for event in told] == [{"title": "Old", "weight": 1}, {"title": "New"}]


def test_an_event_of_a_category_that_is_not_known_is_refused(folder: Path) -> None:
    EventLog(folder, (THING, MARK)).append([NewEvent("mark/1", "MarkMade", {"name": "Old"})])
    (batch,) = EventLog(folder, (THING,)).scan()
    with pytest.raises(EventLogError, match=r"sequence 1: .* not opened with .* 'mark'"):
        cloud_events(batch, SOURCE)


def test_no_event_gives_no_json(folder: Path) -> None:
    log = EventLog(folder, (THING,))
    log.append([NewEvent("thing/1", "ThingMade")])
    assert cloud_events(next(log.scan()).slice(1), SOURCE) == []
