"""Runs: sorted hashes on disk that answer like a dictionary, whatever becomes of their files."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tiers import given_in_tiers, stateful_in_tiers

from event_log import Category, DamagedLog, Effect, EventLog, EventType, NewEvent
from event_log.index import hashing as hashing_module
from event_log.index.database import DamagedEventIndex
from event_log.index.event_index import EventIndex
from event_log.index.hashing import Hashing
from event_log.index.run_file import Run, write
from event_log.index.run_set import Columns, due

ROOT = Path(__file__).parents[2]
TAG = Category(
    "tag",
    pa.schema([("name", pa.string())]),
    (EventType("TagDefined", Effect.CREATES),),
)
SMALL = {
    "event_log.index.event_index.BULK_EVENTS": 5,
    "event_log.index.tail.EVENTS": 8,
    "event_log.index.tail.MANY": 6,
    "event_log.index.run_file.BLOCK_BYTES": 64,
    "event_log.index.run_file.FEW": 4,
    "event_log.index.run_set.FAN": 2,
    "event_log.index.lookup.BACKLOG_EVENTS": 16,
}
"""So small that a few events make runs of several blocks, which are merged."""
KEY = bytes(range(16))
NAMES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=30)


# hashing


def multilinear(key: bytes, lane: int, name: str) -> int:
    """The hash as the paper writes it, of one name."""
    each = 2 + hashing_module.LONGEST // 4
    expanded = hashing_module.hashlib.shake_256(key).digest(8 * 3 * each)
    keys = np.frombuffer(expanded, "<u8").reshape(3, each)[lane].tolist()
    text = name.encode()
    padded = text + bytes(-len(text) % 8)
    words = [int.from_bytes(padded[i : i + 4], "little") for i in range(0, len(padded), 4)]
    products = (key * word for key, word in zip(keys[2:], words, strict=False))
    return (keys[0] + keys[1] * len(text) + sum(products)) % 2**64


@given(NAMES, st.integers(0, 5), st.sampled_from([pa.string(), pa.large_string()]))
def test_names_are_hashed_as_the_paper_says_whatever_the_column(names, start, kind) -> None:
    column = pa.array(names, kind).slice(start)
    hashing = Hashing(KEY)
    expected = [multilinear(KEY, 0, name) for name in names[start:]]
    assert hashing.ids(column).tolist() == expected
    hashes, checks = hashing.streams(column)
    assert hashes.tolist() == expected
    assert checks.tolist() == [
        multilinear(KEY, 1, name) >> 32 << 32 | multilinear(KEY, 2, name) >> 32
        for name in names[start:]
    ]


@pytest.mark.parametrize("length", [*range(1, 18), 511, 2048])
def test_names_of_any_length_differ_from_their_neighbours(length: int) -> None:
    names = ["x" * length, "x" * (length - 1), "x" * (length - 1) + "y", "x" * length + "\0"]
    for column in (pa.array(names), pa.array(["before", *names])[1:]):
        assert len(set(Hashing(KEY).ids(column).tolist())) == 4


def test_another_key_gives_other_hashes_and_another_mark() -> None:
    one, other = Hashing(KEY), Hashing(KEY[::-1])
    names = pa.array(["a", "b"])
    assert not set(one.ids(names).tolist()) & set(other.ids(names).tolist())
    assert one.mark != other.mark


# merging


@given(st.lists(st.integers(1, 2_000_000), min_size=1, max_size=200), st.sampled_from([2, 4, 8]))
def test_there_are_few_runs_and_an_event_is_written_few_times(sizes: list[int], fan: int) -> None:
    runs: list[int] = []
    written = 0
    with patch("event_log.index.run_set.FAN", fan):
        for size in sizes:
            runs.append(size)
            while part := due(runs):
                written += sum(runs[part])
                runs[part] = [sum(runs[part])]
    tiers = (sum(sizes).bit_length() - 1) // (fan.bit_length() - 1) + 1
    assert sum(runs) == sum(sizes)
    assert len(runs) <= (fan - 1) * tiers
    assert written <= 2 * tiers * sum(sizes)


# one run against dictionaries

EVENTS = st.lists(
    st.tuples(st.integers(0, 10**6).map(str), st.sampled_from("abcdefgh")),
    min_size=1,
    max_size=60,
    unique_by=lambda event: event[0],
)


class Weak(Hashing):
    """Hashes so bad that nearly all names look alike until they are compared further."""

    def ids(self, names: pa.Array) -> np.ndarray:
        return super().ids(names) & np.uint64(1 << 63)

    def streams(self, names: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        hashes, checks = super().streams(names)
        return hashes & np.uint64(1 << 63), checks


@pytest.fixture(params=[Hashing, Weak])
def hashing(request) -> Hashing:
    return request.param(KEY)


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    with ExitStack() as stack:
        for name, value in SMALL.items():
            stack.enter_context(patch(name, value))
        yield


def made(folder: Path, hashing: Hashing, events: list[tuple[str, str]], after: int) -> Run:
    """A run of these ids and streams, written from columns in a shuffled order."""
    versions: dict[str, int] = {}
    lines = []
    for sequence, (event_id, stream) in enumerate(events, after + 1):
        versions[stream] = versions.get(stream, 0) + 1
        lines.append((sequence, event_id, stream, versions[stream]))
    random.Random(after).shuffle(lines)
    sequences, ids, streams, numbers = (pa.array(column) for column in zip(*lines, strict=True))
    columns = Columns(hashing, after, after + len(events))
    columns.add_ids(sequences, ids)
    columns.add_streams(sequences, streams, numbers)
    path = folder / f"{after}.run"
    write(path, hashing.mark, after + 1, columns.arrays())
    return Run(path, hashing.mark, after + 1, after + len(events))


@given_in_tiers(20, 100, events=EVENTS, after=st.integers(0, 10**12), many=st.booleans())
def test_a_run_finds_what_it_was_made_of(events, after, many) -> None:
    for hashing in (Hashing(KEY), Weak(KEY)):
        with tempfile.TemporaryDirectory() as folder:
            run = made(Path(folder), hashing, events, after)
            asked = [event_id for event_id, _ in events] + ["none", "other"]
            asked = asked if many else asked[-4:]
            places, sequences = run.candidates(hashing.ids(pa.array(asked)))
            candidates = set(zip(places.tolist(), sequences.tolist(), strict=True))
            true = {event_id: n for n, (event_id, _) in enumerate(events, after + 1)}
            assert {(n, true[i]) for n, i in enumerate(asked) if i in true} <= candidates
            if type(hashing) is Hashing:
                assert len(candidates) == sum(i in true for i in asked)
            streams = list("abcdefghx") if many else ["a", "x"]
            found = run.versions(*hashing.streams(pa.array(streams)))
            assert found.tolist() == [sum(s == stream for _, s in events) for stream in streams]
            for stream in streams:
                (hashed,), (check,) = hashing.streams(pa.array([stream]))
                assert run.sequences(hashed, check).tolist() == [
                    n for n, (_, s) in enumerate(events, after + 1) if s == stream
                ]


def test_events_that_are_missing_or_of_others_are_told(hashing) -> None:
    def columns(sequences: list[int]) -> Columns:
        columns = Columns(hashing, 10, 14)
        count, numbers = len(sequences), pa.array(sequences)
        columns.add_ids(numbers, pa.array(["i"] * count))
        columns.add_streams(numbers, pa.array(["s"] * count), pa.array([1] * count))
        return columns

    columns([14, 11, 13, 12]).arrays()
    with pytest.raises(DamagedLog, match="sequence 13: the event is missing"):
        columns([11, 12, 14]).arrays()
    with pytest.raises(DamagedLog, match="not of these commits"):
        columns([11, 12, 13, 15])


# damage


def test_a_changed_bit_is_never_believed(tmp_path, hashing) -> None:
    """Whichever bit changes, the run says that it is damaged or answers rightly."""
    events = [(f"id-{n}", f"s-{n % 7}") for n in range(40)]
    run = made(tmp_path, hashing, events, 0)
    content = run.path.read_bytes()
    names = pa.array([f"s-{n}" for n in range(7)])
    noticed = 0
    for place in range(0, len(content), 3):
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        run.path.write_bytes(changed)
        try:
            opened = Run(run.path, hashing.mark, 1, 40)
            found = opened.versions(*hashing.streams(names)).tolist()
            places, sequences = opened.candidates(hashing.ids(pa.array(["id-3"])))
            assert found == [6, 6, 6, 6, 6, 5, 5]
            assert 4 in sequences[places == 0]
        except DamagedEventIndex:
            noticed += 1
    assert noticed > 200


@pytest.mark.parametrize("size", [0, 1, 39, 40, 100, -1])
def test_a_cut_run_is_told(tmp_path, hashing, size: int) -> None:
    run = made(tmp_path, hashing, [(f"id-{n}", "s") for n in range(40)], 0)
    os.truncate(run.path, size if size >= 0 else run.path.stat().st_size - 1)
    with pytest.raises(DamagedEventIndex):
        Run(run.path, hashing.mark, 1, 40)
    assert not run.is_there()


def test_a_run_of_other_events_or_of_another_key_is_told(tmp_path, hashing) -> None:
    run = made(tmp_path, hashing, [(f"id-{n}", "s") for n in range(40)], 0)
    for mark, first, last in ((b"another!", 1, 40), (hashing.mark, 2, 41), (hashing.mark, 1, 41)):
        with pytest.raises(DamagedEventIndex):
            Run(run.path, mark, first, last)


# the index of a log


def runs_of(log: EventLog) -> list[Path]:
    return sorted((log.path / "cache" / "index.runs").glob("*.run"))


def defined(stream: str, event_id: str | None = None) -> NewEvent:
    return NewEvent(f"tag/{stream}", "TagDefined", {}, event_id=event_id)


def appended(log: EventLog, start: int, count: int) -> None:
    log.append([defined(str(n % 7), f"id-{n}") for n in range(start, start + count)])


def is_right(log: EventLog) -> None:
    """Whether the index is in use, and answers as the log's events are."""
    events = list(log.read())
    ids = {event.event_id: event.sequence for event in events}
    versions = {event.stream: event.version for event in events}
    assert log.known([*ids, "none"]) == ids
    assert log.versions([*versions, "tag/none"]) == versions | {"tag/none": 0}
    for stream in (*versions, "tag/none"):
        own = [event.sequence for event in events if event.stream == stream]
        assert [event.sequence for event in log.stream(stream)] == own
    assert not log._lookup._warned


