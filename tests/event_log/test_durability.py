"""Whatever step the power fails at, or the disk refuses, nothing acknowledged is lost."""

from __future__ import annotations

import errno
import itertools
import math
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import Domain
from faults import (
    SURVIVALS,
    FaultyDisk,
    ForgetfulDisk,
    PowerLoss,
    StepDisk,
    faults,
    power_losses,
    steps_of,
)
from sealed import small_spans
from tiers import in_sizes, some_steps

from event_log import EventLog, EventLogError
from event_log.storage.disk import Disk
from event_log.storage.folder import LocalStore
from event_log.storage.store import StoreError, hint

CODES = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.EPERM]
CONTENTS = {"commits/1": b"the first", "commits/2": b"the second", "sealed/x=1/y=2/3": b"the third"}


def nothing(folder: Path) -> None:
    """There is nothing before."""


def two_files(folder: Path) -> None:
    puts(folder, StepDisk(), [])


def puts(folder: Path, disk: Disk, acknowledged: list) -> None:
    store = LocalStore(folder / "archive" / "log", disk)
    for name, content in CONTENTS.items():
        if store.put_if_absent(name, lambda path, content=content: put(path, content)):
            acknowledged.append(name)


def put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def check_files(folder: Path, acknowledged: list, label: str) -> None:
    store = LocalStore(folder / "archive" / "log")
    for name in acknowledged:
        assert store.exists(name), label
    for name, content in CONTENTS.items():
        assert not store.exists(name) or store.path(name).read_bytes() == content, label


def test_a_file_that_was_put_survives_power_loss_at_every_step(tmp_path: Path) -> None:
    seen = set()
    for lost in power_losses(tmp_path, nothing, puts):
        check_files(lost.folder, lost.acknowledged, lost.label)
        again: list = []
        puts(lost.folder, StepDisk(), again)
        assert set(again) | set(lost.acknowledged) <= set(CONTENTS)
        check_files(lost.folder, list(CONTENTS), lost.label)
        seen.add(len(lost.acknowledged))
    assert seen == {0, 1, 2, 3}


def test_folders_that_another_made_and_did_not_live_to_sync_survive_with_the_file(
    tmp_path: Path,
) -> None:
    def puts_after_another(folder: Path, disk: Disk, acknowledged: list) -> None:
        for name in ("commits", "staging", "sealed/x=1/y=2"):
            (folder / "archive" / "log" / name).mkdir(parents=True)
        puts(folder, disk, acknowledged)

    for lost in power_losses(tmp_path, nothing, puts_after_another):
        check_files(lost.folder, lost.acknowledged, lost.label)


def test_a_file_that_was_deleted_is_gone_or_whole(tmp_path: Path) -> None:
    def deletes(folder: Path, disk: Disk, acknowledged: list) -> None:
        store = LocalStore(folder / "archive" / "log", disk)
        store.delete("commits/1")
        store.delete("commits/1")
        store.put_if_absent("commits/4", lambda path: put(path, b"the fourth"))
        acknowledged.append("commits/4")

    states = set()
    for lost in power_losses(tmp_path, two_files, deletes):
        check_files(lost.folder, ["commits/2", "sealed/x=1/y=2/3", *lost.acknowledged], lost.label)
        states.add(LocalStore(lost.folder / "archive" / "log").exists("commits/1"))
    assert states == {False, True}


class Careless(ForgetfulDisk):
    """Syncs files only, or folders only, and so proves that these tests would notice."""

    careful_with_files = True

    def sync(self, path: Path) -> None:
        if path.is_file() == self.careful_with_files:
            super().sync(path)


