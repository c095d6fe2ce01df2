"""Sealing changes where events lie, and nothing that anyone can read."""

from __future__ import annotations

import contextlib
import errno
import itertools
import math
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from faults import FaultyDisk, StepDisk
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sealed import everything, files_of, listed, manifests, sealed_files, small_spans
from tiers import in_sizes, some_steps, stateful_in_tiers

from event_log import Category, DamagedLog, Effect, EventLog, EventType, NewEvent
from event_log.files import commit, sealed_group, sealing
from event_log.storage.folder import LocalStore
from event_log.storage.store import StoreError

STREAMS = ("thing/1", "note/1", "thing/2", "thing/ü", "note/2")


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    with small_spans():
        yield


@pytest.fixture
def opened(domain):
    """Opens a log on a disk that does not wait for syncs."""

    def open_at(path: Path) -> EventLog:
        return EventLog(LocalStore(path, StepDisk()), domain.categories)

    return open_at


@pytest.fixture
def log(opened, path: Path) -> EventLog:
    return opened(path)


def event(number: int) -> NewEvent:
    """The event of a number: every fifth of a stream, with a text of its own."""
    stream = STREAMS[number % len(STREAMS)]
    if stream.startswith("note"):
        return NewEvent(stream, "NoteWritten", {"title": f"note {number}"}, event_id=f"id-{number}")
    data = {"text": f"text {number}", "names": [f"name {number}"]}
    return NewEvent(stream, "ThingMade", data, event_id=f"id-{number}", actor=f"actor {number}")


def filled(log: EventLog, commits: int, begin: int = 0) -> list[list[NewEvent]]:
    """Commits of one to four events each; returns what was appended."""
    batches, number = [], begin
    for size in itertools.islice(itertools.cycle((1, 3, 2, 4)), commits):
        batches.append([event(n) for n in range(number, number + size)])
        log.append(batches[-1])
        number += size
    return batches


def columns(*names: str) -> pa.Table:
    """Events of one producer, as columns."""
    return pa.table(
        {
            "stream": [f"note/{name}" for name in names],
            "type": ["NoteWritten"] * len(names),
            "note": [{"title": name} for name in names],
        }
    )


@in_sizes("commits", 3, 12)
def test_after_sealing_every_way_of_reading_gives_what_it_gave_before(
    opened, log, commits: int
) -> None:
    batches = filled(log, commits)
    log.append_many(columns("a", "b"), positions={"one": 7})
    log.append_many(columns("c"), positions={"two": 1})
    ids = [new.event_id for batch in batches for new in batch]
    before = everything(log, ids, batches)
    for grace in (math.inf, 0):
        sealed = log.seal(grace_seconds=grace)
        for reader in (log, opened(log.path)):
            assert everything(reader, ids, batches) == before
        shutil.rmtree(log.path / "cache")
        assert everything(opened(log.path), ids, batches) == before
        assert log.verify().digest == before["digests"][-1]
    assert sealed.through == before["head"]
    assert log.open_commits == 0
    assert not list((log.path / "commits").iterdir())


def test_what_is_appended_after_sealing_goes_on_where_the_log_was(opened, log) -> None:
    twin = opened(log.path.with_name("twin"))
    for number in range(5):
        for one in (log, twin):
            filled(one, 4, 10 * number)
        log.seal(grace_seconds=(0, math.inf)[number % 2])
    assert [e.version for e in log.read()] == [e.version for e in twin.read()]
    assert log.verify().events == twin.head == 50
    assert log.append([event(3)]) == log.append([event(3)])
    assert log.append([event(3)]).first == 4
    assert log.append_many(columns("a"), positions={"one": 3}).version == 1
    log.seal(grace_seconds=0)
    assert log.append_many(columns("b"), positions={"one": 3}).added == 0
    assert (log.position_of("one"), opened(log.path).position_of("one")) == (3, 3)


