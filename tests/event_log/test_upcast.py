"""Events of every schema version are read as the newest has them; their files stay as written."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st
from plain_upcast import upcast as plain
from tiers import given_in_tiers

from event_log import (
    Category,
    Effect,
    EventLogError,
    EventType,
    IncompatibleSchema,
    InvalidEvent,
    NewEvent,
    Upcaster,
    dropped,
    filled,
    renamed,
)
from event_log.category import ENVELOPE, Registry
from event_log.files.upcast_copies import UNUSED_SECONDS, UpcastCopies, upcast_digest, upcast_file
from event_log.schemas.upcast import needs_upcast, to_read, upcast

FIXTURES = Path(__file__).parent / "fixtures"
spec = importlib.util.spec_from_file_location("written_by_versions", FIXTURES / "make.py")
written = importlib.util.module_from_spec(spec)
spec.loader.exec_module(written)

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
REPORTS = written.REPORTS
NEWEST = Registry((written.DESK, REPORTS[3]))

WHALE = {
    "headline": "A Whale Is Seen ☃",
    "body": "It was seen off the cape.\n",
    "tags": ["sea", "whales"],
    "filed_at": datetime(1851, 11, 14, 5, tzinfo=UTC),
}
READ_WITH_1 = [
    {"name": "Sea"},
    {"title": "A Whale Is Seen ☃", **WHALE, "kilowords": 1.5},
    {"title": "The Whale"},
    {"title": "A Comet", "kilowords": 0.25},
    {"cleared": ["kilowords", "tags"]},
    {},
]
del READ_WITH_1[1]["headline"]
READ_WITH_2 = [
    {"name": "Sea"},
    {**WHALE, "kilowords": 1.5},
    {"headline": "The Whale"},
    {"headline": "A Comet", "kilowords": 0.25},
    {"cleared": ["kilowords", "tags"]},
    {},
    {"headline": "A Bridge", "kilowords": 2.0, "language": "de", "tags": []},
    {"cleared": ["language", "kilowords"]},
    {},
]
READ_WITH_3 = [
    {"name": "Sea"},
    {**WHALE, "words": 1500, "language": "en"},
    {"headline": "The Whale"},
    {"headline": "A Comet", "words": 250, "language": "en"},
    {"cleared": ["words", "tags"]},
    {},
    {"headline": "A Bridge", "words": 2000, "language": "de", "tags": []},
    {"language": "en", "cleared": ["words"]},
    {},
    {"name": "Sky"},
    {"headline": "A Tunnel", "words": 9, "language": "fr"},
    {},
]
READ_WITH = {1: READ_WITH_1, 2: READ_WITH_2, 3: READ_WITH_3}


def written_log(path: Path, version: int, reader: int):
    shutil.copytree(FIXTURES / f"grown-{version}", path)
    return written.opened(path, reader)


def queried(log) -> list[dict]:
    """The data of all events as DuckDB finds them in the files that the snapshot names."""
    snapshot = log.at()
    files = snapshot.files()
    found = duckdb.sql(
        "SELECT category, desk, report FROM read_parquet($files, union_by_name = true) "
        "ORDER BY sequence",
        params={"files": files},
    )
    return [
        {k: v for k, v in struct.items() if v is not None}
        for category, *structs in found.fetchall()
        for struct in [structs[0] if category == "desk" else structs[1]]
    ]


@pytest.mark.parametrize(
    ("version", "reader"), [(v, r) for v in REPORTS for r in REPORTS if v <= r]
)
def test_what_a_schema_version_wrote_every_later_one_reads(path, version, reader) -> None:
    log = written_log(path, version, reader)
    read = list(log.read())
    assert [dict(event.data) for event in read] == READ_WITH[reader][: len(read)]
    assert len(read) == sum(len(written.EVENTS[v]) for v in range(1, version + 1))
    assert [dict(event.data) for event in log.stream("report/whale")] == [
        dict(event.data) for event in read if event.stream == "report/whale"
    ]
    assert log.verify().events == log.head


def test_an_upcast_event_says_which_schema_version_wrote_it_and_keeps_its_digest(path) -> None:
    shutil.copytree(FIXTURES / "grown-3", path)
    log = written.opened(path, 3)
    versions = [e.schema_version for e in log.read(category="report")]
    assert versions == [1] * 5 + [2] * 3 + [3] * 2
    digests = {e.sequence: e.digest for e in log.read()}
    first = written.opened(path, 1)
    assert {e.sequence: e.digest for e in first.read(category="desk")}.items() <= digests.items()
    commits = sorted((path / "commits").glob("*.parquet"))
    raw = pa.concat_tables([pq.read_table(c, columns=["sequence", "digest"]) for c in commits])
    assert dict(zip(*raw.to_pydict().values(), strict=True)) == digests


def test_an_event_appended_again_in_its_newest_form_is_the_one_that_was_appended(path) -> None:
    log = written_log(path, 1, 3)
    again = [
        NewEvent("report/whale", "ReportFiled", data, event_id="1-2", actor="ishmael")
        for data in (READ_WITH_3[1], {**READ_WITH_3[1], "words": 1})
    ]
    receipt = log.append(again[:1])
    assert (receipt.first, receipt.added, log.head) == (2, 0, 6)
    with pytest.raises(InvalidEvent, match="is the id of another event, at sequence 2"):
        log.append(again[1:])


@pytest.mark.parametrize("version", REPORTS)
def test_files_for_other_engines_hold_what_reading_gives(path, version) -> None:
    log = written_log(path, version, 3)
    before = {f: f.read_bytes() for f in (path / "commits").iterdir()}
    assert queried(log) == READ_WITH_3[: log.head]
    assert queried(log) == READ_WITH_3[: log.head]
    assert {f: f.read_bytes() for f in (path / "commits").iterdir()} == before


def test_a_scan_of_some_columns_upcasts_without_giving_others(path) -> None:
    log = written_log(path, 3, 3)
    batches = list(log.scan(["report"], categories=["report"]))
    assert {tuple(batch.schema.names) for batch in batches} == {("report",)}
    headlines = [r["headline"] for batch in batches for r in batch.column("report").to_pylist()]
    expected = [d.get("headline") for d in READ_WITH_3 if "name" not in d]
    assert headlines == expected


TEXTS = st.text(max_size=5)
KILOWORDS = st.integers(0, 80).map(lambda n: n / 8)
OPTIONAL = {
    1: {"title": TEXTS, "body": TEXTS, "kilowords": KILOWORDS, "tags": st.lists(TEXTS, max_size=2)},
    2: {"headline": TEXTS, "body": TEXTS, "kilowords": KILOWORDS, "language": TEXTS},
    3: {"headline": TEXTS, "words": st.integers(0, 99), "language": TEXTS},
}
CLEARABLE = {
    1: ["body", "kilowords", "tags"],
    2: ["kilowords", "language", "body"],
    3: ["words", "tags"],
}
REMOVED = {1: "ReportSpiked", 2: "ReportSpiked", 3: "ReportWithdrawn"}


@st.composite
def reports(draw, version):
    """An event that the version would take: its type and its data."""
    kind = draw(st.sampled_from(["ReportFiled", "ReportAmended", REMOVED[version]]))
    category = REPORTS[version]
    required = next(t.required for t in category.types if t.name == kind)
    data = draw(
        st.fixed_dictionaries(
            {n: s for n, s in OPTIONAL[version].items() if n in required},
            optional={n: s for n, s in OPTIONAL[version].items() if n not in required},
        )
    )
    if draw(st.booleans()):
        free = [name for name in CLEARABLE[version] if name not in data]
        data["cleared"] = draw(st.lists(st.sampled_from(free), unique=True)) if free else []
    return kind, data


@st.composite
def appends(draw):
    """A schema version, what a program that has it appends, and whether the log is sealed then."""
    version = draw(st.sampled_from([1, 2, 3]))
    return version, draw(st.lists(reports(version), min_size=1, max_size=4)), draw(st.booleans())


@given_in_tiers(6, 30, history=st.lists(appends(), min_size=1, max_size=6))
def test_a_mix_of_versions_is_read_as_each_event_upcast_alone(history) -> None:
    with tempfile.TemporaryDirectory() as folder:
        logs = {version: written.opened(Path(folder), version) for version in REPORTS}
        begun = {
            1: {"title": "a"},
            2: {"headline": "a"},
            3: {"headline": "a", "language": "x"},
        }
        expected = []
        for version, log in logs.items():
            log.append([NewEvent("report/1", "ReportFiled", begun[version])])
            expected.append(plain("ReportFiled", begun[version], version, 3))
        for version, events, seals in history:
            logs[version].append([NewEvent("report/1", kind, data) for kind, data in events])
            expected += [plain(kind, data, version, 3) for kind, data in events]
            if seals:
                logs[version].seal(grace_seconds=0)
        log = logs[3]
        assert [dict(event.data) for event in log.read()] == expected
        assert [dict(event.data) for event in log.stream("report/1")] == expected
        assert queried_reports(log) == expected
        assert log.verify().events == len(expected)


@pytest.mark.parametrize("version", REPORTS)
def test_sealed_events_are_read_as_the_newest_has_them(path, version) -> None:
    log = written_log(path, version, version)
    log.seal(grace_seconds=0)
    log = written.opened(path, 3)
    assert [dict(event.data) for event in log.read()] == READ_WITH_3[: log.head]
    assert queried(log) == READ_WITH_3[: log.head]
    assert log.verify().events == log.head


def queried_reports(log) -> list[dict]:
    found = duckdb.sql(
        "SELECT report FROM read_parquet($files, union_by_name = true) ORDER BY sequence",
        params={"files": log.at().files()},
    )
    return [{k: v for k, v in s.items() if v is not None} for (s,) in found.fetchall()]


EVENT = st.one_of(
    st.just((1, "desk", "DeskSetUp", {"name": "Sea"})),
    *(reports(v).map(lambda event, v=v: (v, "report", *event)) for v in REPORTS),
)


def batch_of(events) -> pa.RecordBatch:
    """Events of any versions in one batch, whose struct has the fields of all of them."""
    fields = {f.name: f for v in REPORTS for f in REPORTS[v].fields}
    union = pa.struct([*fields.values(), pa.field("cleared", pa.list_(pa.string()))])
    versions, categories, types, data = zip(*events, strict=True) if events else [()] * 4
    given = list(zip(categories, data, strict=True))
    return pa.record_batch(
        {
            "category": pa.array(categories, pa.string()),
            "type": pa.array(types, pa.string()),
            "schema_version": pa.array(versions, pa.int64()),
            "desk": pa.array([d if c == "desk" else None for c, d in given], written.DESK.struct),
            "report": pa.array([d if c == "report" else None for c, d in given], union),
        }
    )


@given_in_tiers(6, 30, events=st.lists(EVENT, max_size=12), cut=st.integers(0, 3))
def test_versions_and_categories_in_one_batch_do_not_disturb_each_other(events, cut) -> None:
    batch = batch_of(events).slice(cut)
    newest = upcast(batch, NEWEST)
    newest.validate(full=True)
    assert newest.column("report").type == REPORTS[3].struct
    found = [
        struct if struct is None else {k: v for k, v in struct.items() if v is not None}
        for struct in newest.column("report").to_pylist()
    ]
    assert found == [
        plain(kind, data, version, 3) if category == "report" else None
        for version, category, kind, data in events[cut:]
    ]
    for name in ("category", "type", "schema_version", "desk"):
        assert newest.column(name).equals(batch.column(name))


def test_a_batch_without_old_events_is_handed_on_as_it_is() -> None:
    batch = pa.record_batch(
        [
            pa.array([3, 3], pa.int64()),
            pa.array([{"headline": "a"}, {"words": 1}], REPORTS[3].struct),
        ],
        names=["schema_version", "report"],
    )
    assert upcast(batch, NEWEST) is batch


def test_a_field_that_was_only_added_needs_no_upcaster_and_no_copy() -> None:
    struct = pa.struct([pa.field("name", pa.string()), pa.field("cleared", pa.list_(pa.string()))])
    batch = pa.record_batch([pa.array([{"name": "Sea"}, None], struct)], names=["desk"])
    fields = pa.schema([("floor", pa.int64()), ("name", pa.string())])
    registry = Registry((Category("desk", fields, written.DESK.types, schema_version=2),))
    newest = upcast(batch, registry).column("desk")
    assert newest.to_pylist() == [{"floor": None, "name": "Sea", "cleared": None}, None]
    names = batch.column("desk").field(0).buffers()[2]
    assert newest.field(1).buffers()[2].address == names.address
    assert not needs_upcast({"desk": (1,)}, registry)


def test_only_files_with_events_that_an_upcaster_is_for_need_one() -> None:
    assert needs_upcast({"report": (1,)}, NEWEST)
    assert needs_upcast({"desk": (1,), "report": (2, 3)}, NEWEST)
    assert not needs_upcast({"desk": (1,), "report": (3,)}, NEWEST)
    assert not needs_upcast({"unknown": (1,)}, NEWEST)
    assert not needs_upcast({}, NEWEST)


def test_what_upcasting_has_to_see_is_read_only_where_it_may_be_needed() -> None:
    assert to_read(["sequence", "desk"], NEWEST) == ["sequence", "desk"]
    needed = ["type", "report", "category", "schema_version"]
    assert to_read(["type", "report"], NEWEST) == needed


# upcasters


def fields_of(*data: dict, schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(data), schema=schema)


TWO = Upcaster(pa.schema([("a", pa.string()), ("b", pa.int64())]))


def applied(step, *data: dict, types: str = "Made") -> list[dict]:
    given = fields_of({}, *data, {}, schema=TWO.schema).slice(1, len(data))
    kinds = pa.array([types] * len(data), pa.string())
    newest = step(given, kinds)
    newest.validate(full=True)
    return [{k: v for k, v in one.items() if v is not None} for one in newest.to_pylist()]


def test_a_renamed_field_keeps_its_values_and_is_cleared_by_its_new_name() -> None:
    events = [{"a": "x", "cleared": ["b", "a", "b"]}, {"cleared": []}, {}]
    assert applied(renamed("a", "c"), *events) == [
        {"c": "x", "cleared": ["b", "c", "b"]},
        {"cleared": []},
        {},
    ]


def test_a_dropped_field_is_not_cleared_any_more() -> None:
    events = [{"a": "x", "b": 1, "cleared": ["a", "b", "a"]}, {"cleared": ["a"]}, {}]
    assert applied(dropped("a"), *events) == [{"b": 1, "cleared": ["b"]}, {"cleared": []}, {}]


def test_a_filled_field_is_empty_in_no_event_that_had_to_have_it() -> None:
    events = [{}, {"b": 5}, {"cleared": ["a", "b"]}]
    assert applied(filled("b", 0, ["Made"]), *events) == [
        {"b": 0},
        {"b": 5},
        {"b": 0, "cleared": ["a"]},
    ]
    assert applied(filled("b", 0, ["Other"]), *events) == [
        {},
        {"b": 5},
        {"b": 0, "cleared": ["a"]},
    ]
    assert applied(filled("c", pa.scalar(0.5), ["Made"]), {"a": "x"}) == [{"c": 0.5, "a": "x"}]


def category(*steps, required=()) -> Registry:
    fields = pa.schema([("c", pa.string()), ("b", pa.int64())])
    types = (EventType("Made", Effect.CREATES, required),)
    upcasters = {1: Upcaster(TWO.fields, *steps)}
    return Registry((Category("thing", fields, types, 2, upcasters),))


def upcast_with(registry: Registry, *data: dict) -> pa.RecordBatch:
    columns = {
        "category": pa.array(["thing"] * len(data)),
        "type": pa.array(["Made"] * len(data)),
        "schema_version": pa.array([1] * len(data), pa.int64()),
        "thing": pa.array(data, pa.struct([*TWO.schema])),
    }
    return upcast(pa.record_batch(columns), registry)


def shortened(fields: pa.RecordBatch, _types: pa.Array) -> pa.RecordBatch:
    return fields.slice(1)


def as_text(fields: pa.RecordBatch, _types: pa.Array) -> pa.RecordBatch:
    return fields.set_column(1, "b", fields.column("b").cast(pa.string()))


def doubled(fields: pa.RecordBatch, _types: pa.Array) -> pa.RecordBatch:
    return fields.add_column(0, "b", fields.column("b"))


def as_table(fields: pa.RecordBatch, _types: pa.Array) -> pa.Table:
    return pa.Table.from_batches([fields])


def parsed(fields: pa.RecordBatch, _types: pa.Array) -> pa.RecordBatch:
    return fields.set_column(0, "c", fields.column("a").cast(pa.int64()))


RENAME = renamed("a", "c")


@pytest.mark.parametrize(
    ("registry", "event", "reason"),
    [
        (category(), {"a": "x"}, "'a' is no field of the next version; rename or drop it"),
        (category(RENAME), {"cleared": ["d"]}, "'d' is cleared, but is no field"),
        (category(RENAME, required=("c",)), {"b": 1}, "Made requires 'c', and one lacks it"),
        (
            category(RENAME, required=("c",)),
            {"a": "x", "cleared": ["a"]},
            "'c' is cleared, but required",
        ),
        (category(RENAME, shortened), {"a": "x"}, "gives 0 lines for 1 events"),
        (category(RENAME, as_text), {"b": 1}, "'b' is string, not int64"),
        (category(RENAME, doubled), {"b": 1}, "'b' is there twice"),
        (category(as_table), {"b": 1}, "gives Table, not a RecordBatch"),
        (category(renamed("d", "c")), {"b": 1}, "failed: there is no 'd', but a, b, cleared"),
        (category(parsed), {"a": "x"}, "failed: Failed to parse string: 'x' as"),
    ],
)
def test_an_upcaster_that_does_not_give_what_it_must_is_told(registry, event, reason) -> None:
    with pytest.raises(IncompatibleSchema, match=r"category 'thing', .* version 1") as error:
        upcast_with(registry, event)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_an_upcaster_finds_the_fields_of_its_version_though_an_event_is_older() -> None:
    """Version 2 added a field, which needed no upcaster; the one from 2 counts on it."""

    def joined(fields: pa.RecordBatch, _types: pa.Array) -> pa.RecordBatch:
        number = fields.column("b").cast(pa.string())
        both = pc.binary_join_element_wise(
            fields.column("a"), number, "-", null_handling="replace", null_replacement="?"
        )
        return pa.record_batch([both, fields.column("cleared")], names=["c", "cleared"])

    fields = pa.schema([("c", pa.string())])
    types = (EventType("Made", Effect.CREATES),)
    registry = Registry((Category("thing", fields, types, 3, {2: Upcaster(TWO.fields, joined)}),))
    struct = pa.struct([("a", pa.string()), ("cleared", pa.list_(pa.string()))])
    batch = pa.record_batch(
        {
            "category": ["thing"],
            "type": ["Made"],
            "schema_version": pa.array([1], pa.int64()),
            "thing": pa.array([{"a": "x"}], struct),
        }
    )
    assert upcast(batch, registry).column("thing").to_pylist() == [{"c": "x-?", "cleared": None}]


# copies


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of the log with many old events, in several row groups."""
    log = written.opened(tmp_path / "log", 1)
    data = {"title": "a", "kilowords": 0.5, "body": "words " * 20}
    events = [NewEvent(f"report/{n}", "ReportFiled", data) for n in range(20_000)]
    log.append(events)
    return next((tmp_path / "log" / "commits").glob("*.parquet"))