@pytest.mark.parametrize("files", [True, False])
def test_without_a_sync_of_files_and_of_folders_it_would_be_lost(
    tmp_path: Path, files: bool
) -> None:
    disk = Careless(tmp_path, 1_000)
    disk.careful_with_files = files
    puts(tmp_path, disk, [])
    disk.lose_power()
    whole = []
    for survival in SURVIVALS:
        left = tmp_path.parent / f"{tmp_path.name}-{survival}"
        disk.leave(left, survival)
        path = left / "archive" / "log" / "commits" / "1"
        whole.append(path.is_file() and path.read_bytes() == b"the first")
    assert not all(whole)


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_a_step_that_is_refused_is_told_and_can_be_repeated(tmp_path: Path, code: int) -> None:
    for refused in faults(tmp_path, nothing, puts, code):
        assert refused.error is None or isinstance(refused.error, StoreError), refused.label
        check_files(refused.folder, refused.acknowledged, refused.label)
        if refused.error and str(refused.error).endswith("Nothing was appended."):
            missing = list(CONTENTS)[len(refused.acknowledged)]
            store = LocalStore(refused.folder / "archive" / "log")
            assert not store.exists(missing), refused.label
        puts(refused.folder, StepDisk(), [])
        check_files(refused.folder, list(CONTENTS), refused.label)


def test_a_second_file_in_a_folder_costs_two_syncs(tmp_path: Path) -> None:
    steps = [step.split()[0] for step in steps_of(tmp_path, puts)]
    second = steps[steps.index("write") :]
    second = second[second.index("write", 1) :][:5]
    assert second == ["write", "sync", "link", "unlink", "sync"]


# the whole log


@pytest.fixture
def opened(domain):
    """Opens a log whose store uses a disk."""

    def open_on(folder: Path, disk: Disk) -> EventLog:
        return EventLog(LocalStore(folder / "log", disk), domain.categories)

    return open_on


@pytest.fixture
def appends(domain, opened):
    """Three appends, each told when it is acknowledged."""

    def operation(folder: Path, disk: Disk, acknowledged: list) -> None:
        log = opened(folder, disk)
        for number in range(3):
            events = [domain.made(f"thing/{number}", event_id=f"{number}-{n}") for n in range(2)]
            receipt = log.append(events)
            acknowledged.append((receipt.first, receipt.last, receipt.digest))

    return operation


@pytest.fixture
def check_log(opened, appends):
    """The log holds what was acknowledged, and goes on."""

    def check(folder: Path, acknowledged: list, label: str) -> None:
        log = opened(folder, StepDisk())
        assert log.head >= max([last for _, last, _ in acknowledged], default=0), label
        log.verify()
        again: list = []
        appends(folder, StepDisk(), again)
        assert again[: len(acknowledged)] == acknowledged, label
        assert [event.event_id for event in opened(folder, StepDisk()).read()] == [
            f"{number}-{n}" for number in range(3) for n in range(2)
        ], label

    return check


@some_steps(15)
def test_what_was_appended_survives_power_loss_at_every_step(
    tmp_path, appends, check_log, every: int
) -> None:
    for lost in power_losses(tmp_path, nothing, appends, every):
        check_log(lost.folder, lost.acknowledged, lost.label)


@some_steps(27)
@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_an_append_that_the_disk_refuses_loses_nothing(
    tmp_path, appends, check_log, code: int, every: int
) -> None:
    for refused in faults(tmp_path, nothing, appends, code, every):
        assert refused.error is None or isinstance(refused.error, StoreError), refused.label
        check_log(refused.folder, refused.acknowledged, refused.label)


# groups, bulk and sealing


Check = Callable[[Path, list, str], None]


class Patient(LocalStore):
    """While the first commit is written, three others come and wait behind it."""

    waiting: Callable[[], int] | None = None
    others: Sequence[threading.Thread] = ()

    def put_if_absent(self, name: str, write: Callable[[Path], None]) -> bool:
        if self.waiting and name.startswith("commits"):
            waiting, self.waiting = self.waiting, None
            for thread in self.others:
                thread.start()
            while waiting() < len(self.others):
                time.sleep(0.0005)
        return super().put_if_absent(name, write)


