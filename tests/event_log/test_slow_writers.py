"""A writer or reader that stood still while others appended, sealed and cleaned up goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from event_log import EventLog
from event_log.storage.folder import LocalStore


class Interrupted:
    """A store in which something happens just before the first of one kind of calls is made."""

    def __init__(self, path: Path, call: str, name: str, happens: Callable[[], object]) -> None:
        self._store = LocalStore(path)
        self._call, self._name, self._happens = call, name, happens

    def __getattr__(self, attribute: str) -> Any:
        method = getattr(self._store, attribute)
        if attribute != self._call:
            return method

        def called(name: str, *rest: Any) -> Any:
            if name == self._name:
                self._name = ""
                self._happens()
            return method(name, *rest)

        return called


def commit(sequence: int) -> str:
    return f"commits/{sequence:020d}.parquet"


@pytest.mark.parametrize("others", [1, 2, 3])
def test_a_commit_put_where_others_were_sealed_and_removed_is_put_again(
    domain, log: EventLog, path: Path, others: int
) -> None:
    """The writer stands still before it puts its file, until that name is free again."""
    log.append([domain.made("thing/1", event_id="first")])

    def meanwhile() -> None:
        for number in range(others):
            log.append([domain.made(f"thing/of-others-{number}")])
            log.seal(grace_seconds=0)

    slow = EventLog(Interrupted(path, "put_if_absent", commit(2), meanwhile), domain.categories)
    receipt = slow.append([domain.changed("thing/1", event_id="slow")])
    assert (receipt.first, receipt.version, receipt.added) == (2 + others, 2, 1)
    for opened in (slow, log, domain.open(path)):
        assert opened.known(["slow"]) == {"slow": 2 + others}
        assert opened.head == 2 + others
        assert [event.event_id for event in opened.stream("thing/1")] == ["first", "slow"]
    assert domain.open(path).verify().last == 2 + others


@pytest.mark.parametrize("others", [0, 1])
def test_a_commit_that_was_sealed_at_once_keeps_its_receipt(
    domain, log: EventLog, path: Path, others: int
) -> None:
    """It is sealed, and removed, between the moment that it is put and its writer's next step."""
    log.append([domain.made("thing/1")])

    class Slow(LocalStore):
        def put_if_absent(self, name: str, write: Callable[[Path], None]) -> bool:
            won = super().put_if_absent(name, write)
            if name == commit(2):
                for number in range(others):
                    log.append([domain.made(f"thing/of-others-{number}")])
                log.seal(grace_seconds=0)
            return won

    slow = EventLog(Slow(path), domain.categories)
    receipt = slow.append([domain.changed("thing/1", event_id="slow")])
    assert log.open_commits == 0
    assert (receipt.first, receipt.last, receipt.added) == (2, 2, 1)
    assert receipt.digest == domain.open(path).at(2).digest
    assert slow.append([domain.changed("thing/1")]).first == 3 + others
    assert log.verify().last == 3 + others


def test_a_reader_does_not_believe_a_commit_put_where_others_were_sealed(
    domain, log: EventLog, path: Path, tmp_path: Path
) -> None:
    """The reader stands still between asking for a manifest and asking for the next commit."""
    log.append([domain.made("thing/1")])
    stray = EventLog(tmp_path / "stray", domain.categories)
    (tmp_path / "stray" / "commits").mkdir(parents=True)
    kept = path / commit(1)
    (tmp_path / "stray" / commit(1)).write_bytes(kept.read_bytes())
    stray.append([domain.made("thing/stray"), domain.made("thing/stray-2")])

    def meanwhile() -> None:
        log.append([domain.made("thing/true")])
        log.seal(grace_seconds=0)
        (path / commit(2)).write_bytes((tmp_path / "stray" / commit(2)).read_bytes())

    reader = EventLog(Interrupted(path, "exists", commit(2), meanwhile), domain.categories)
    assert reader.head == 2
    assert [event.stream for event in reader.read()] == ["thing/1", "thing/true"]