OLD = {"report": (1,)}


def test_a_copy_has_the_same_events_in_the_newest_structs(source, tmp_path) -> None:
    target = tmp_path / "copy.parquet"
    upcast_file(source, target, NEWEST)
    before, after = pq.ParquetFile(source), pq.ParquetFile(target)
    assert after.num_row_groups == before.num_row_groups > 1
    assert after.schema_arrow.field("report").type == REPORTS[3].struct
    envelope = pq.read_table(source, columns=ENVELOPE.names, partitioning=None)
    assert pq.read_table(target, columns=ENVELOPE.names, partitioning=None) == envelope
    reports = pq.read_table(target, columns=["report"], partitioning=None).column("report")
    assert pc.struct_field(reports, "words").unique().to_pylist() == [500]


def test_a_copy_is_made_once_and_anew_for_other_upcasters_or_another_file(source, tmp_path) -> None:
    copies = UpcastCopies(tmp_path / "cache", NEWEST)
    first = copies.path(source, OLD)
    made = first.stat()
    again = UpcastCopies(tmp_path / "cache", NEWEST).path(source, OLD)
    assert (again, again.stat().st_ino) == (first, made.st_ino)
    other = UpcastCopies(tmp_path / "cache", Registry((written.DESK, REPORTS[2])))
    assert pq.read_schema(other.path(source, OLD)).field("report").type == REPORTS[2].struct
    restored = tmp_path / "other" / source.name
    restored.parent.mkdir()
    written.opened(tmp_path / "second", 1).append(written.EVENTS[1])
    shutil.copy(next((tmp_path / "second" / "commits").glob("*1.parquet")), restored)
    assert pq.read_metadata(copies.path(restored, OLD)).num_rows == 6