@pytest.fixture
def grouped(domain):
    """Four threads append at once: the first alone, the others in one commit together."""

    def operation(folder: Path, disk: Disk, acknowledged: list) -> None:
        store = Patient(folder / "log", disk)
        log = EventLog(store, domain.categories)
        told: list[BaseException] = []

        def append(number: int) -> None:
            try:
                receipt = log.append([domain.made(f"thing/{number}", event_id=f"{number}-0")])
                acknowledged.append((f"{number}-0", receipt.first, receipt.digest))
            except BaseException as error:  # noqa: BLE001 (raised below)
                told.append(error)

        store.waiting = lambda: len(log._appender._line)
        store.others = [threading.Thread(target=append, args=(number,)) for number in (1, 2, 3)]
        append(0)
        store.waiting = None
        for thread in store.others:
            if not thread.ident:
                thread.start()
            thread.join()
        if told:
            raise next((e for e in told if isinstance(e, PowerLoss)), told[0])

    return operation


@pytest.fixture
def bulk(opened):
    """Two bulks of a producer, each a commit."""

    def operation(folder: Path, disk: Disk, acknowledged: list) -> None:
        log = opened(folder, disk)
        for number in range(2):
            ids = [f"{number}-{n}" for n in range(300)]
            events = pa.table(
                {
                    "stream": [f"thing/{n % 3}" for n in range(300)],
                    "type": ["ThingMade"] * 300,
                    "event_id": ids,
                }
            )
            receipt = log.append_many(events, positions={"bulk": number + 1})
            acknowledged += [(ids[-1], receipt.last, receipt.digest)]

    return operation


@pytest.fixture
def check_acknowledged(opened) -> Check:
    """The log opens, holds together and has what was acknowledged; each state is looked at once."""
    seen: set[object] = set()

    def check(folder: Path, acknowledged: list, label: str) -> None:
        state = (state_of(folder), *acknowledged)
        if state in seen:
            return
        seen.add(state)
        log = opened(folder, StepDisk())
        assert log.verify().events == log.head, label
        known = log.known([event_id for event_id, *_ in acknowledged])
        for event_id, sequence, digest in acknowledged:
            assert known.get(event_id) == sequence, label
            assert log.at(sequence).digest == digest, label

    return check


def state_of(folder: Path) -> frozenset[tuple[str, int]]:
    """What makes two logs the same, but for names that are made up anew each time."""
    files = [path for path in (folder / "log").rglob("*") if path.is_file()]
    return frozenset(
        (str(path.relative_to(folder)).rpartition("-")[0] or path.name, hash(path.read_bytes()))
        for path in files
        if "staging" not in path.parts and "cache" not in path.parts
    )


@some_steps(15)
@pytest.mark.parametrize("operation", ["grouped", "bulk"])
def test_groups_and_bulks_survive_power_loss_at_every_step(
    tmp_path, request, check_acknowledged, opened, operation: str, every: int
) -> None:
    act = request.getfixturevalue(operation)
    counts = set()
    for lost in power_losses(tmp_path, nothing, act, every):
        check_acknowledged(lost.folder, lost.acknowledged, lost.label)
        counts.add(len(lost.acknowledged))
        if lost.label.endswith("(synced)"):
            act(lost.folder, StepDisk(), [])
            check_acknowledged(lost.folder, lost.acknowledged, lost.label)
            head = opened(lost.folder, StepDisk()).head
            assert head == (4 if operation == "grouped" else 600), lost.label
    promised = {0, 1, 4} if operation == "grouped" else {0, 1, 2}
    assert counts == promised if every == 1 else counts <= promised


