"""The index is a cache: deleted, damaged or foreign it is made anew, and it is never believed."""

from __future__ import annotations

import logging
import os
import random
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from tiers import in_sizes

from event_log import EventLog, WrongExpectedVersion
from event_log.index.event_index import EventIndex
from event_log.index.lookup import Lookup


@pytest.fixture(params=[0, 300], ids=["tail", "run"])
def full(request, log: EventLog, domain) -> EventLog:
    """A log of eight events, and one of many more after them, which are in a run."""
    for number in range(1, 5):
        log.append(
            [domain.made(f"thing/{number}", event_id=f"{number}a"), domain.changed("thing/1")]
        )
    if request.param:
        log.append([domain.made(f"thing/more-{number}") for number in range(request.param)])
        assert len(runs_of(log)) == 1
    return log


def holds(log: EventLog, domain) -> None:
    """Whether everything that the index is asked for is right, and appending goes on rightly."""
    head, version = log.head, log.versions(["thing/1"])["thing/1"]
    assert log.known(["1a", "4a", "none"]) == {"1a": 1, "4a": 7}
    assert [event.sequence for event in log.stream("thing/3")] == [5]
    assert [event.version for event in log.stream("thing/1")] == list(range(1, version + 1))
    assert version == sum(event.stream == "thing/1" for event in log.read())
    assert log.append([domain.made("thing/2", event_id="2a")]).added == 0
    receipt = log.append([domain.changed("thing/1")], expected_version=version)
    assert (receipt.last, receipt.version) == (head + 1, version + 1)
    log.verify()


def index_of(log: EventLog) -> Path:
    return log.path / "cache" / "index.sqlite"


def runs_of(log: EventLog) -> list[Path]:
    return sorted((log.path / "cache" / "index.runs").iterdir())


def test_the_index_may_be_deleted_at_any_time(full, domain) -> None:
    holds(full, domain)
    shutil.rmtree(full.path / "cache")
    holds(full, domain)
    index_of(full).unlink()
    holds(full, domain)
    shutil.rmtree(full.path / "cache")
    holds(domain.open(full.path), domain)


@pytest.mark.parametrize(
    "garbage", [b"", b"garbage", b"\0" * 8192, b"SQLite format 3\0" + b"x" * 9000]
)
def test_an_index_that_is_none_is_made_anew(full, domain, garbage: bytes) -> None:
    for suffix in ("-wal", "-shm"):
        Path(f"{index_of(full)}{suffix}").unlink(missing_ok=True)
    index_of(full).unlink()
    index_of(full).write_bytes(garbage)
    holds(domain.open(full.path), domain)