def test_a_file_without_old_events_is_read_itself(source, tmp_path) -> None:
    copies = UpcastCopies(tmp_path / "cache", NEWEST)
    assert copies.path(source, {"report": (3,)}) == source
    assert not (tmp_path / "cache").exists()


def test_many_that_need_one_copy_at_a_time_get_it_whole(source, tmp_path) -> None:
    def columns(_: int) -> int:
        path = UpcastCopies(tmp_path / "cache", NEWEST).path(source, OLD)
        return pq.read_table(path, partitioning=None).num_rows

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(columns, range(8))) == {20_000}
    left = [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(left) == 1


@pytest.mark.slow
def test_a_process_killed_while_it_copies_leaves_no_half_copy(source, tmp_path) -> None:
    script = (
        "import runpy, sys; from pathlib import Path; from event_log.category import Registry;"
        "from event_log.files.upcast_copies import UpcastCopies;"
        f"m = runpy.run_path({str(FIXTURES / 'make.py')!r});"
        "registry = Registry((m['DESK'], m['REPORTS'][3])); print('begun', flush=True)\n"
        f"while True: UpcastCopies(Path({str(tmp_path / 'cache')!r}), registry)"
        f".path(Path({str(source)!r}), {{'report': (1,)}}).unlink(missing_ok=True)"
    )
    copying = [
        subprocess.Popen([sys.executable, "-c", script], env=ENVIRONMENT, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    try:
        for process in copying:
            assert process.stdout.readline() == b"begun\n"
        for pause in range(8):
            time.sleep(pause / 40)
            for path in (tmp_path / "cache").glob("upcast/*/*.parquet"):
                with contextlib.suppress(FileNotFoundError):  # removed by one of the processes
                    assert pq.read_metadata(path).num_rows == 20_000
    finally:
        for process in copying:
            process.kill()
            process.communicate()
    path = UpcastCopies(tmp_path / "cache", NEWEST).path(source, OLD)
    assert pq.read_metadata(path).num_rows == 20_000


def test_copies_that_nobody_asks_for_are_removed_those_of_other_programs_too(
    source, tmp_path
) -> None:
    cache = tmp_path / "cache"
    old = UpcastCopies(cache, Registry((written.DESK, REPORTS[2]))).path(source, OLD)
    staged = old.parent / "staged-1-killed"
    staged.write_bytes(b"half")
    current = UpcastCopies(cache, NEWEST).path(source, OLD)
    assert old.exists()
    long_ago = time.time() - UNUSED_SECONDS - 60
    for path in (old, staged, current):
        os.utime(path, (long_ago, long_ago))
    again = UpcastCopies(cache, NEWEST).path(source, OLD)
    assert again.exists()
    assert [path for path in cache.rglob("*") if path.is_file()] == [again]
    assert not old.parent.exists()


def test_a_copy_that_cannot_be_written_is_told_and_leaves_nothing(source, tmp_path) -> None:
    blocked = tmp_path / "cache"
    blocked.write_text("a file where the folder should be")
    with pytest.raises(EventLogError, match=r"its upcast copy .* cannot be written"):
        UpcastCopies(blocked, NEWEST).path(source, OLD)


def test_a_damaged_file_is_told_and_no_copy_is_left(source, tmp_path) -> None:
    content = bytearray(source.read_bytes())
    content[5000:9000] = bytes(4000)
    source.write_bytes(content)
    with pytest.raises(EventLogError, match="cannot be read"):
        UpcastCopies(tmp_path / "cache", NEWEST).path(source, OLD)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


# the digest of upcasting


def digest_of(*steps, code_version: int = 1) -> str:
    upcaster = Upcaster(TWO.fields, *steps, code_version=code_version)
    types = (EventType("Made", Effect.CREATES),)
    fields = pa.schema([("c", pa.string()), ("b", pa.int64())])
    return upcast_digest(Registry((Category("thing", fields, types, 2, {1: upcaster}),)))


def test_the_digest_of_upcasting_changes_with_what_upcasters_do() -> None:
    def times(factor: int):
        def step(fields, _types):
            return fields.set_column(1, "b", pc.multiply(fields.column("b"), factor))

        return step

    digests = [
        digest_of(RENAME),
        digest_of(renamed("b", "c")),
        digest_of(RENAME, times(2)),
        digest_of(RENAME, times(3)),
        digest_of(RENAME, filled("b", 1, ["Made"])),
        digest_of(RENAME, code_version=2),
    ]
    assert len(set(digests)) == len(digests)
    assert digest_of(renamed("a", "c")) == digest_of(RENAME)
    assert upcast_digest(Registry((written.DESK,))) == ""


def test_the_digest_of_upcasting_is_the_same_in_every_process() -> None:
    script = (
        "import runpy; from event_log.category import Registry;"
        "from event_log.files.upcast_copies import upcast_digest;"
        f"m = runpy.run_path({str(FIXTURES / 'make.py')!r});"
        "print(upcast_digest(Registry((m['DESK'], m['REPORTS'][3]))))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={**ENVIRONMENT, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {upcast_digest(NEWEST) + "\n"}