@some_steps(17)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS], ids=errno.errorcode.get)
@pytest.mark.parametrize("operation", ["grouped", "bulk"])
def test_groups_and_bulks_that_the_disk_refuses_are_told_and_go_on(
    tmp_path, request, check_acknowledged, opened, operation: str, code: int, every: int
) -> None:
    act = request.getfixturevalue(operation)
    for refused in faults(tmp_path, nothing, act, code, every):
        assert refused.error is None or isinstance(refused.error, StoreError), refused.label
        if refused.error:
            assert hint(OSError(code, os.strerror(code))) in str(refused.error), refused.label
        check_acknowledged(refused.folder, refused.acknowledged, refused.label)
        act(refused.folder, StepDisk(), [])
        check_acknowledged(refused.folder, refused.acknowledged, refused.label)
        head = opened(refused.folder, StepDisk()).head
        assert head == (4 if operation == "grouped" else 600), refused.label


@some_steps(17)
def test_the_same_open_log_goes_on_when_the_fault_is_gone(
    tmp_path, domain, opened, every: int
) -> None:
    """A fault at each step of appending, of bulk and of sealing, in one log that stays open."""
    events = [domain.made("thing/1", event_id="a"), domain.written("note/1", event_id="b")]
    many = pa.table({"stream": ["note/2"], "type": ["NoteWritten"], "event_id": ["c"]})
    many = many.append_column("note", [[{"title": "c"}]])
    acts = [
        lambda log: log.append(events),
        lambda log: log.append_many(many, positions={"p": 1}),
        lambda log: log.seal(grace_seconds=0),
        lambda log: log.append([domain.changed("thing/1", event_id="d")]),
        lambda log: log.seal(grace_seconds=0),
    ]
    for step in itertools.count(step=every):
        disk = FaultyDisk(step, errno.ENOSPC)
        log = opened(tmp_path / str(step), disk)
        for act in acts:
            try:
                act(log)
            except StoreError:
                act(log)
        assert [event.event_id for event in log.read()] == ["a", "b", "c", "d"], step
        assert log.position_of("p") == 1
        assert log.open_commits == 0
        assert log.seal(grace_seconds=0).events == 0
        assert len(list((log.path / "sealed").glob("_manifest*"))) == 1, step
        assert not list((log.path / "commits").iterdir()), step
        assert log.verify().events == 4
        if len(disk.steps) <= step:
            break
    assert step > 60


@pytest.fixture
def before_sealing(tmp_path_factory, domain, opened):
    """A log of six commits, of which the first four are sealed, and its digests."""
    with small_spans():
        yield made_before_sealing(tmp_path_factory.mktemp("template"), domain, opened)


def made_before_sealing(template: Path, domain, opened) -> tuple[Path, list]:
    log = opened(template, StepDisk())
    receipts = []
    for number in range(6):
        events = [domain.made(f"thing/{number % 2}", event_id=f"{number}-{n}") for n in range(2)]
        if number % 3 == 0:
            events.append(domain.written(f"note/{number}", event_id=f"{number}-note"))
        receipts.append((events[-1].event_id, log.append(events)))
        if number == 3:
            log.seal(grace_seconds=math.inf)
    shutil.rmtree(log.path / "cache")
    acknowledged = [(event_id, receipt.last, receipt.digest) for event_id, receipt in receipts]
    return template, acknowledged


@some_steps(15)
def test_sealing_loses_nothing_when_the_power_fails_at_any_step(
    tmp_path, before_sealing, check_acknowledged, opened, every: int
) -> None:
    """Also where removed commits are back beside the manifest that replaced them."""
    template, acknowledged = before_sealing

    def prepare(folder: Path) -> None:
        shutil.copytree(template, folder, dirs_exist_ok=True)

    def seals(folder: Path, disk: Disk, done: list) -> None:
        done.append(opened(folder, disk).seal(grace_seconds=0))

    states = set()
    for lost in power_losses(tmp_path, prepare, seals, every):
        check_acknowledged(lost.folder, acknowledged, lost.label)
        log = opened(lost.folder, StepDisk())
        commits = {path.name for path in (log.path / "commits").iterdir()}
        states.add((log._commits.refresh(), log._commits.manifest.through, bool(commits)))
        if "additions" in lost.label:
            log.seal(grace_seconds=0)
            check_acknowledged(lost.folder, acknowledged, lost.label)
            assert log.seal(grace_seconds=0).removed == 0, lost.label
            assert not list((log.path / "commits").iterdir()), lost.label
    head = acknowledged[-1][1]
    if every == 1:
        assert states >= {(head, 10, True), (head, head, True), (head, head, False)}