def test_files_lie_by_category_and_month_and_schema_version_and_are_sorted(
    log, path, monkeypatch
) -> None:
    moments = [datetime(2026, month, 30, 23, 59, tzinfo=UTC) for month in (1, 9, 10)]
    for number, moment in enumerate(moments):
        monkeypatch.setattr(time, "time_ns", lambda m=moment: int(m.timestamp()) * 10**9)
        filled(log, 4, 10 * number)
    more = pa.schema([*log.registry["note"].fields, ("extra", pa.string())])
    note = log.registry["note"]
    newer = Category("note", more, note.types, schema_version=2)
    later = EventLog(path, (log.registry["thing"], newer))
    later.append([NewEvent("note/1", "NoteEdited", {"extra": "e"})])
    before = later.digest
    later.seal(grace_seconds=0)
    assert later.digest == before == later.verify().digest
    names = [file.relative_to(path / "sealed").parts[:2] for file in sealed_files(later)]
    expected = itertools.product(("thing", "note"), ("01", "09", "10"))
    assert set(names) == {(f"category={c}", f"month=2026-{m}") for c, m in expected}
    for file in sealed_files(later):
        table = pq.read_table(file, partitioning=None)
        assert set(table["category"].to_pylist()) == {file.parts[-3].partition("=")[2]}
        assert len(set(table["schema_version"].to_pylist())) == 1
        months = {f"month={moment:%Y-%m}" for moment in table["recorded_at"].to_pylist()}
        assert months == {file.parts[-2]}
        placed = [
            ((sequence - 1) // 8, stream, sequence)
            for sequence, stream in zip(
                table["sequence"].to_pylist(), table["stream"].to_pylist(), strict=True
            )
        ]
        assert placed == sorted(placed)
        about = pq.read_metadata(file)
        for group in range(about.num_row_groups):
            assert about.row_group(group).num_rows <= sealed_group.ROW_GROUP_EVENTS
            for place in range(about.num_columns):
                column = about.row_group(group).column(place)
                assert column.compression == "ZSTD"
                assert column.is_stats_set
                if column.path_in_schema in ("stream", "event_id"):
                    assert column.bloom_filter_offset
    assert listed(later.scan(["note"], categories=["note"]))[-1]["note"]["extra"] == "e"


def test_a_group_is_full_at_so_many_events_or_bytes(log, monkeypatch) -> None:
    for number in range(12):
        filled(log, 4, 10 * number)
    log.seal(grace_seconds=0)
    said = orjson.loads(manifests(log)[-1].read_bytes())
    assert [(group["first"], group["last"]) for group in said["groups"]] == [
        (1 + n, min(n + 24, 120)) for n in range(0, 120, 24)
    ]
    names = {file["name"] for group in said["groups"] for file in group["files"]}
    assert names == {file.relative_to(log.path).as_posix() for file in sealed_files(log)}
    monkeypatch.setattr(sealing, "FILE_BYTES", 1)
    filled(log, 20, 200)
    log.seal(grace_seconds=0)
    said = orjson.loads(manifests(log)[-1].read_bytes())
    assert max(group["last"] - group["first"] + 1 for group in said["groups"]) == 24
    assert said["groups"][-1]["last"] - said["groups"][-1]["first"] < 8
    assert log.verify().events == log.head


@in_sizes("seals", 12, 30)
def test_small_groups_are_merged_and_large_ones_stay_as_they_are(log, seals: int) -> None:
    kept: set[Path] = set()
    for number in range(seals):
        filled(log, 3, 6 * number)
        sealed = log.seal(grace_seconds=0)
        assert sealed.events == 6
        assert kept <= set(sealed_files(log))
        said = orjson.loads(manifests(log)[-1].read_bytes())
        full = [group for group in said["groups"] if group["last"] - group["first"] >= 11]
        kept = {log.path / file["name"] for group in full for file in group["files"]}
    assert len(said["groups"]) < seals * 2 / 3
    assert log.verify().events == log.head == 6 * seals


def test_what_was_replaced_stays_for_the_grace_period_and_goes_after_it(
    opened, log, monkeypatch
) -> None:
    filled(log, 3)
    replaced = files_of(log)
    assert log.seal().removed == 0
    assert replaced < files_of(log)
    filled(log, 3, 10)
    first = files_of(log) - replaced
    log.seal()
    assert replaced | first < files_of(log)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + sealing.SEAL_GRACE_SECONDS + 1)
    digest = opened(log.path).digest
    removed = log.seal().removed
    left = files_of(log)
    assert removed == len(replaced | first) - len(left & (replaced | first))
    assert not {name for name in left if name.startswith("commits/")}
    assert len(manifests(log)) == 1
    assert log.digest == digest == opened(log.path).verify().digest
    assert log.seal().removed == 0


