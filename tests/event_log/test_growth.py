"""What grows with a log and what does not: which files are opened, what is listed and read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from faults import StepDisk
from sealed import sealed_files, small_spans
from tiers import in_sizes

from event_log import EventLog, NewEvent
from event_log.files import commit
from event_log.files.layout import Segment
from event_log.storage.folder import LocalStore

SEALS, COMMITS = 6, 4


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    with small_spans():
        yield


class Counting(LocalStore):
    """A store that counts what it is asked."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, StepDisk())
        self.asked: list[str] = []

    def names(self, folder: str, suffix: str = "", after: str = "") -> list[str]:
        self.asked.append(f"list {folder}")
        return super().names(folder, suffix, after)

    def walk(self, folder: str) -> list[str]:
        self.asked.append(f"list {folder}")
        return super().walk(folder)

    def _stat(self, name: str):
        self.asked.append(f"stat {name}")
        return super()._stat(name)


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the Parquet files that are opened meanwhile."""
    opened: list[str] = []
    opening = commit.reader

    def spy(path: Path, **rest: bool) -> pq.ParquetFile:
        opened.append(path.name)
        return opening(path, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(commit, "reader", spy)
        yield opened


def event(number: int) -> NewEvent:
    """Every tenth is a note; a thing's stream begins anew with every thirty events."""
    if number % 10 == 9:
        return NewEvent(f"note/{number}", "NoteWritten", {"title": "t"})
    return NewEvent(f"thing/{number // 30}-{number % 3}", "ThingMade", {"text": f"{number}"})


def filled(log: EventLog, seals: int, commits: int) -> None:
    """Thirty events in ten commits before each seal, then some commits of three."""
    begin = log.head
    for seal in range(seals):
        for place in range(begin + 30 * seal, begin + 30 * seal + 30, 3):
            log.append([event(n) for n in range(place, place + 3)])
        log.seal(grace_seconds=0)
    for place in range(log.head, log.head + 3 * commits, 3):
        log.append([event(n) for n in range(place, place + 3)])


@pytest.fixture(scope="module")
def template(domain, tmp_path_factory) -> Path:
    """A folder with 180 sealed events and four open commits."""
    path = tmp_path_factory.mktemp("grown") / "log"
    with small_spans():
        filled(EventLog(LocalStore(path, StepDisk()), domain.categories), SEALS, COMMITS)
    return path


@pytest.fixture
def log(domain, path, template) -> EventLog:
    """A copy of that log, which was just opened and has no caches."""
    shutil.copytree(template, path, ignore=shutil.ignore_patterns("cache"))
    return EventLog(Counting(path), domain.categories)


def spans(names: list[str]) -> list[tuple[int, int]]:
    """First and last sequences of the sealed files among these, first of the commits."""
    return [(int(n[:20]), int(n[21:41]) if len(n) > 40 else 0) for n in names]


def test_reading_on_opens_only_what_lies_after(log, monkeypatch) -> None:
    head = log.head
    assert head == 192
    with watched(monkeypatch) as opened:
        assert [e.sequence for e in log.read(after=head)] == []
    assert opened == []
    with watched(monkeypatch) as opened:
        assert [e.sequence for e in log.read(after=head - 3)] == [190, 191, 192]
    assert spans(opened) == [(190, 0)]
    with watched(monkeypatch) as opened:
        assert len(list(log.read(after=170))) == 22
    assert all(last == 0 or last > 170 for _, last in spans(opened))
    assert 4 < len(opened) <= 4 + len([f for f in sealed_files(log) if int(f.name[21:41]) > 170])


def test_reading_a_category_opens_no_sealed_file_of_another(log, monkeypatch) -> None:
    assert log.head == 192
    for ask in (
        lambda: list(log.read(category="note")),
        lambda: list(log.read(type="NoteWritten")),
        lambda: [e for b in log.scan(categories=["note"]) for e in b.column("sequence")],
    ):
        with watched(monkeypatch) as opened:
            assert len(ask()) == 19
        sealed = {f.name for f in sealed_files(log) if f.parts[-3] == "category=note"}
        assert set(opened) - sealed == {f"{n:020d}.parquet" for n in (181, 184, 187, 190)}


def test_a_streams_history_opens_only_the_files_that_can_hold_it(log, monkeypatch) -> None:
    assert len(log.stream("thing/0-0")) == 9  # the index is there now
    for number in range(SEALS):
        with watched(monkeypatch) as opened:
            found = log.stream(f"thing/{number}-1")
        sequences = [event.sequence for event in found]
        assert sequences == [30 * number + n for n in range(2, 31, 3) if n % 10]
        assert len(opened) <= 2
        assert all(
            first <= sequences[-1] and (last or first) >= sequences[0]
            for first, last in spans(opened)
        )


