"""What an operator of a subscriber does and sees: commands, signals, a full disk."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from connectors import FromLog, Message, NotWaiting, OtherModel, Subscriber
from connectors.subscriber.__main__ import main
from event_log import EventLog, NewEvent

ROOT = Path(__file__).parents[3]
TABLES = "CREATE TABLE seen (sequence INTEGER, text TEXT)"


def apply(message: Message, model: sqlite3.Connection) -> None:
    price = message.data.get("price", 0)
    if price < 0:
        raise ValueError(f"{price} is no price")
    model.execute("INSERT INTO seen VALUES (?, ?)", (message.sequence, str(price)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.sqlite"


@pytest.fixture
def log(carts: EventLog) -> EventLog:
    carts.append([NewEvent(f"cart/{name}", "CartOpened", {"owner": name}) for name in "ab"])
    prices = (("a", -1), ("b", 2), ("a", 3))
    carts.append([NewEvent(f"cart/{name}", "ItemAdded", {"price": p}) for name, p in prices])
    return carts


def ran(log: EventLog, path: Path) -> Subscriber:
    subscriber = Subscriber(path, apply, TABLES)
    subscriber.run(FromLog(log, "tests"), until_idle=True)
    return subscriber


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `python -m connectors.subscriber`; gives its exit code and what it printed."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["subscriber", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, *capsys.readouterr()

    return run


def test_a_stop_ends_one_run_and_the_next_goes_on(log: EventLog, path: Path) -> None:
    stopping: list[Subscriber] = []

    def ends(message: Message, model: sqlite3.Connection) -> None:
        apply(message, model)
        stopping[0].stop()

    subscriber = Subscriber(path, ends, TABLES)
    stopping.append(subscriber)
    subscriber.run(FromLog(log, "tests"))  # it would run for ever
    log.append([NewEvent("cart/c", "CartOpened", {"owner": "c"})])
    subscriber.run(FromLog(log, "tests"))
    assert subscriber.status().sequence == log.head
    subscriber.stop()  # before a run: that one ends as soon as it begins
    log.append([NewEvent("cart/d", "CartOpened", {"owner": "d"})])
    subscriber.run(FromLog(log, "tests"))
    assert subscriber.status().sequence == log.head - 1
    subscriber.run(FromLog(log, "tests"))
    assert subscriber.status().sequence == log.head


def test_commands_say_what_waits_and_mend_it(log: EventLog, path: Path, command: Command) -> None:
    ran(log, path)
    assert command(path)[1] == "at sequence 5; 2 set aside, 0 to deliver\n"
    assert command(path, "waiting")[1] == (
        "3  cart/a  ItemAdded  ValueError: -1 is no price\n"
        "5  cart/a  ItemAdded  waits for sequence 3 of its stream\n"
    )
    assert "tried again" in command(path, "mend", 3, '{"price": 1}', "--why", "a typo")[1]
    assert ran(log, path).query("SELECT sequence, text FROM seen WHERE text != '0'") == [
        (4, "2"),
        (3, "1"),
        (5, "3"),
    ]
    why = ran(log, path).query("SELECT why FROM subscriber_mended")
    assert why == [("a typo",)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("mend", 4, "{}", "--why", "x"), "model.sqlite: sequence 4 does not wait; see waiting()"),
        (("leave-out", 9, "--why", "x"), "model.sqlite: sequence 9 does not wait; see waiting()"),
        (("mend", 3, "{oops", "--why", "x"), "argument data: '{oops' is not JSON"),
        (("mend", 3, "[1]", "--why", "x"), "argument data: '[1]' is no object of JSON"),
        (("mend", 3, "null", "--why", "x"), "argument data: 'null' is no object of JSON"),
        (("mend", 3, "{}"), "the following arguments are required: --why"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    log: EventLog, path: Path, command: Command, arguments: tuple[object, ...], told: str
) -> None:
    ran(log, path)
    code, _, error = command(path, *arguments)
    assert code != 0
    assert told in error


def test_a_file_that_is_not_there_is_not_made(path: Path, command: Command) -> None:
    code, _, error = command(path, "status")
    assert code == 1
    assert error.startswith(f"error: {path} is not there")
    assert not path.exists()


@pytest.mark.parametrize("asked", ["status", "waiting", "retry", "reset"])
def test_another_programs_database_is_refused_and_left_as_it_is(
    path: Path, command: Command, asked: str
) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.executescript("CREATE TABLE dear (text); INSERT INTO dear VALUES ('kept')")
    before = path.read_bytes()
    code, _, error = command(path, asked)
    assert (code, error) == (
        1,
        f"error: {path} is another program's database, with dear; take another file\n",
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize("asked", ["status", "reset"])
def test_what_is_no_database_is_told_in_a_line(path: Path, command: Command, asked: str) -> None:
    path.write_text("no database, but as long as one is " * 100)
    assert command(path, asked)[2] == f"error: {path} is no SQLite file; take another file\n"


def test_where_it_stands_is_told_while_another_writes_and_what_has_to_write_says_so(
    log: EventLog, path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(log, path)
    monkeypatch.setattr("connectors.subscriber.database.BUSY_SECONDS", 0.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert command(path, "status")[1] == "at sequence 5; 2 set aside, 0 to deliver\n"
        code, _, error = command(path, "retry")
    assert (code, error.count("\n")) == (1, 1)
    assert error.startswith(f"error: {path}: database is locked")


def test_only_what_waits_can_be_mended(log: EventLog, path: Path) -> None:
    subscriber = ran(log, path)
    with pytest.raises(NotWaiting):
        subscriber.mend(1, {}, "no need")
    with pytest.raises(TypeError, match="data must be a mapping"):
        subscriber.mend(3, [1], "a slip")  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_batch_and_it_goes_on_there(
    log: EventLog, path: Path, ended_by: signal.Signals
) -> None:
    script = f"""
