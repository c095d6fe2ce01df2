"""What a team's function, its tables and its effects may be, and what of them is told."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from connectors import FromLog, Message, Outgoing, SideEffect, Subscriber, SubscriberError
from event_log import EventLog, NewEvent

TABLES = "CREATE TABLE seen (sequence INTEGER)"
Apply = Callable[[Message, sqlite3.Connection], Any]


def see(message: Message, model: sqlite3.Connection) -> None:
    model.execute("INSERT INTO seen VALUES (?)", (message.sequence,))


@pytest.fixture
def log(carts: EventLog) -> EventLog:
    carts.append([NewEvent(f"cart/{name}", "CartOpened", {"owner": name}) for name in "ab"])
    return carts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.sqlite"


def ran(
    log: EventLog,
    path: Path,
    apply: Apply,
    tables: str = TABLES,
    deliver: Callable[[Outgoing], None] | None = None,
) -> Subscriber:
    subscriber = Subscriber(path, apply, tables, deliver)
    subscriber.run(FromLog(log, "tests"), until_idle=True)
    return subscriber


def reasons(subscriber: Subscriber) -> set[str]:
    return {each.reason for each in subscriber.waiting()}


# tables


@pytest.mark.parametrize(
    "tables",
    [
        "CREATE TABLE seen (sequence INTEGER) -- all that came; in order",
        "CREATE TABLE seen (sequence INTEGER); -- all that came",
        "CREATE TABLE seen (sequence INTEGER);\nCREATE VIEW twice AS SELECT * FROM seen, seen;\n",
        "CREATE TABLE seen (sequence INTEGER);"
        " CREATE VIRTUAL TABLE words USING fts5(text); CREATE TABLE zoo (text)",
        "CREATE TABLE seen (sequence INTEGER); CREATE TRIGGER once AFTER INSERT ON seen"
        " BEGIN SELECT 1; SELECT 2; END;",
    ],
)
def test_a_model_of_any_tables_is_made_and_made_anew(
    log: EventLog, path: Path, tables: str
) -> None:
    for _ in range(2):
        subscriber = ran(log, path, see, tables)
        assert subscriber.query("SELECT sequence FROM seen") == [(1,), (2,)]
        subscriber.reset()


def test_tables_that_are_not_finished_are_an_error_and_not_a_model_without_them(
    log: EventLog, path: Path
) -> None:
    with pytest.raises(sqlite3.OperationalError, match=r"syntax error|incomplete input"):
        ran(log, path, see, "CREATE TABLE seen (sequence INTEGER")
    assert ran(log, path, see).status().sequence == 2


@pytest.mark.parametrize("file", ["taken/model.sqlite", "taken/below/model.sqlite"])
def test_a_place_where_no_file_can_be_is_told(log: EventLog, tmp_path: Path, file: str) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(SubscriberError, match=r"model\.sqlite cannot be kept there \(.*taken"):
        ran(log, tmp_path / file, see)


# the function


@pytest.mark.parametrize("how", ["dictionaries", "sqlite3.Row", "bytes"])
def test_the_function_may_read_lines_in_a_form_of_its_own(
    log: EventLog, path: Path, how: str
) -> None:
    def apply(message: Message, model: sqlite3.Connection) -> Iterable[SideEffect]:
        if how == "dictionaries":
            model.row_factory = lambda of, line: {
                column[0]: value for column, value in zip(of.description, line, strict=True)
            }
        elif how == "sqlite3.Row":
            model.row_factory = sqlite3.Row
        else:
            model.text_factory = bytes
        see(message, model)
        if message.stream == "cart/b":
            raise ValueError(how)
        return [SideEffect("seen")]

    sent: list[Outgoing] = []
    subscriber = ran(log, path, apply, deliver=sent.append)
    assert reasons(subscriber) == {f"ValueError: {how}"}
    assert [effect.stream for effect in sent] == ["cart/a"]
    assert ran(log, path, see).waiting() == []


@pytest.mark.parametrize(
    "act",
    [
        lambda model: model.commit(),
        lambda model: model.rollback(),
        lambda model: model.__exit__(None, None, None),
        lambda model: model.executescript("SELECT 1"),
        lambda model: model.execute("DELETE FROM subscriber_position"),
        lambda model: model.execute("DROP TABLE subscriber_position"),
        lambda model: model.execute("ALTER TABLE Subscriber_Position RENAME TO mine"),
        lambda model: model.execute(
            "CREATE TRIGGER mine AFTER INSERT ON subscriber_position BEGIN SELECT 1; END"
        ),
        lambda model: model.execute("ATTACH 'other.sqlite' AS other"),
    ],
)
def test_what_would_part_the_model_from_the_position_is_refused_and_says_why(
    log: EventLog, path: Path, act: Callable[[sqlite3.Connection], Any]
) -> None:
    def apply(message: Message, model: sqlite3.Connection) -> None:
        see(message, model)
        act(model)

    subscriber = ran(log, path, apply)
    (reason,) = reasons(subscriber)
    assert "may not commit" in reason
    assert subscriber.query("SELECT * FROM seen") == []
    assert ran(log, path, see).query("SELECT * FROM seen") == [(1,), (2,)]


def test_a_reason_that_is_no_text_lets_the_event_wait_all_the_same(
    log: EventLog, path: Path
) -> None:
    def apply(*_: object) -> None:
        raise ValueError("half a character: \ud800")

    assert reasons(ran(log, path, apply)) == {"ValueError: half a character: \\ud800"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE])
def test_an_error_of_the_machine_stops_it_and_sets_nothing_aside(
    log: EventLog, path: Path, number: int
) -> None:
    def apply(*_: object) -> None:
        raise OSError(number, "the machine's")

    with pytest.raises(OSError, match="the machine's"):
        ran(log, path, apply)
    assert Subscriber(path, see, TABLES).status().waiting == 0


# effects


@pytest.mark.parametrize(
    ("effects", "told"),
    [
        ([SideEffect("a", {"n": 1}), SideEffect("a", {"n": 2})], "are called 'a'"),
        ([SideEffect(None)], "is no SideEffect with a name"),  # type: ignore[arg-type]
        ("abc", "is no SideEffect"),
        ([{"name": "a"}], "is no SideEffect"),
        (SideEffect("a"), "not iterable"),
        ([SideEffect("a", {"n": {1}})], "not JSON serializable"),
        ([SideEffect("a", {"n": "\ud800"})], "surrogates not allowed"),
    ],
)
def test_effects_that_cannot_be_kept_let_the_event_wait_and_none_is_lost(
    log: EventLog, path: Path, effects: Any, told: str
) -> None:
    subscriber = ran(log, path, lambda *_: effects)
    (reason,) = reasons(subscriber)
    assert told in reason
    assert subscriber.status().undelivered == 0
    sent: list[Outgoing] = []
    ran(log, path, lambda *_: [SideEffect("a"), SideEffect("b")], deliver=sent.append)
    assert sorted(each.name for each in sent) == ["a", "a", "b", "b"]