def test_files_of_sealers_that_died_are_removed_when_they_are_a_day_old(log) -> None:
    filled(log, 3)
    log.seal(grace_seconds=0)
    orphans = [sealed_files(log)[0].with_name(f"{name}.parquet") for name in ("old", "young")]
    staged = log.path / "staging" / "1-old"
    for left in (*orphans, staged):
        left.write_bytes(b"half a file")
    for old in (orphans[0], staged):
        os.utime(old, (time.time() - 86_500,) * 2)
    assert log.seal(grace_seconds=0).removed == 1
    assert [orphan.exists() for orphan in orphans] == [False, True]
    filled(EventLog(log.path, tuple(log.registry.values())), 1, 10)
    assert not staged.exists()
    assert log.verify().events == 7


def test_sealing_an_empty_log_or_a_sealed_one_changes_nothing(log, path) -> None:
    assert log.seal().through == 0
    assert not path.exists()
    filled(log, 2)
    log.seal(grace_seconds=0)
    before = files_of(log)
    sealed = log.seal(grace_seconds=0)
    assert (sealed.events, sealed.files, sealed.removed, sealed.through) == (0, 0, 0, 4)
    assert files_of(log) == before


@pytest.mark.slow
def test_of_sealers_at_once_one_wins_each_step_and_nothing_is_lost(opened, log) -> None:
    for number in range(12):
        filled(log, 5, 20 * number)
        since = len(manifests(log))
        sealers = [opened(log.path) for _ in range(3)]
        begin = threading.Barrier(3)

        def seal(sealer: EventLog, begin=begin, grace=(0, math.inf)[number % 2]):
            begin.wait()
            return sealer.seal(grace_seconds=grace)

        with ThreadPoolExecutor(3) as pool:
            sealed = list(pool.map(seal, sealers))
        assert sorted(one.events for one in sealed) == [0, 0, 11]
        assert len(manifests(log)) <= since + 1
        assert {one.through for one in sealed} == {log.head}
        used = orjson.loads(manifests(log)[-1].read_bytes())
        used = {file["name"] for group in used["groups"] for file in group["files"]}
        assert used <= files_of(log)
        assert log.verify().events == log.head == 11 * (number + 1)
    log.seal(grace_seconds=0)
    left = {name for name in files_of(log) if name.endswith(".parquet")}
    assert left == used