STREAMS = ["a", "b", "c", "d", "ü"]
NEW = st.builds(defined, st.sampled_from(STREAMS), st.none()) | st.integers(0, 400).map(
    lambda n: defined(STREAMS[n % 5], f"id-{n}")  # an id is always that of the same event
)


class IndexAndModel(RuleBasedStateMachine):
    """The model: the stream of each event, and the sequences of the ids."""

    @initialize()
    def begin(self) -> None:
        self.small = ExitStack()
        for name, value in SMALL.items():
            self.small.enter_context(patch(name, value))
        self.folder = Path(tempfile.mkdtemp())
        self.streams: list[str] = []
        self.ids: dict[str, int] = {}
        self.other = EventLog(self.folder / "log", (TAG,))
        self.log = EventLog(self.folder / "log", (TAG,))

    @rule()
    def open_anew(self) -> None:
        self.log = EventLog(self.folder / "log", (TAG,))

    @rule()
    def change_places(self) -> None:
        self.log, self.other = self.other, self.log

    @rule(part=st.sampled_from(["cache", "cache/index.runs", "cache/index.sqlite"]))
    def delete(self, part: str) -> None:
        path = self.folder / "log" / part
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    @rule(which=st.integers(0, 9), draw=st.integers(0, 2**32), how=st.integers(0, 3))
    def damage_a_run(self, which: int, draw: int, how: int) -> None:
        found = runs_of(self.log)
        if not found:
            return
        time.sleep(0.01)  # the clock of the file system is coarse: it has to say that this is later
        path = found[which % len(found)]
        size = path.stat().st_size or 1
        if how == 0:
            path.unlink()
        elif how == 1:
            os.truncate(path, draw % size)
        elif how == 2:
            path.write_bytes(found[draw % len(found)].read_bytes())
        else:
            with path.open("r+b") as file:
                file.seek(draw % size)
                file.write(random.Random(draw).randbytes(100))

    @rule(events=st.lists(NEW, min_size=1, max_size=30))
    def append(self, events: list[NewEvent]) -> None:
        added: list[NewEvent] = []
        for event in events:
            taken = {new.event_id for new in added if new.event_id} | set(self.ids)
            if event.event_id not in taken:
                added.append(event)
        receipt = self.log.append(events)
        assert receipt.added == len(added)
        for sequence, event in enumerate(added, len(self.streams) + 1):
            if event.event_id:
                self.ids[event.event_id] = sequence
        self.streams += [event.stream for event in added]

    @rule(many=st.booleans())
    def ask(self, many: bool) -> None:
        asked = [f"id-{n}" for n in range(0, 401, 1 if many else 100)]
        expected = {i: n for i, n in self.ids.items() if i in asked}
        assert self.log.known(asked) == expected
        names = ["tag/a", "tag/b", "tag/ü"]
        names += ["tag/c", "tag/d", "tag/x", "tag/a\0", "tag/"] if many else []
        versions = {name: self.streams.count(name) for name in names}
        assert self.log.versions(names) == versions
        for name in names:
            own = [n for n, stream in enumerate(self.streams, 1) if stream == name]
            assert [event.sequence for event in self.log.stream(name)] == own
        assert not self.log._lookup._warned

    def teardown(self) -> None:
        if hasattr(self, "log"):
            self.ask(True)
            self.log.verify()
            shutil.rmtree(self.folder)
            self.small.close()


