"""Writers and sealers killed at any moment: nothing acknowledged is lost, and nothing is twice."""

from __future__ import annotations

import math
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from faults import StepDisk
from killable import Fork, Forks, forks
from sealed import files_of, small_spans

from connectors import jsonlines
from event_log import EventLog
from event_log.local_store import LocalStore
from newsroom.categories import CATEGORIES

KILLS = 300
LINES = 4_000
LONGEST = 0.25
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


class Killed(BaseException):
    """Nothing runs after it but what a test does."""


class DeadlyDisk(StepDisk):
    """Kills at a step: neither that nor any later one is done."""

    def __init__(self, step: float) -> None:
        super().__init__()
        self._at = step

    def _step(self, kind: str, path: Path, act: Callable[[], None]) -> None:
        if len(self.steps) >= self._at:
            raise Killed
        super()._step(kind, path, act)


def test_a_sealer_that_dies_before_any_step_loses_and_doubles_nothing(tmp_path, domain) -> None:
    """And whoever seals next ends what it began, with what is left removed."""
    template = tmp_path / "template"

    def opened(path: Path, step: float = math.inf) -> EventLog:
        return EventLog(LocalStore(path, DeadlyDisk(step)), domain.categories)

    log = opened(template)
    for number in range(7):
        log.append([domain.made(f"thing/{number % 2}"), domain.written(f"note/{number}")])
        if number in (1, 3):
            log.seal(grace_seconds=math.inf)
    events, digest = list(log.read()), log.digest
    for step in range(1_000):
        path = tmp_path / str(step)
        shutil.copytree(template, path)
        dying = opened(path, step)
        try:
            dying.seal(grace_seconds=0)
        except Killed:
            pass
        else:
            break
        for again in (1, 2):
            survivor = opened(path)
            assert list(survivor.read()) == events
            assert survivor.verify().digest == digest
            survivor.seal(grace_seconds=0)
            assert survivor.open_commits == 0, again
        for left in (path / "sealed").rglob("*.parquet"):
            os.utime(left, (time.time() - 90_000,) * 2)
        survivor.seal(grace_seconds=0)
        manifest = survivor._commits.manifest
        assert files_of(survivor) - {"schemas/thing-000001.json", "schemas/note-000001.json"} == (
            manifest.files() | {manifest.name}
        )
        shutil.rmtree(path)
    assert step > 30