@in_sizes("pages_overwritten", 3, 12)
def test_garbage_in_the_pages_of_an_index_is_noticed(full, domain, pages_overwritten: int) -> None:
    draw = random.Random(7)
    for _ in range(pages_overwritten):
        with sqlite3.connect(index_of(full)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        with index_of(full).open("r+b") as file:
            pages = max(1, index_of(full).stat().st_size // 4096)  # all of it may be in the WAL
            file.seek(4096 * draw.randrange(pages))
            file.write(draw.randbytes(4096))
        holds(domain.open(full.path), domain)


def emptied(run: Path) -> None:
    run.write_bytes(b"")


def cut(run: Path) -> None:
    os.truncate(run, run.stat().st_size - 100)


def zeroed(run: Path) -> None:
    run.write_bytes(bytes(run.stat().st_size))


def overwritten_at_its_end(run: Path) -> None:
    run.write_bytes(run.read_bytes()[:-1000] + b"x" * 1000)


def replaced_by_another(run: Path) -> None:
    run.write_bytes(run.with_name("other").read_bytes())


@pytest.mark.parametrize(
    "damage", [Path.unlink, emptied, cut, zeroed, overwritten_at_its_end, replaced_by_another]
)
def test_a_run_that_is_not_what_was_written_is_made_anew(log, domain, damage) -> None:
    for number in range(1, 5):
        log.append(
            [domain.made(f"thing/{number}", event_id=f"{number}a"), domain.changed("thing/1")]
        )
    log.append([domain.made(f"thing/more-{number}") for number in range(300)])
    log.append([domain.made(f"thing/most-{number}") for number in range(200)])
    run, other = runs_of(log)
    shutil.copyfile(other, run.with_name("other"))
    time.sleep(0.01)  # the clock of the file system is coarse: it has to say that this is later
    damage(run)
    again = EventLog(shutil.copytree(log.path, log.path.with_name("again")), domain.categories)
    for opened in (log, again):  # one that had opened the run, and one that had not
        holds(opened, domain)
        assert not opened._lookup._warned


def test_a_database_with_other_tables_is_made_anew(full, domain) -> None:
    shutil.rmtree(full.path / "cache")
    (full.path / "cache").mkdir()
    with sqlite3.connect(index_of(full)) as connection:
        connection.execute("CREATE TABLE place (something TEXT)")
        connection.execute("CREATE TABLE ids (event_id TEXT)")
    connection.close()
    holds(full, domain)
    holds(domain.open(full.path), domain)


def test_the_index_of_another_log_is_not_believed(full, domain, tmp_path) -> None:
    other = domain.open(tmp_path / "other")
    for number in range(1, 7):
        other.append([domain.made(f"thing/{number}", event_id=f"{number}a")])
        other.append([domain.changed("thing/1"), domain.changed("thing/1")])
    for source, target in ((full, other), (other, full)):
        opened = domain.open(target.path)
        shutil.rmtree(target.path / "cache")
        shutil.copytree(source.path / "cache", target.path / "cache")
        head = opened.head
        versions = {e.stream: e.version for e in opened.read()}
        assert opened.versions(versions) == versions
        assert opened.append([domain.changed("thing/1")]).last == head + 1
        opened.verify()


def test_an_index_that_is_ahead_of_a_restored_log_is_not_believed(full, domain, tmp_path) -> None:
    shutil.copytree(full.path / "commits", tmp_path / "backup")
    full.append([domain.changed("thing/1"), domain.made("thing/9", event_id="9a")])
    shutil.rmtree(full.path / "commits")
    shutil.copytree(tmp_path / "backup", full.path / "commits")
    restored = domain.open(full.path)
    assert restored.versions(["thing/9"]) == {"thing/9": 0}
    assert restored.known(["9a"]) == {}
    holds(restored, domain)


def test_an_index_that_is_deleted_between_asking_and_answering_is_not_believed(
    full, domain, monkeypatch
) -> None:
    find, deletions = EventIndex.find, iter(range(3))

    def deleted_first(self, *args, **rest):
        if next(deletions, None) is not None:
            shutil.rmtree(full.path / "cache")
        return find(self, *args, **rest)

    monkeypatch.setattr(EventIndex, "find", deleted_first)
    with pytest.raises(WrongExpectedVersion) as caught:
        full.append([domain.changed("thing/1")], expected_version=0)
    assert caught.value.actual == 5
    assert full.append([domain.changed("thing/1")]).version == 6


def test_the_versions_hold_at_the_sequence_that_the_commit_follows(
    full, domain, monkeypatch
) -> None:
    """Another writer appends just after the versions were looked up: they are looked up again."""
    find, others = Lookup.find, iter(range(3))
    other = domain.open(full.path)

    def overtaken(self, *args, **rest):
        found = find(self, *args, **rest)
        if self is full._lookup and next(others, None) is not None:
            other.append([domain.changed("thing/1")])
        return found

    monkeypatch.setattr(Lookup, "find", overtaken)
    assert full.append([domain.changed("thing/1")]).version == 9
    monkeypatch.undo()
    holds(full, domain)


def test_without_a_usable_index_the_log_is_read_instead_and_says_so_once(
    full, domain, caplog
) -> None:
    shutil.rmtree(full.path / "cache")
    (full.path / "cache").write_bytes(b"a file where the folder should be")
    opened = domain.open(full.path)
    with caplog.at_level(logging.WARNING):
        holds(opened, domain)
        holds(opened, domain)
    assert [entry.name for entry in caplog.records] == ["event_log"]
    assert "the index cannot be used" in caplog.text
    assert opened.versions(["a\0b", "\ud800"]) == {"a\0b": 0, "\ud800": 0}
    assert opened.stream("\ud800") == []


@pytest.mark.parametrize("message", ["attempt to write a readonly database", "database is locked"])
def test_an_index_that_may_not_be_written_is_read_around(
    full, domain, monkeypatch, message
) -> None:
    def refuse(*_: object) -> None:
        error = sqlite3.OperationalError(message)
        error.sqlite_errorcode = sqlite3.SQLITE_READONLY
        raise error

    index_of(full).unlink()
    monkeypatch.setattr(EventIndex, "extend", refuse)
    holds(domain.open(full.path), domain)


def test_an_index_of_many_events_finds_each(log, domain) -> None:
    events = [domain.made(f"thing/{n % 1000}", event_id=f"id-{n}") for n in range(5000)]
    log.append(events)
    shutil.rmtree(log.path / "cache")
    assert log.known(f"id-{n}" for n in range(6000)) == {f"id-{n}": n + 1 for n in range(5000)}
    assert set(log.versions(f"thing/{n}" for n in range(1000)).values()) == {5}
    assert log.append(events).added == 0