TestIndexAndModel, TestIndexAndModelOnManyExamples = stateful_in_tiers(
    IndexAndModel, 8, 40, steps=30
)


def test_ids_that_only_look_alike_are_compared_with_the_log(path, monkeypatch) -> None:
    ids = Hashing.ids
    monkeypatch.setattr(Hashing, "ids", lambda self, names: ids(self, names) & np.uint64(1 << 63))
    log = EventLog(path, (TAG,))
    appended(log, 0, 50)
    assert log.known(["none", "id-7", "id-50"]) == {"id-7": 8}
    assert log.append([defined("x", "other")]).added == 1
    is_right(log)


def test_a_disk_that_is_full_costs_no_answer_and_leaves_no_file(path) -> None:
    log = EventLog(path, (TAG,))
    appended(log, 0, 50)
    before = runs_of(log)

    def full(file: Path, *_: object) -> None:
        file.write_bytes(b"half a run")
        raise OSError(errno.ENOSPC, "No space left on device")

    with patch("event_log.index.run_set.write", full):
        appended(log, 50, 50)
        assert log.known(["id-7", "id-77", "none"]) == {"id-7": 8, "id-77": 78}
        assert log.versions(["tag/0"]) == {"tag/0": 15}
        assert log._lookup._warned
        assert runs_of(log) == before
    is_right(EventLog(path, (TAG,)))