@in_sizes("seconds", 0.5, 2.5)
@pytest.mark.parametrize("grace", [pytest.param(3600, marks=pytest.mark.slow), 0])
def test_writers_and_readers_go_on_while_it_is_sealed(opened, log, grace, seconds) -> None:
    """With no grace at all, whoever reads what is removed goes on where it lies now."""
    stop = threading.Event()
    appended: list[list[int]] = [[], []]

    def write(place: int) -> None:
        mine = (log, opened(log.path))[place]
        for number in itertools.count():
            if stop.is_set():
                return
            new = NewEvent(f"thing/{place}", "ThingMade", event_id=f"{place}-{number}")
            appended[place].append(mine.append([new], expected_version=number).last)

    def seal() -> None:
        sealer = opened(log.path)
        while not stop.is_set():
            sealer.seal(grace_seconds=grace)

    def read(reader: EventLog) -> int:
        heads = 0
        while not stop.is_set():
            snapshot = reader.at()
            assert [e.sequence for e in snapshot.read()] == list(range(1, snapshot.sequence + 1))
            assert snapshot.digest == reader.at(snapshot.sequence).digest
            versions = [event.version for event in reader.stream("thing/0")]
            assert versions == list(range(1, len(versions) + 1))
            assert snapshot.sequence >= heads
            heads = snapshot.sequence
        return heads

    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(write, place) for place in (0, 1)]
        running += [pool.submit(seal), pool.submit(read, log), pool.submit(read, opened(log.path))]
        time.sleep(seconds)
        stop.set()
        for one in running:
            one.result()
    assert sorted(appended[0] + appended[1]) == list(range(1, log.head + 1))
    assert [e.event_id for e in log.stream("thing/1")] == [
        f"1-{n}" for n in range(len(appended[1]))
    ]
    assert log.verify().events == opened(log.path).head == log.head


def test_a_snapshot_and_a_scan_that_began_before_several_seals_end_after_them(opened, log) -> None:
    for number in range(4):
        filled(log, 4, 10 * number)
    sleepers = [opened(log.path), log, opened(log.path)]
    snapshots = [sleeper.at(33) for sleeper in sleepers]
    expected = [(list(s.read()), s.digest) for s in snapshots]
    scans = [sleepers[0].read(), log.read()]
    begun = [[next(scan)] for scan in scans]
    sleepers[2].seal(grace_seconds=0)
    scans.append(sleepers[2].read())
    begun.append([next(scans[2])])
    other = opened(log.path)
    for number in range(3):
        filled(other, 3, 100 + 6 * number)
        other.seal(grace_seconds=0)
    for one, scan in zip(begun, scans, strict=True):
        one += scan
        assert [event.sequence for event in one] == list(range(1, 41))
    assert [(list(s.read()), s.digest) for s in snapshots] == expected
    assert all(Path(file).exists() for s in snapshots for file in s.files())
    for sleeper in sleepers:
        assert sleeper.head == 58
        assert sleeper.at(33).digest == expected[0][1]
        assert sleeper.append([event(7)]).first == 8


def test_who_slept_while_his_place_was_taken_sealed_and_removed_appends_after_it(
    opened, log, monkeypatch
) -> None:
    """The name of a commit is free again when it was removed; nothing is kept under it then."""
    for begun in (0, 3, 6):
        if begun:
            filled(log, 2, 10 * begun)
        if begun == 6:
            log.seal(grace_seconds=0)
        sleeper, before = opened(log.path), log.head
        put = sleeper._store.put_if_absent

        def slept(name, write, put=put, begun=begun):
            if name.startswith("commits/"):
                monkeypatch.undo()
                for number in range(2):
                    filled(log, 2, 100 * begun + 10 * number + 100)
                    log.seal(grace_seconds=0)
            return put(name, write)

        monkeypatch.setattr(sleeper._store, "put_if_absent", slept)
        receipt = sleeper.append(
            [NewEvent(f"thing/late-{begun}", "ThingMade", event_id=f"{begun}")]
        )
        assert receipt.first == before + 9 == log.head
        assert opened(log.path).known([f"{begun}"]) == {f"{begun}": receipt.first}
        assert [path.name for path in (log.path / "commits").iterdir()] == [
            f"{receipt.first:020d}.parquet"
        ]
        assert sleeper.digest == receipt.digest == opened(log.path).verify().digest
        log.seal(grace_seconds=0)