@some_steps(11)
def test_a_manifest_that_its_sealer_did_not_live_to_sync_is_durable_before_commits_go(
    tmp_path, before_sealing, check_acknowledged, opened, every: int
) -> None:
    template, acknowledged = before_sealing
    sealed = tmp_path / "sealed"
    shutil.copytree(template, sealed)
    opened(sealed, StepDisk()).seal(grace_seconds=math.inf)
    manifest = max((sealed / "log" / "sealed").glob("_manifest*"))

    def prepare(folder: Path) -> None:
        shutil.copytree(sealed, folder, dirs_exist_ok=True)
        (folder / "log" / "sealed" / manifest.name).unlink()

    def cleans(folder: Path, disk: Disk, done: list) -> None:
        shutil.copy(manifest, folder / "log" / "sealed" / manifest.name)
        done.append(opened(folder, disk).seal(grace_seconds=0).removed)

    (tmp_path / "losses").mkdir()
    for lost in power_losses(tmp_path / "losses", prepare, cleans, every):
        check_acknowledged(lost.folder, acknowledged, lost.label)


@some_steps(15)
@pytest.mark.parametrize("code", [errno.EROFS, errno.EIO], ids=errno.errorcode.get)
def test_sealing_that_the_disk_refuses_at_any_step_loses_nothing_and_leaves_nothing(
    tmp_path, before_sealing, check_acknowledged, opened, code: int, every: int
) -> None:
    template, acknowledged = before_sealing

    def prepare(folder: Path) -> None:
        shutil.copytree(template, folder, dirs_exist_ok=True)

    def seals(folder: Path, disk: Disk, done: list) -> None:
        done.append(opened(folder, disk).seal(grace_seconds=0))

    for refused in faults(tmp_path, prepare, seals, code, every):
        assert refused.error is None or isinstance(refused.error, StoreError), refused.label
        if refused.error:
            assert hint(OSError(code, os.strerror(code))) in str(refused.error), refused.label
        check_acknowledged(refused.folder, acknowledged, refused.label)
        log = opened(refused.folder, StepDisk())
        log.seal(grace_seconds=0)
        for left in log.path.rglob("*.parquet"):  # what could not be removed is, a day later
            os.utime(left, (time.time() - 90_000,) * 2)
        log.seal(grace_seconds=0)
        check_acknowledged(refused.folder, acknowledged, refused.label)
        assert log.open_commits == 0
        used = log._commits.manifest.files()
        left = {path.relative_to(log.path).as_posix() for path in log.path.rglob("*.parquet")}
        assert left == used, refused.label


@in_sizes("bytes_between", 600, 150)
def test_a_disk_that_is_full_after_any_byte_is_told_and_nothing_is_lost(
    tmp_path, before_sealing, check_acknowledged, bytes_between: int
) -> None:
    """The kernel itself refuses to let a file grow, in a process of its own."""
    template, acknowledged = before_sealing
    folder = tmp_path / "limited"
    shutil.copytree(template, folder)
    before = state_of(folder)
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(folder / "log"), str(bytes_between)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    told = result.stdout.splitlines()
    assert len(told) == 2 * len(range(0, 4000, bytes_between))
    for line in told:
        assert "make room" in line or "ulimit -f" in line, line
    assert state_of(folder) == before
    assert not list((folder / "log" / "staging").iterdir())
    check_acknowledged(folder, acknowledged, "limited")


