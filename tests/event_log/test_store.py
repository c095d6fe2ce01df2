"""A disk that refuses is an error that says what to do; afterwards writing goes on."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from event_log import EventLogError
from event_log.storage.disk import Disk
from event_log.storage.folder import LocalStore
from event_log.storage.store import StoreError


def refusing(code: int, times: int = 1):
    """A function that refuses so often, and then calls the one that it stands for."""

    def instead_of(original):
        left = iter(range(times))

        def function(*args, **rest):
            if next(left, None) is not None:
                raise OSError(code, os.strerror(code))
            return original(*args, **rest)

        return function

    return instead_of


HINTS = {
    errno.ENOSPC: "the disk is full; make room and repeat",
    errno.EROFS: "the file system is read-only; mount it for writing and repeat",
    errno.EACCES: "no permission there; check the folder's owner and mode",
    errno.EPERM: "the file system has no hard links",
    errno.EIO: "Input/output error",
}


@pytest.mark.parametrize("code", HINTS)
@pytest.mark.parametrize("function", ["link", "fsync"])
def test_a_refusing_disk_is_told_with_a_hint_and_nothing_was_appended(
    log, domain, monkeypatch, function: str, code: int
) -> None:
    log.append([domain.made()])
    monkeypatch.setattr(os, function, refusing(code)(getattr(os, function)))
    with pytest.raises(StoreError) as caught:
        log.append([domain.changed()])
    assert isinstance(caught.value, EventLogError)
    assert HINTS[code] in str(caught.value)
    assert str(caught.value).endswith("Nothing was appended.")
    assert f"{2:020d}.parquet" in str(caught.value)
    assert log.head == 1
    assert list((log.path / "staging").iterdir()) == []
    assert log.append([domain.changed()]).version == 2
    log.verify()


def test_a_disk_that_is_full_while_the_file_is_written_leaves_nothing(
    log, domain, monkeypatch
) -> None:
    full = refusing(errno.ENOSPC)(pq.ParquetWriter.write_table)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(StoreError, match="the disk is full"):
        log.append([domain.made()])
    assert log.head == 0
    assert list((log.path / "staging").iterdir()) == []
    assert log.append([domain.made()]).last == 1


def test_a_commit_whose_name_may_be_lost_says_so_and_repeating_it_is_safe(
    log, domain, monkeypatch
) -> None:
    log.append([domain.made()])
    batch = log.batch()
    batch.add(domain.changed())
    synced: list[Path] = []
    sync = Disk.sync

    def fails_for_folders(disk: Disk, path: Path) -> None:
        synced.append(path)
        if path.name == "commits":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(disk, path)

    monkeypatch.setattr(Disk, "sync", fails_for_folders)
    for _ in range(2):
        with pytest.raises(StoreError, match="is written, but not safe from a power failure"):
            log.commit(batch)
    monkeypatch.setattr(Disk, "sync", lambda disk, path: (synced.append(path), sync(disk, path)))
    synced.clear()
    receipt = log.commit(batch)
    assert (receipt.first, receipt.last, receipt.added) == (2, 2, 0)
    assert log.path / "commits" in synced
    assert log.head == 2


@pytest.mark.parametrize("name", ["commits", "staging", "."])
def test_a_file_where_a_folder_should_be_is_told(log, domain, path: Path, name: str) -> None:
    path.parent.mkdir(exist_ok=True)
    if name != ".":
        path.mkdir()
    (path / name).write_bytes(b"")
    with pytest.raises(StoreError, match=r"file (lies )?where a folder should be"):
        log.append([domain.made()])
    (path / name).unlink()
    assert log.append([domain.made()]).last == 1


def test_something_else_under_the_next_commits_name_is_told(log, domain, path: Path) -> None:
    log.append([domain.made()])
    target = path / "commits" / f"{2:020d}.parquet"
    target.symlink_to(path / "nowhere")
    with pytest.raises(StoreError, match="is no commit; move it out of the log"):
        log.append([domain.changed()])
    target.unlink()
    assert log.append([domain.changed()]).last == 2


def test_a_folder_that_cannot_be_read_is_told_and_not_taken_for_empty(
    tmp_path: Path, monkeypatch
) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / "commits").write_bytes(b"")
    for ask in (store.names, store.walk):
        with pytest.raises(StoreError, match="a file lies where a folder should be"):
            ask("commits")
    for ask in (store.exists, store.identity, store.modified):
        with pytest.raises(StoreError, match="a file lies where a folder should be"):
            ask("commits/1")
    (tmp_path / "commits").unlink()
    (tmp_path / "commits").mkdir()
    monkeypatch.setattr(Path, "stat", refusing(errno.EACCES)(Path.stat))
    with pytest.raises(StoreError, match=r"cannot read .*: no permission there"):
        store.exists("commits/1")


def test_folders_that_were_removed_meanwhile_are_made_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "log")
    assert store.put_if_absent("x/1", lambda path: path.write_bytes(b"first") and None)
    shutil.rmtree(tmp_path / "log")
    assert store.put_if_absent("x/1", lambda path: path.write_bytes(b"again") and None)
    assert store.path("x/1").read_bytes() == b"again"


def test_what_dead_writers_left_more_than_a_day_ago_is_cleaned(tmp_path: Path) -> None:
    staging = tmp_path / "staging"
    staging.mkdir()
    for name, age in (("old", 86_401), ("new", 86_000)):
        (staging / name).write_bytes(b"half of a comm")
        os.utime(staging / name, (time.time() - age,) * 2)
    LocalStore(tmp_path).put_if_absent("x/1", lambda path: path.write_bytes(b"1") and None)
    assert [path.name for path in staging.iterdir()] == ["new"]


def test_a_link_that_a_network_made_and_then_denied_is_won(tmp_path: Path, monkeypatch) -> None:
    link = os.link

    def made_and_denied(*paths: Path) -> None:
        link(*paths)
        raise FileExistsError(errno.EEXIST, "exists")

    monkeypatch.setattr(os, "link", made_and_denied)
    one = LocalStore(tmp_path / "a")
    assert one.put_if_absent("x/1", lambda path: path.write_bytes(b"first") and None)


def test_file_and_folders_are_synced_before_an_append_returns(
    log, domain, path, monkeypatch
) -> None:
    synced: list[Path] = []
    sync = Disk.sync

    def noting(disk: Disk, target: Path) -> None:
        synced.append(Path("file") if target.is_file() else target)
        sync(disk, target)

    monkeypatch.setattr(Disk, "sync", noting)
    log.append([domain.made()])
    assert synced[-2:] == [Path("file"), path / "commits"]
    assert {path, path.parent} <= set(synced[:-2])
    synced.clear()
    log.append([domain.changed()])
    assert synced == [Path("file"), path / "commits"]