@some_steps(15)
@pytest.mark.parametrize("opened_commits", [0, 1])
def test_who_slept_while_sealing_broke_off_at_any_step_loses_nothing(
    opened, log, domain, tmp_path, monkeypatch, opened_commits, every: int
) -> None:
    """What is removed goes in such an order that who slept sees that his place was taken."""
    filled(log, 2)
    log.seal(grace_seconds=0)
    filled(log, opened_commits, 20)
    for step in itertools.count(step=every):
        path = tmp_path / str(step)
        shutil.copytree(log.path, path)
        sleeper, disk = opened(path), FaultyDisk(step, errno.EIO)
        put = sleeper._store.put_if_absent

        def slept(name, write, put=put, path=path, disk=disk):
            if name.startswith("commits/"):
                monkeypatch.undo()
                filled(opened(path), 2, 100)
                with contextlib.suppress(StoreError):
                    EventLog(LocalStore(path, disk), domain.categories).seal(grace_seconds=0)
            return put(name, write)

        monkeypatch.setattr(sleeper._store, "put_if_absent", slept)
        receipt = sleeper.append([event(50)])
        assert receipt.first == receipt.last == log.head + 5, step
        opened(path).seal(grace_seconds=0)
        assert opened(path).known(["id-50"]) == {"id-50": receipt.last}, step
        assert opened(path).verify().digest == receipt.digest
        if len(disk.steps) <= step:
            break
    assert step > 20


def test_who_slept_while_only_what_lay_before_was_sealed_keeps_his_commit(
    opened, log, monkeypatch
) -> None:
    filled(log, 2)
    sleeper = opened(log.path)
    put = sleeper._store.put_if_absent

    def slept(name, write):
        if name.startswith("commits/"):
            monkeypatch.undo()
            log.seal(grace_seconds=0)
            won = put(name, write)
            log.seal(grace_seconds=0)
            return won
        return put(name, write)

    monkeypatch.setattr(sleeper._store, "put_if_absent", slept)
    receipt = sleeper.append([event(50)])
    assert (receipt.first, receipt.added, log.head) == (5, 1, 5)
    assert log.verify().digest == receipt.digest
    assert opened(log.path).append([event(50)]).digest == receipt.digest


def test_a_sealer_that_slept_changes_nothing(opened, log, monkeypatch) -> None:
    for begun in (False, True):
        filled(log, 3, 10 if begun else 0)
        sleeper = opened(log.path)
        put = sleeper._store.put_if_absent

        def slept(name, write, put=put, begun=begun):
            if "_manifest" in name:
                monkeypatch.undo()
                for number in range(2):
                    log.seal(grace_seconds=0)
                    filled(log, 2, 100 + 100 * begun + 10 * number)
                log.seal(grace_seconds=0)
                log.append([event(300 + begun)])
            return put(name, write)

        monkeypatch.setattr(sleeper._store, "put_if_absent", slept)
        assert sleeper.seal(grace_seconds=0).through == log.head - 1
        for reader in (sleeper, opened(log.path), log):
            assert reader.head == log.head
            assert reader.verify().events == log.head
        log.seal(grace_seconds=0)
        assert len(manifests(log)) == 1