def test_a_streams_history_looks_at_no_commit_that_does_not_hold_it(log, monkeypatch) -> None:
    commits = log._commits
    held = [commits.holding(sequence) for sequence in range(1, log.head + 1)]
    assert list(dict.fromkeys(held)) == commits.segments()
    assert all(each.first <= n <= each.last for n, each in enumerate(held, 1))

    assert len(log.stream("thing/0-0")) == 9  # the index is there now
    listed, segments = [], commits.segments

    def noted(*bounds: int) -> list[Segment]:
        listed.extend(found := segments(*bounds))
        return found

    monkeypatch.setattr(commits, "segments", noted)
    assert log.stream("thing/none") == []
    assert listed == []
    assert [event.sequence for event in log.stream("thing/6-1")] == [182, 185, 188, 191]
    assert [each.first for each in listed] == [181, 184, 187, 190]


def test_a_streams_history_reads_only_row_groups_that_can_hold_it(log, monkeypatch) -> None:
    assert log.stream("thing/5-2")
    read: list[list[int]] = []
    reading = pq.ParquetFile.iter_batches

    def spy(self, *args, row_groups=None, **rest):
        read.append([self.metadata.row_group(g).num_rows for g in row_groups or ()])
        return reading(self, *args, row_groups=row_groups, **rest)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    assert len(log.stream("thing/5-1")) == 9
    assert sum(map(sum, read)) <= 21


@in_sizes("rounds", 2, 3)
def test_who_asks_for_the_head_again_lists_nothing_however_old_the_log_is(
    domain, path, monkeypatch, rounds: int
) -> None:
    asked = []
    for _ in range(rounds):
        filled(EventLog(LocalStore(path, StepDisk()), domain.categories), 2, 3)
        store = Counting(path)
        log = EventLog(store, domain.categories)
        with watched(monkeypatch) as opened:
            head = log.head
        assert len(opened) <= 1
        assert len([step for step in store.asked if step.startswith("list")]) <= 4
        store.asked.clear()
        with watched(monkeypatch) as opened:
            assert log.head == head
        assert opened == []
        asked.append(len(store.asked))
        assert not any(step.startswith("list") for step in store.asked)
    assert asked == [3] * rounds


@in_sizes("most_commits", 12, 40)
def test_opening_costs_one_footer_and_listings_however_many_commits_there_are(
    domain, path, monkeypatch, most_commits: int
) -> None:
    counts = []
    for commits in (3, most_commits):
        shutil.rmtree(path, ignore_errors=True)
        filled(EventLog(LocalStore(path, StepDisk()), domain.categories), 1, commits)
        store = Counting(path)
        with watched(monkeypatch) as opened:
            log = EventLog(store, domain.categories)
            assert log.head == 30 + 3 * commits
            assert log.digest
            assert list(log.read(after=log.head - 1))
        counts.append((len(store.asked), len(opened)))
    assert counts[0] == counts[1]


def test_an_append_looks_at_no_more_files_however_long_the_log_is(log, domain, monkeypatch) -> None:
    log.append([domain.made("thing/x")])
    counts = []
    for seals in (0, 3):
        filled(log, seals, 1)
        log.append([domain.made("thing/x")])
        log._store.asked.clear()
        with watched(monkeypatch) as opened:
            log.append([domain.made("thing/x")])
        assert opened == []
        counts.append(len(log._store.asked))
    assert counts[0] == counts[1] <= 8


def test_an_instant_in_the_past_reads_only_the_group_around_it(domain, path, monkeypatch) -> None:
    import time

    start = datetime(2026, 1, 31, tzinfo=UTC)
    log = EventLog(LocalStore(path, StepDisk()), domain.categories)
    for hour in range(60):
        moment = start + timedelta(hours=hour)
        monkeypatch.setattr(time, "time_ns", lambda m=moment: int(m.timestamp()) * 10**9)
        log.append([event(3 * hour + n) for n in range(3)])
        if hour % 10 == 9:
            log.seal(grace_seconds=0)
    for hour in (0, 5, 31, 58):
        with watched(monkeypatch) as opened:
            assert log.at(start + timedelta(hours=hour, minutes=5)).sequence == 3 * hour + 3
        groups = log._commits.manifest.groups
        held = [g for g in groups if g.first <= 3 * hour + 4 <= g.last]
        assert set(opened) <= {Path(f.name).name for g in held for f in g.files}