def test_threads_find_while_others_append(path) -> None:
    log = EventLog(path, (TAG,))
    appended(log, 0, 20)

    def append(number: int) -> None:
        for start in range(number, number + 200, 20):
            appended(log, start, 20)
            assert log.known([f"id-{start}", "id-3"]).keys() == {f"id-{start}", "id-3"}

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(append, (1000, 2000, 3000, 4000)))
    is_right(log)


def test_columns_of_any_string_type_are_looked_up(path) -> None:
    log = EventLog(path, (TAG,))
    appended(log, 0, 50)
    names, streams = ["id-7", None, "none", "x" * 5000], ["tag/3", "tag/9"]
    for kind in (pa.string(), pa.large_string()):
        ids = pa.array(["before", *names], kind)[1:]
        for column in (ids, pa.chunked_array([ids[:2], ids[2:]])):
            found = log._lookup.find(column, pa.array(streams, kind))
            assert (found.known, found.versions) == ({"id-7": 8}, {"tag/3": 7})
    assert log._lookup.find(["id-7", "\ud800", "a\0"], {"\ud800"}).known == {"id-7": 8}


def test_a_producer_is_where_it_said_last(path) -> None:
    log = EventLog(path, (TAG,))
    for number, said in enumerate([{"import": 5}, {"other": 9}, {"import": 70, "third": 1}, {}]):
        streams = [f"tag/{number}-{place}" for place in range(3)]
        events = {"stream": streams, "type": ["TagDefined"] * 3, "tag": [{"name": "x"}] * 3}
        log.append_many(pa.table(events), positions=said)
        log._lookup.find()
        shutil.rmtree(path / "cache")
    names = ["import", "other", "third", "none"]
    expected = {"import": (70, 9), "other": (9, 6), "third": (1, 9)}
    assert log._lookup.find(producers=names).producers == expected
    read = log._lookup._found_by_reading(pa.array([]), pa.array([]), None, names)
    assert read.producers == expected
    assert log._lookup.find(producers=["import"]).producers == {"import": (70, 9)}