@pytest.mark.parametrize("place", [0, 2])
def test_a_damaged_commit_is_not_sealed(opened, log, place) -> None:
    filled(log, 4)
    damaged = sorted((log.path / "commits").iterdir())[place]
    whole = damaged.read_bytes()
    first = int(damaged.stem)
    data = whole.index(b"text" if place else b"id-0")
    for harm in (
        whole[: len(whole) // 2],
        whole[:data] + b"X" + whole[data + 1 :],
        (log.path / "commits" / f"{5:020d}.parquet").read_bytes(),
    ):
        if harm == whole:
            continue
        damaged.write_bytes(harm)
        with pytest.raises(DamagedLog) as caught:
            opened(log.path).seal(grace_seconds=0)
        assert first <= caught.value.sequence <= first + 3
        assert not manifests(log)
        assert not sealed_files(log)
        assert not list((log.path / "staging").iterdir())
    damaged.write_bytes(whole)
    assert opened(log.path).seal(grace_seconds=0).events == 10
    log.verify()


def test_a_commit_that_is_missing_is_not_sealed_over(opened, log) -> None:
    filled(log, 4)
    commits = sorted((log.path / "commits").iterdir())
    whole = commits[1].read_bytes()
    commits[1].unlink()
    with pytest.raises(DamagedLog, match=r"sequence 2: .*is missing"):
        opened(log.path).seal(grace_seconds=0)
    assert not manifests(log)
    commits[1].write_bytes(whole)
    assert log.seal(grace_seconds=0).events == 10


def test_commits_stay_while_a_sealed_file_that_replaces_them_is_missing(opened, log) -> None:
    filled(log, 4)
    log.seal()
    lost = sealed_files(log)[-1]
    whole = lost.read_bytes()
    lost.unlink()
    with pytest.raises(DamagedLog, match=f"{lost} is missing; restore it from a backup"):
        opened(log.path).seal(grace_seconds=0)
    assert len(list((log.path / "commits").iterdir())) == 4
    lost.write_bytes(whole)
    assert log.seal(grace_seconds=0).removed == 4
    log.verify()


def test_time_does_not_turn_back_over_a_seal_and_a_restart(opened, log, monkeypatch) -> None:
    filled(log, 2)
    now = time.time_ns()
    for hours in (1, 2, 3):
        monkeypatch.setattr(time, "time_ns", lambda h=hours: now - h * 3600 * 10**9)
        monkeypatch.setattr(time, "time", lambda h=hours: now / 1e9 - h * 3600)
        log.seal(grace_seconds=0)
        filled(opened(log.path), 1, 10 * hours)
        filled(log, 1, 10 * hours + 5)
    monkeypatch.undo()
    recorded = [event.recorded_at for event in log.read()]
    assert recorded == sorted(recorded)
    assert recorded[3] == recorded[-1]
    log.seal(grace_seconds=0)
    assert log.verify().events == 10
    filled(log, 1, 90)
    assert log.stream(event(90).stream)[-1].recorded_at > recorded[-1]


TAG = Category(
    "tag",
    pa.schema([("name", pa.string())]),
    (EventType("TagDefined", Effect.CREATES), EventType("TagRevised", Effect.REVISES)),
)
NAMES = st.sampled_from(["tag/a", "tag/b", "tag/ü", "tag/c"])


class SealedAndModel(RuleBasedStateMachine):
    """Appends and seals in any order; the model is a list of (stream, version, name, id)."""

    @initialize()
    def begin(self) -> None:
        self.small = small_spans()
        self.small.__enter__()
        self.folder = Path(tempfile.mkdtemp())
        self.model: list[tuple] = []
        self.digests = ["00" * 32]
        self.positions = {"one": 0, "two": 0}
        self.logs: list[EventLog] = []
        self.open_another()
        self.snapshots = [self.logs[0].at()]

    @rule()
    def open_another(self) -> None:
        store = LocalStore(self.folder / "log", StepDisk())
        self.logs = [*self.logs[-2:], EventLog(store, (TAG,))]

    @rule()
    def delete_the_cache(self) -> None:
        shutil.rmtree(self.folder / "log" / "cache", ignore_errors=True)

    def add(self, streams: list[str], ids: list[str]) -> None:
        for stream, event_id in zip(streams, ids, strict=True):
            version = 1 + sum(known[0] == stream for known in self.model)
            self.model.append((stream, version, f"name {len(self.model)}", event_id))

    @rule(streams=st.lists(NAMES, min_size=1, max_size=5), place=st.integers(0, 2))
    def append(self, streams: list[str], place: int) -> None:
        head = len(self.model)
        ids = [f"id-{head + n}" for n in range(len(streams))]
        self.add(streams, ids)
        events = [
            NewEvent(stream, "TagDefined", {"name": f"name {head + n}"}, event_id=ids[n])
            for n, stream in enumerate(streams)
        ]
        self.appended(self.log(place).append(events), head)

    @rule(
        streams=st.lists(NAMES, min_size=1, max_size=20),
        producer=st.sampled_from(["one", "two"]),
        again=st.booleans(),
    )
    def append_many(self, streams: list[str], producer: str, again: bool) -> None:
        head = len(self.model)
        ids = [f"id-{head + n}" for n in range(len(streams))]
        events = pa.table(
            {
                "stream": streams,
                "type": ["TagDefined"] * len(streams),
                "event_id": ids,
                "tag": [{"name": f"name {head + n}"} for n in range(len(streams))],
            }
        )
        position = self.positions[producer] + (0 if again and self.positions[producer] else 5)
        receipt = self.log(0).append_many(events, positions={producer: position})
        if position == self.positions[producer]:
            assert receipt.added == 0
            return
        self.positions[producer] = position
        self.add(streams, ids)
        self.appended(receipt, head)

    def appended(self, receipt, head: int) -> None:
        assert (receipt.first, receipt.last) == (head + 1, len(self.model))
        assert receipt.version == self.model[-1][1]
        self.digests += [""] * (len(self.model) - head)
        self.digests[len(self.model)] = receipt.digest
        self.snapshots = [*self.snapshots[-3:], self.log(1).at()]

    @rule(grace=st.sampled_from([0, math.inf]), place=st.integers(0, 2))
    def seal(self, grace: float, place: int) -> None:
        sealed = self.log(place).seal(grace_seconds=grace)
        assert sealed.through == len(self.model)
        assert self.log(place).open_commits == 0

    @rule(place=st.integers(0, 2))
    def read(self, place: int) -> None:
        log = self.log(place)
        assert self.seen(log.read()) == self.model
        for stream in ("tag/a", "tag/ü"):
            assert self.seen(log.stream(stream)) == [k for k in self.model if k[0] == stream]
        assert log.known([k[3] for k in self.model]) == {
            k[3]: n for n, k in enumerate(self.model, 1)
        }
        assert {name: log.position_of(name) for name in self.positions} == self.positions

    @rule(place=st.integers(0, 2))
    def look_back(self, place: int) -> None:
        for snapshot in self.snapshots:
            assert self.seen(snapshot.read()) == self.model[: snapshot.sequence]
        log = self.log(place)
        for n, digest in enumerate(self.digests):
            if digest:
                assert log.at(n).digest == digest

    @rule(place=st.integers(0, 2), after=st.integers(0, 60), size=st.integers(0, 40))
    def verify(self, place: int, after: int, size: int) -> None:
        if after >= len(self.model):
            return
        until = min(after + size + 1, len(self.model))
        verified = self.log(place).verify(after, until)
        assert verified.first <= after + 1
        assert verified.last >= until
        if self.digests[verified.last]:
            assert verified.digest == self.digests[verified.last]

    def log(self, place: int) -> EventLog:
        return self.logs[place % len(self.logs)]

    def seen(self, events) -> list[tuple]:
        return [(e.stream, e.version, e.data["name"], e.event_id) for e in events]

    @invariant()
    def the_head_is_right(self) -> None:
        if hasattr(self, "model"):
            assert {log.head for log in self.logs} == {len(self.model)}

    def teardown(self) -> None:
        if hasattr(self, "model"):
            for place in range(3):
                self.read(place)
            self.look_back(0)
            assert self.log(0).verify().digest == self.digests[-1]
            shutil.rmtree(self.folder)
            self.small.__exit__(None, None, None)


TestSealedAndModel, TestSealedAndModelOnManyExamples = stateful_in_tiers(
    SealedAndModel, 5, 30, steps=20
)


def test_a_sealed_file_is_no_commit(log) -> None:
    filled(log, 2)
    log.seal(grace_seconds=0)
    file = sealed_files(log)[0]
    shutil.copy(file, log.path / "commits" / f"{log.head + 1:020d}{commit.SUFFIX}")
    with pytest.raises(DamagedLog, match="restore it from a backup"):
        assert log.head
