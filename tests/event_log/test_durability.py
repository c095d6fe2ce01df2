"""Whatever step the power fails at, or the disk refuses, nothing acknowledged is lost."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from faults import SURVIVALS, ForgetfulDisk, StepDisk, faults, power_losses, steps_of

from event_log import EventLog
from event_log.disk import Disk
from event_log.local_store import LocalStore
from event_log.store import StoreError

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


def test_what_was_appended_survives_power_loss_at_every_step(tmp_path, appends, check_log) -> None:
    for lost in power_losses(tmp_path, nothing, appends):
        check_log(lost.folder, lost.acknowledged, lost.label)


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_an_append_that_the_disk_refuses_loses_nothing(
    tmp_path, appends, check_log, code: int
) -> None:
    for refused in faults(tmp_path, nothing, appends, code):
        assert refused.error is None or isinstance(refused.error, StoreError), refused.label
        check_log(refused.folder, refused.acknowledged, refused.label)