def test_without_an_index_a_producers_position_is_found_in_footers_alone(
    path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = EventLog(path, (TAG,))
    appended(log, 0, 50)
    (path / "cache").rename(path / "moved")
    (path / "cache").write_text("no folder")
    log = EventLog(path, (TAG,))
    monkeypatch.setattr(log._lookup, "_events", lambda *_: pytest.fail("events are read"))
    log.commit(log.batch(), positions={"import": 7}, after={"import": 0})
    assert log.position_of("import") == 7


def test_what_a_producer_says_with_a_commit_is_indexed_with_it(path) -> None:
    index = EventIndex(path / "index.sqlite")
    lines = {"sequence": [1, 2], "event_id": ["a", "b"], "stream": ["s", "s"], "version": [1, 2]}
    batch = pa.RecordBatch.from_pydict(lines)
    index.extend(0, (2, "x"), [batch], {"import": (7, 2)})
    none = pa.array([], pa.string())
    assert index.find(none, none, None, ["import"])[0].producers == {"import": (7, 2)}


# processes

OPENED = f"""
import json, os, signal, sys
sys.path.insert(0, {str(ROOT)!r})
import importlib
for name, value in json.loads({json.dumps(json.dumps(SMALL))}).items():
    module, _, constant = name.rpartition(".")
    setattr(importlib.import_module(module), constant, value)
import pyarrow as pa
from event_log import Category, Effect, EventLog, EventType, NewEvent
from event_log.index.event_index import EventIndex
from event_log.index.run_set import RunFiles
DEFINED = EventType("TagDefined", Effect.CREATES)
TAG = Category("tag", pa.schema([("name", pa.string())]), (DEFINED,))
log, name, count = EventLog(sys.argv[1], (TAG,)), sys.argv[2], int(sys.argv[3])
def append(number):
    events = [NewEvent(f"tag/{{name}}", "TagDefined", {{}}, event_id=f"{{name}}-{{number}}-{{n}}")
              for n in range(1 + number % 9)]
    log.append([*events, NewEvent("tag/shared", "TagDefined", {{}})])
"""
APPENDS = (
    OPENED
    + """
for number in range(count):
    append(number)
    assert log.versions([f"tag/{name}"])[f"tag/{name}"] == sum(1 + n % 9 for n in range(number + 1))
    assert log.known([f"{name}-{number}-0"])
assert not log._lookup._warned
"""
)
KILLED = (
    OPENED
    + """
step = {"write": RunFiles, "_publish": EventIndex, "delete": RunFiles}[name]
original = getattr(step, name)
left = [count]
def killed(*args, **rest):
    left[0] -= 1
    if name == "_publish" and not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    found = original(*args, **rest)
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return found
setattr(step, name, killed)
for number in range(1000):
    append(number)
"""
)


def started(script: str, log: EventLog, name: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script, str(log.path), name, str(count)])