from pathlib import Path
from connectors import FromLog, Subscriber
from event_log import EventLog, Category, Effect, EventType
import pyarrow as pa
cart = Category("cart", pa.schema([("owner", pa.string())]), (
    EventType("CartOpened", Effect.CREATES, "owner"), EventType("ItemAdded", Effect.REVISES)))
def apply(message, model):
    model.execute("INSERT INTO seen VALUES (?, '0')", (message.sequence,))
log = EventLog({str(log.path)!r}, [cart])
Subscriber({str(path)!r}, apply, {TABLES!r}).run(FromLog(log, "tests"))
print("ended")
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        until = time.monotonic() + 60
        while not path.exists() or ran_to(path) < 5:
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(ended_by)
        printed, _ = process.communicate(timeout=30)
    assert (process.returncode, printed) == (0, "ended\n")
    log.append([NewEvent("cart/b", "ItemAdded", {"price": 7})])
    assert [s for (s,) in ran(log, path).query("SELECT sequence FROM seen")] == [*range(1, 7)]


def ran_to(path: Path) -> int:
    try:
        return Subscriber(path, apply, TABLES).status().sequence
    except sqlite3.OperationalError:  # it is being made
        return 0


def test_a_full_disk_stops_it_and_sets_nothing_aside(log: EventLog, path: Path) -> None:
    def large(message: Message, model: sqlite3.Connection) -> None:
        (pages,) = model.execute("PRAGMA page_count").fetchone()
        model.execute(f"PRAGMA max_page_count = {pages}")
        model.execute("INSERT INTO seen VALUES (?, ?)", (message.sequence, "x" * 100_000))

    with pytest.raises(sqlite3.OperationalError, match="full"):
        Subscriber(path, large, TABLES).run(FromLog(log, "tests"), until_idle=True)
    assert Subscriber(path, large, TABLES).status().waiting == 0
    assert ran(log, path).status().sequence == 5


def test_the_log_lists_its_subscribers_with_their_lag(log: EventLog, path: Path) -> None:
    ran(log, path)
    log.append([NewEvent("cart/b", "ItemAdded", {"price": 7})])
    (listed,) = log.subscriptions()
    assert (listed.name, listed.checkpoint, listed.lag) == ("tests", 5, 1)


def test_a_log_that_was_restored_to_less_is_told(log: EventLog, path: Path, tmp_path: Path) -> None:
    ran(log, path)
    less = EventLog(tmp_path / "restored", log.registry.values())
    less.append([NewEvent("cart/a", "CartOpened", {"owner": "a"})])
    with pytest.raises(OtherModel, match=r"sequence 5 .*missing.*call reset"):
        ran(less, path)


def test_events_of_categories_that_a_program_does_not_know_are_left_out(
    log: EventLog, path: Path, other_category: object
) -> None:
    both = EventLog(log.path, [*log.registry.values(), other_category])  # type: ignore[list-item]
    both.append([NewEvent("note/1", "NoteWritten", {"text": "hello"})])
    both.append([NewEvent("cart/b", "ItemAdded", {"price": 7})])
    subscriber = ran(EventLog(log.path, log.registry.values()), path)
    assert subscriber.status().sequence == 7
    sequences = [s for (s,) in subscriber.query("SELECT sequence FROM seen")]
    assert sequences == [1, 2, 4, 7]
