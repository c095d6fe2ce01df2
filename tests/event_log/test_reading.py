"""Reading: by stream, category, type and sequence; snapshots; and files that others read too."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st
from tiers import given_in_tiers

from event_log import EventLog, EventLogError, InvalidPoint, NewEvent
from event_log.files import manifest, reading


@pytest.fixture
def full(log: EventLog, domain) -> EventLog:
    """Nine events in four commits, of two categories; the second commit has one category only."""
    log.append([domain.made("thing/1"), domain.written("note/1"), domain.changed("thing/1")])
    log.append([domain.made("thing/2")])
    log.append([NewEvent("note/1", "NoteEdited", {"body": "text"}), domain.changed("thing/2")])
    log.append([domain.changed("thing/1"), domain.written("note/2"), domain.changed("thing/1")])
    return log


def sequences(events) -> list[int]:
    return [event.sequence for event in events]


def test_events_are_read_after_a_sequence_up_to_a_limit(full) -> None:
    for after in range(11):
        assert sequences(full.read(after=after)) == list(range(after + 1, 10))
        for limit in (0, 1, 4, 20):
            assert sequences(full.read(after=after, limit=limit)) == list(
                range(after + 1, min(10, after + 1 + limit))
            )


def test_events_are_read_by_stream_category_and_type_and_by_all_of_them(full) -> None:
    assert sequences(full.read(stream="thing/1")) == [1, 3, 7, 9]
    assert sequences(full.read(stream="thing/1", after=3)) == [7, 9]
    assert sequences(full.read(stream="thing/1", after=1, limit=2)) == [3, 7]
    assert sequences(full.read(stream="thing/1", type="ThingMade")) == [1]
    assert sequences(full.read(category="note")) == [2, 5, 8]
    assert sequences(full.read(category="note", type="NoteEdited")) == [5]
    assert sequences(full.read(type="ThingChanged", limit=3)) == [3, 6, 7]
    assert sequences(full.read(stream="note/1", category="thing")) == []
    assert sequences(full.read(type="Unknown")) == []
    assert sequences(full.read(stream="order/1")) == []


def test_reading_a_category_that_there_is_not_is_an_error(full) -> None:
    with pytest.raises(EventLogError, match="there is no 'order', but thing, note"):
        list(full.read(category="order"))


def test_reading_events_of_a_category_that_was_not_declared_says_so(full, domain) -> None:
    partial = EventLog(full.path, domain.categories[:1])
    assert sequences(partial.read(category="thing")) == [1, 3, 4, 6, 7, 9]
    for attempt in (partial.read(), partial.read(stream="note/1")):
        with pytest.raises(EventLogError, match="sequence 2: 'note' is none of the categories"):
            list(attempt)


def test_a_snapshot_at_n_has_the_first_n_events_whatever_is_appended_later(full, domain) -> None:
    whole = list(full.read())
    snapshots = [full.at(n) for n in range(10)]
    full.append([domain.made("thing/3")])
    for n, snapshot in enumerate(snapshots):
        assert snapshot.sequence == n
        assert list(snapshot.read()) == whole[:n]
        assert sequences(snapshot.read(stream="thing/1")) == [s for s in (1, 3, 7, 9) if s <= n]
        files = [pq.read_table(file) for file in snapshot.files()]
        read = [s for table in files for s in table.column("sequence").to_pylist() if s <= n]
        assert read == list(range(1, n + 1))
    assert full.at().sequence == 10


def test_a_snapshot_has_the_digest_of_the_log_when_it_ended_there(log, domain) -> None:
    assert log.at().digest == log.digest
    digests = {log.append([domain.made()]).last: log.digest for _ in range(3)}
    assert {n: log.at(n).digest for n in digests} == digests


def test_a_snapshot_at_an_instant_has_what_was_recorded_by_then(log, domain, monkeypatch) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for hour in range(4):
        moment = start + timedelta(hours=hour)
        monkeypatch.setattr(time, "time_ns", lambda m=moment: int(m.timestamp()) * 10**9)
        log.append([domain.made(), domain.changed()])
    assert log.at(start - timedelta(microseconds=1)).sequence == 0
    assert log.at("1851-09-18").sequence == 0
    assert log.at(start).sequence == 2
    assert log.at("2026-01-01T00:59:59.999999Z").sequence == 2
    assert log.at("2026-01-01T02:00:00+01:00").sequence == 4
    assert log.at("2026-01-01T03:00:00").sequence == 8
    assert log.at("9999-12-31").sequence == 8


@pytest.mark.parametrize("point", ["3", " 3 ", "+3", 3])
def test_a_point_may_be_a_number_or_its_text(full, point) -> None:
    assert full.at(point).sequence == 3


@pytest.mark.parametrize(
    "point",
    [10, -1, "10", "-1", "9" * 20, "9" * 5000, "the day", "", "+-5", "2026-13-01", 1.5, [1]],
)
def test_a_point_that_is_none_is_an_error_that_says_what_to_give(full, point) -> None:
    with pytest.raises(InvalidPoint) as caught:
        full.at(point)
    assert "sequence" in str(caught.value)
    assert "9" in str(caught.value)
    assert len(str(caught.value)) < 300


@given_in_tiers(5, 30, sizes=st.lists(st.integers(1, 5), max_size=5))
def test_every_prefix_of_a_log_is_a_snapshot(domain, tmp_path_factory, sizes: list[int]) -> None:
    log = domain.open(tmp_path_factory.mktemp("log"))
    for size in sizes:
        log.append([domain.made(f"thing/{n % 2}") for n in range(size)])
    whole = list(log.read())
    for n in range(len(whole) + 1):
        assert list(log.at(n).read()) == whole[:n]
        batches = list(log.at(n).scan(["sequence"]))
        assert [s for b in batches for s in b.column(0).to_pylist()] == list(range(1, n + 1))


def test_a_scan_gives_the_columns_that_were_asked_for_and_null_for_absent_categories(full) -> None:
    batches = list(full.scan(["note", "sequence"]))
    table = pa.Table.from_batches(batches)
    assert table.column_names == ["note", "sequence"]
    assert table.column("sequence").to_pylist() == list(range(1, 10))
    assert table.schema.field("note").type == full.registry["note"].struct
    titles = [note and note["title"] for note in table.column("note").to_pylist()]
    assert titles == [None, "a note", None, None, None, None, None, "a note", None]


def test_a_scan_of_everything_has_every_column_of_every_category(full) -> None:
    table = pa.Table.from_batches(list(full.scan()))
    assert table.column_names[-2:] == ["thing", "note"]
    assert table.num_rows == 9


def test_a_scan_of_categories_has_their_events_only(full) -> None:
    table = pa.Table.from_batches(list(full.scan(categories=["note"], after=2)))
    assert table.column("sequence").to_pylist() == [5, 8]
    assert table.column_names[-1] == "note"
    assert "thing" not in table.column_names
    assert [b.schema.names for b in full.scan(["stream"], categories=["note"])] == [["stream"]] * 3


def test_a_scan_reads_only_what_was_asked_for(log, monkeypatch) -> None:
    log.append([NewEvent("note/1", "NoteWritten", {"title": "t", "body": "b" * 10_000})])
    asked = []
    read = pq.ParquetFile.iter_batches

    def spy(self, *args, columns=None, **rest):
        asked.append(columns)
        return read(self, *args, columns=columns, **rest)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    list(log.scan(["stream", "version"]))
    assert asked == [["sequence", "stream", "version"]]


@pytest.mark.parametrize("columns", [["nothing"], ["stream", "order"], ["note.title"]])
def test_a_scan_for_a_column_that_there_is_not_is_an_error(full, columns: list[str]) -> None:
    with pytest.raises(EventLogError, match=f"there is no '{columns[-1]}', but sequence, event_id"):
        list(full.scan(columns))


def test_a_scan_for_a_category_that_there_is_not_is_an_error(full) -> None:
    with pytest.raises(EventLogError, match="there is no 'order', but thing, note"):
        list(full.scan(categories=["order"]))


def test_duckdb_reads_the_files_without_us(full) -> None:
    glob = str(full.path / "commits" / "*.parquet")
    found = duckdb.sql(
        "SELECT sequence, stream, note.title, thing.count, recorded_at"
        f" FROM read_parquet('{glob}', union_by_name=true) ORDER BY sequence"
    ).fetchall()
    assert [place[0] for place in found] == list(range(1, 10))
    assert [place[2] for place in found if place[2]] == ["a note", "a note"]
    assert [place[3] for place in found if place[3]] == [1, 1, 1, 1]
    assert all(place[4].tzinfo for place in found)


def test_pandas_reads_the_files_without_us(full) -> None:
    frame = pd.concat(pd.read_parquet(file) for file in full.at().files())
    assert list(frame["sequence"]) == list(range(1, 10))
    assert frame["note"].dropna().iloc[0]["title"] == "a note"


def test_a_read_stops_reading_when_it_has_enough(full, monkeypatch) -> None:
    opened = []
    opening = pq.ParquetFile.__init__

    def spy(self, source, *args, **rest):
        opened.append(source)
        return opening(self, source, *args, **rest)

    list(full.read())
    monkeypatch.setattr(pq.ParquetFile, "__init__", spy)
    assert sequences(full.read(limit=2)) == [1, 2]
    assert len(opened) == 1


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_scan_may_be_left_while_the_next_span_is_read(
    log: EventLog, domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "SPAN", 4)
    for number in range(12):
        log.append([domain.made(f"thing/{number}")])
    log.seal()
    read, begun, go_on = reading.Selection.read, threading.Event(), threading.Event()

    def slowly(part, file, path, groups):
        if groups and begun.is_set():
            go_on.wait(10)
        yield from read(part, file, path, groups)
        begun.set()

    monkeypatch.setattr(reading.Selection, "read", slowly)
    scan = log.scan(["sequence"])
    assert next(scan).column("sequence").to_pylist() == [1, 2, 3, 4]
    threading.Timer(0.2, go_on.set).start()
    scan.close()
    assert go_on.is_set()
