"""Writers and sealers killed at any moment: nothing acknowledged is lost, and nothing is twice."""

from __future__ import annotations

import math
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from faults import StepDisk
from killable import Fork, Forks, forks, tag
from sealed import files_of, listed, small_spans
from tiers import some_steps

from connectors import jsonlines
from event_log import EventLog
from event_log.storage.folder import LocalStore
from newsroom.categories import CATEGORIES

KILLS = 300
LINES = 4_000
LONGEST = 0.2
"""Seconds that a process lives at most: some ten commits, or two seals."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Forks]:
    with forks(tmp_path) as found:
        yield found


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    with small_spans():
        yield


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Events to import."""
    path = tmp_path / "events.jsonl"
    lines = (
        {
            "stream": f"tag/i{n % 50}",
            "type": "TagDefined",
            "data": {"name": f"{n}"},
            "event_id": f"import-{n}",
        }
        for n in range(LINES)
    )
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    return path


class Seen:
    """What was seen of the log so far: it must only ever grow, and by whole commits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.head = 0
        self.digests = {0: "00" * 32}
        self.sequences: dict[str, int] = {}
        self.versions: Counter[str] = Counter()

    def look(self, acknowledged: list[tuple[str, int]]) -> None:
        """Open the log anew: all is there, once, in order, and nothing that was there changed."""
        log = EventLog(LocalStore(self.path, StepDisk()), CATEGORIES)
        assert log.head >= self.head
        assert log.at(self.head).digest == self.digests[self.head]
        columns = ["sequence", "event_id", "stream", "version"]
        events = (
            pa.Table.from_batches(log.scan(columns, after=self.head), None)
            if (log.head > self.head)
            else None
        )
        for event in events.to_pylist() if events else ():
            self.head += 1
            assert event["sequence"] == self.head
            assert event["event_id"] not in self.sequences
            self.sequences[event["event_id"]] = self.head
            self.versions[event["stream"]] += 1
            assert event["version"] == self.versions[event["stream"]]
        assert log.head == self.head
        self.digests[self.head] = log.digest
        for event_id, sequence in acknowledged:
            assert self.sequences.get(event_id) == sequence
        some = [event_id for event_id, _ in acknowledged[-20:]]
        assert log.known(some) == {event_id: self.sequences[event_id] for event_id in some}
        assert log.versions(["tag/shared"])["tag/shared"] == self.versions["tag/shared"]


def lives(server: Forks, draw: random.Random, path: Path, file: Path) -> list[Fork]:
    """One writer, or a writer and a sealer, which lived for a while and are dead now."""
    acts = [draw.choice(["single", "threads", "many", "import", "seal"])]
    if draw.random() < 0.5:
        acts.append("seal")
    running = [server.start(act, path, file=str(file)) for act in acts]
    for fork in draw.sample(running, len(running)):
        time.sleep(draw.uniform(0, LONGEST))
        server.kill(fork)
    return running


@pytest.mark.slow
def test_300_kills_lose_nothing_and_leave_nothing_half_done(server, tmp_path, file) -> None:
    draw = random.Random(1851)
    path = tmp_path / "log"
    seen = Seen(path)
    acknowledged: list[tuple[str, int]] = []
    kills = 0
    while kills < KILLS:
        running = lives(server, draw, path, file)
        kills += len(running)
        told = [one for fork in running for one in fork.acknowledged()]
        seen.look(told)
        acknowledged += told
        if kills % 20 < len(running):
            assert EventLog(path, CATEGORIES).verify().events == seen.head
    log = EventLog(path, CATEGORIES)
    assert len(acknowledged) > 100
    imported = jsonlines.import_events(log, str(file))
    assert imported.added + imported.known == LINES
    seen.look(acknowledged)
    assert sum(event_id.startswith("import-") for event_id in seen.sequences) == LINES
    bulk = [event_id for event_id in seen.sequences if event_id.startswith("bulk-")]
    assert bulk == [f"bulk-{n}" for n in range(log.position_of("bulk"))]
    check_leftovers(log)
    assert log.verify().events == seen.head
    seen.look(acknowledged)


def check_leftovers(log: EventLog) -> None:
    """What the dead left is ignored; when it is a day old it is removed."""
    staged = list((log.path / "staging").iterdir())
    assert staged
    for left in (*staged, *(log.path / "sealed").rglob("*.parquet")):
        os.utime(left, (time.time() - 90_000,) * 2)
    fresh = EventLog(log.path, CATEGORIES)
    fresh.seal(grace_seconds=0)
    used = {name for name in files_of(fresh) if name.startswith("sealed")}
    assert used == fresh._commits.manifest.files() | {fresh._commits.manifest.name}
    assert not list((fresh.path / "staging").iterdir())
    assert not list((fresh.path / "commits").iterdir())


@some_steps(15)
def test_a_sealer_killed_before_any_step_loses_and_doubles_nothing(
    server, tmp_path, monkeypatch, every: int
) -> None:
    """And whoever seals next ends what it began, with all that is left over removed."""
    template = tmp_path / "template"

    def opened(path: Path) -> EventLog:
        return EventLog(LocalStore(path, StepDisk()), CATEGORIES)

    for number in range(6):
        moment = datetime(2026, 1 + number // 3, 1, tzinfo=UTC)
        monkeypatch.setattr(time, "time_ns", lambda m=moment: int(m.timestamp()) * 10**9)
        opened(template).append([tag(f"{number % 2}", 2 * number + n) for n in range(2)])
        if number in (1, 3):
            opened(template).seal(grace_seconds=math.inf)
    events, digest = list(opened(template).read()), opened(template).digest
    monkeypatch.undo()
    for step in range(0, 1_000, every):
        path = tmp_path / str(step)
        shutil.copytree(template, path)
        if not server.killed(server.start("dies", path, step=step)):
            break
        for left in ("read", "sealed", "a day later"):
            survivor = opened(path)
            assert list(survivor.read()) == events, (step, left)
            assert survivor.verify().digest == digest
            if left == "sealed":
                survivor.seal(grace_seconds=0)
                assert survivor.open_commits == 0
                for old in (*path.rglob("sealed/**/*.parquet"), *path.glob("staging/*")):
                    os.utime(old, (time.time() - 90_000,) * 2)
                survivor = opened(path)
                survivor.seal(grace_seconds=0)
        manifest = survivor._commits.manifest
        files = {name for name in files_of(survivor) if not name.startswith("schemas")}
        assert files == manifest.files() | {manifest.name}
        shutil.rmtree(path)
    assert step > 20


@pytest.mark.slow
def test_processes_that_append_import_and_seal_at_once_do_not_disturb_each_other_or_a_reader(
    server, tmp_path, file
) -> None:
    """The reader has one log open all the time, and reads to the end whatever it began."""
    path = tmp_path / "log"
    acts = ("single", "threads", "many", "import", "seal", "seal")
    running = [server.start(act, path, file=str(file)) for act in acts]
    log = EventLog(path, CATEGORIES)
    first = log.at(log.wait(50, timeout=60))
    kept = (first.digest, listed(first.scan(["sequence", "digest"])))
    begun = log.read()
    assert next(begun).sequence == 1
    end = time.monotonic() + 3
    while time.monotonic() < end or log._commits.manifest.through < 50:
        head = log.head
        assert [e["sequence"] for e in listed(log.at(head).scan(["sequence"]))] == list(
            range(1, head + 1)
        )
        assert (first.digest, listed(first.scan(["sequence", "digest"]))) == kept
        assert time.monotonic() < end + 60
    assert [event.sequence for event in begun][: first.sequence - 1] == list(
        range(2, first.sequence + 1)
    )
    for fork in running:
        server.kill(fork)
    seen = Seen(path)
    seen.look([one for fork in running for one in fork.acknowledged()])
    assert all(
        fork.acknowledged() for fork, act in zip(running, acts, strict=True) if act != "import"
    )
    assert log.verify().events == log.head == seen.head