LIMITED = """
import resource, signal, sys
from conftest import Domain
from event_log import EventLog
from event_log.storage.folder import LocalStore
from event_log.storage.store import StoreError
from faults import StepDisk
from sealed import small_spans
from pathlib import Path

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
domain = Domain()
log = EventLog(LocalStore(Path(sys.argv[1]), StepDisk()), domain.categories)
with small_spans():
    assert log.head
    event = domain.made("thing/9")
    for limit in range(0, 4000, int(sys.argv[2])):
        for act in (lambda: log.seal(grace_seconds=0), lambda: log.append([event])):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                act()
            except StoreError as error:
                told = str(error)
            else:
                told = None
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            if told is None:
                raise SystemExit(f"it went through with {limit} bytes")
            print(told)
"""


# something else where the log wants to write


ACTS = {
    "append": lambda log: log.append([Domain().made("thing/9")]),
    "seal": lambda log: log.seal(grace_seconds=0),
}
PLACES = {
    "commits": ("append",),
    "sealed": ("seal",),
    "sealed/category=thing": ("seal",),
    "staging": ("append", "seal"),
    "schemas": ("append",),
    "cache": (),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_file_where_a_folder_should_be_is_told_and_nothing_is_lost(
    tmp_path, domain, place: str
) -> None:
    log = domain.open(tmp_path / "log")
    if place != "commits":
        log.append([domain.made("thing/1")])
        digest = log.digest
    folder = log.path / place
    aside = tmp_path / "aside"
    if folder.exists():
        folder.rename(aside)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_bytes(b"")
    for name, act in ACTS.items():
        if name in PLACES[place]:
            with pytest.raises(StoreError, match="a file lies where a folder should be; move it"):
                act(domain.open(log.path))
    if place not in ("commits", "sealed", "schemas"):
        assert domain.open(log.path).digest == digest
    folder.unlink()
    if aside.exists():
        aside.rename(folder)
    for act in ACTS.values():
        act(domain.open(log.path))
    log = domain.open(log.path)
    assert log.verify().events == log.head == (1 if place == "commits" else 2)


def test_a_directory_where_the_next_commit_should_be_is_told(tmp_path, domain) -> None:
    log = domain.open(tmp_path / "log")
    log.append([domain.made("thing/1")])
    taken = log.path / "commits" / f"{2:020d}.parquet"
    taken.mkdir()
    for one in (log, domain.open(log.path)):
        for act in ACTS.values():
            with pytest.raises(EventLogError, match=f"{taken} is a directory; move it away"):
                act(one)
    taken.rmdir()
    assert log.append([domain.made("thing/1")]).first == 2
    assert log.verify().events == 2


def test_a_directory_where_the_next_manifest_should_be_is_told(tmp_path, domain) -> None:
    log = domain.open(tmp_path / "log")
    log.append([domain.made("thing/1")])
    taken = log.path / "sealed" / f"_manifest-{1:020d}.json"
    taken.mkdir(parents=True)
    for one in (log, domain.open(log.path)):
        with pytest.raises(EventLogError, match=f"{taken} is a directory; move it away"):
            one.seal()
    taken.rmdir()
    assert log.seal(grace_seconds=0).events == 1
    assert log.verify().events == 1


@pytest.mark.parametrize("place", ["cache/index.sqlite", "cache/index.runs", "cache"])
def test_an_index_that_cannot_be_does_not_stop_the_log(tmp_path, domain, place: str) -> None:
    log = domain.open(tmp_path / "log")
    log.append([domain.made("thing/1", event_id="a")])
    shutil.rmtree(log.path / "cache")
    if place == "cache":
        (log.path / place).write_bytes(b"")
    else:
        (log.path / place / "in the way").mkdir(parents=True)
    log = domain.open(log.path)
    assert log.append([domain.changed("thing/1")], expected_version=1).first == 2
    assert log.append([domain.made("thing/1", event_id="a")]).added == 0
    log.append([domain.made(f"thing/{n}") for n in range(2, 300)])
    assert log.seal(grace_seconds=0).events == 300
    assert len(log.stream("thing/1")) == 2
    assert log.verify().events == 300