@pytest.mark.slow
def test_processes_that_extend_and_merge_at_once_keep_the_index_right(path) -> None:
    log = EventLog(path, (TAG,))
    appended(log, 0, 20)
    processes = [started(APPENDS, log, name, 40) for name in ("one", "two", "three")]
    while any(process.poll() is None for process in processes):
        is_right_through(log)
    assert [process.returncode for process in processes] == [0, 0, 0]
    is_right(log)
    with log._lookup._index._database.transaction("DEFERRED") as connection:
        listed = [name for (name,) in connection.execute("SELECT name FROM runs")]
    assert sorted(listed) == [run.name for run in runs_of(log)]


def is_right_through(log: EventLog) -> None:
    """What was known stays known while others append and merge."""
    assert log.known(["id-3", "id-19", "none"]) == {"id-3": 4, "id-19": 20}
    assert [event.sequence for event in log.stream("tag/6")] == [7, 14]


@pytest.mark.parametrize(
    ("step", "count"),
    [
        ("write", 9),
        pytest.param("_publish", 9, marks=pytest.mark.slow),
        pytest.param("delete", 1, marks=pytest.mark.slow),
        *(pytest.param("write", n, marks=pytest.mark.slow) for n in (1, 2, 8, 10)),
        pytest.param("_publish", 1, marks=pytest.mark.slow),
    ],
)
def test_a_process_that_is_killed_anywhere_leaves_a_right_index(path, step, count) -> None:
    """After a run is written, before and after it is listed, and while old ones are deleted."""
    log = EventLog(path, (TAG,))
    killed = started(KILLED, log, step, count)
    assert killed.wait() == -signal.SIGKILL
    is_right(log)
    appended(log, 0, 40)
    is_right(log)
    is_right(EventLog(path, (TAG,)))


def test_what_killed_processes_left_behind_is_cleaned_when_it_is_old(path) -> None:
    log = EventLog(path, (TAG,))
    appended(log, 0, 20)
    (kept,) = runs_of(log)
    old, young, foreign = (kept.with_name(f"{name}.run") for name in ("old", "young", "foreign"))
    for left in (old, young, foreign):
        shutil.copyfile(kept, left)
    os.utime(old, (time.time() - 100_000,) * 2)
    with foreign.open("r+b") as file:
        file.seek(8)
        file.write(b"another!")
    is_right(EventLog(path, (TAG,)))
    assert runs_of(log) == sorted([kept, young])


def test_a_forked_process_and_its_parent_go_on_with_the_index(path) -> None:
    log = EventLog(path, (TAG,))
    appended(log, 0, 60)
    is_right(log)
    child = os.fork()
    if not child:
        status = 1
        try:
            for start in range(100, 160, 10):
                appended(log, start, 10)
                assert len(log.known(f"id-{n}" for n in range(100, 200))) == start - 90
            status = 0
        finally:
            os._exit(status)
    for start in range(200, 260, 10):
        appended(log, start, 10)
        assert len(log.known(f"id-{n}" for n in range(200, 300))) == start - 190
    assert os.waitpid(child, 0)[1] == 0
    is_right(log)
