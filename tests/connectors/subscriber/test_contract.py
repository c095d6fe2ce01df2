"""What holds for a subscriber whichever way its events come."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from connectors import (
    Message,
    OtherModel,
    Outgoing,
    SideEffect,
    Subscriber,
    SubscriberHeld,
    SubscriberStatus,
    append_to,
)
from connectors.subscriber import run as one_run
from connectors.subscriber.transport import Delivered, Marks, Transport
from event_log import EventLog, NewEvent

TABLES = "CREATE TABLE seen (sequence INTEGER, stream TEXT, price INTEGER)"


def apply(message: Message, model: sqlite3.Connection) -> None:
    model.execute(
        "INSERT INTO seen VALUES (?, ?, ?)",
        (message.sequence, message.stream, message.data.get("price")),
    )


class Killed(BaseException):
    """What no code catches, as a kill."""


class Twice:
    """Delivers each message twice, and each read again before the next."""

    def __init__(self, inner: Transport) -> None:
        self.inner, self.last = inner, list[Delivered]()

    def open(self, marks: Marks) -> Marks:
        return self.inner.open(marks)

    def read(self, most: int, timeout: float) -> Sequence[Delivered]:
        found = self.inner.read(most, timeout)
        again = [each for each in found for _ in range(2)]
        last, self.last = self.last, list(found)
        return [*last, *again] if found else []

    def newest(self, message: Message) -> Message:
        return self.inner.newest(message)

    def behind(self, marks: Marks) -> int:
        return self.inner.behind(marks)

    def stop(self) -> None:
        self.inner.stop()

    def close(self) -> None:
        self.inner.close()


def seen(subscriber: Subscriber) -> list[int]:
    return [sequence for (sequence,) in subscriber.query("SELECT sequence FROM seen")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.sqlite"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_run, "BATCH", 3)


def ran(source: Any, path: Path, apply: Any = apply, **options: Any) -> Subscriber:
    subscriber = Subscriber(path, apply, TABLES, **options)
    subscriber.run(source.transport(), until_idle=True)
    return subscriber


@pytest.mark.usefixtures("small")
def test_every_event_is_applied_in_the_logs_order(source, path) -> None:
    source.open_carts("a", "b")
    source.add(("a", 1), ("b", 2), ("a", 3))
    assert seen(ran(source, path)) == [1, 2, 3, 4, 5]
    source.add(("b", 4))
    assert seen(ran(source, path)) == [1, 2, 3, 4, 5, 6]


def test_a_message_says_all_that_the_event_says_as_json(source, path) -> None:
    source.append(
        [
            NewEvent(
                "cart/a",
                "CartOpened",
                {"owner": "Zoë", "opened_at": "2026-11-30T08:00:00.25Z", "tags": ["x", "y"]},
                occurred_at="1912-04-15T02:20:00.000001Z",
                actor="ana",
                correlation_id="c",
                causation_id="d",
            ),
            NewEvent("cart/a", "ItemAdded", {"day": "1912-04-15", "cleared": ["opened_at"]}),
        ]
    )
    told: list[Message] = []
    ran(source, path, lambda message, _: told.append(message))
    assert [message.data for message in told] == [
        {"owner": "Zoë", "opened_at": "2026-11-30T08:00:00.250000Z", "tags": ["x", "y"]},
        {"day": "1912-04-15", "cleared": ["opened_at"]},
    ]
    for message, event in zip(told, source.log.read(), strict=True):
        said = {n: getattr(event, n) for n in asdict(message) if n != "data"}
        assert {n: v for n, v in asdict(message).items() if n != "data"} == said
    assert told[0].at == told[0].occurred_at
    assert told[1].at == told[1].recorded_at


@pytest.mark.usefixtures("small")
def test_what_is_delivered_twice_is_applied_once(source, path) -> None:
    source.open_carts("a", "b")
    source.add(*(("a", price) for price in range(10)))
    subscriber = Subscriber(path, apply, TABLES)
    subscriber.run(Twice(source.transport()), until_idle=True)
    assert seen(subscriber) == [*range(1, 13)]


@pytest.mark.usefixtures("small")
def test_a_batch_that_a_kill_cuts_off_counts_as_a_whole_or_not_at_all(source, path) -> None:
    source.open_carts("a")
    source.add(*(("a", price) for price in range(8)))

    def killed_at(sequence: int) -> Callable[[Message, sqlite3.Connection], None]:
        def apply_until(message: Message, model: sqlite3.Connection) -> None:
            apply(message, model)
            if message.sequence == sequence:
                raise Killed

        return apply_until

    for sequence in range(1, 10):
        with pytest.raises(Killed):
            ran(source, path, killed_at(sequence))
    assert seen(ran(source, path)) == [*range(1, 10)]


def refuse(*prices: int) -> Callable[[Message, sqlite3.Connection], None]:
    def apply_others(message: Message, model: sqlite3.Connection) -> None:
        apply(message, model)
        if message.data.get("price") in prices:
            raise ValueError(f"{message.data['price']} is no price")

    return apply_others


def test_a_poison_message_is_set_aside_and_its_stream_waits_in_order(source, path) -> None:
    source.open_carts("a", "b")
    source.add(("a", -1), ("b", 2), ("a", 3), ("b", 4), ("a", 5))
    subscriber = ran(source, path, refuse(-1))
    assert seen(subscriber) == [1, 2, 4, 6]
    assert [(each.sequence, each.reason) for each in subscriber.waiting()] == [
        (3, "ValueError: -1 is no price"),
        (5, "waits for sequence 3 of its stream"),
        (7, "waits for sequence 3 of its stream"),
    ]
    assert subscriber.status() == SubscriberStatus(7, 3, 0)


def test_what_waits_is_applied_in_order_when_the_subscriber_is_mended(source, path) -> None:
    source.open_carts("a", "b")
    source.add(("a", -1), ("b", 2), ("a", -2), ("a", 5))
    ran(source, path, refuse(-1, -2))
    half = ran(source, path, refuse(-2))
    assert [(each.sequence, each.reason[:10]) for each in half.waiting()] == [
        (5, "ValueError"),
        (6, "waits for "),
    ]
    source.add(("a", 7))
    whole = ran(source, path)
    assert seen(whole) == [1, 2, 4, 3, 5, 6, 7]
    assert whole.waiting() == []


def test_a_message_can_be_mended_or_left_out_and_stays_so(source, path) -> None:
    source.open_carts("a", "b")
    source.add(("a", -1), ("b", -2), ("a", 3))
    subscriber = ran(source, path, refuse(-1, -2))
    subscriber.mend(3, {"price": 1}, "the sign was wrong")
    subscriber.mend(4, None, "a test of the shop")
    subscriber = ran(source, path, refuse(-1, -2))
    assert subscriber.waiting() == []
    expected = {(1, None), (2, None), (3, 1), (5, 3)}
    assert set(subscriber.query("SELECT sequence, price FROM seen")) == expected
    subscriber.reset()
    again = ran(source, path, refuse(-1, -2))
    assert set(again.query("SELECT sequence, price FROM seen")) == expected


def test_what_waits_is_tried_again_while_the_subscriber_runs(source, path) -> None:
    source.open_carts("a")
    source.add(("a", -1))
    wrong = {-1}
    with running(
        Subscriber(path, lambda m, s: refuse(*wrong)(m, s), TABLES), source.transport()
    ) as subscriber:
        until(lambda: subscriber.waiting())
        subscriber.retry()
        wrong.clear()
        until(lambda: subscriber.retry() or not subscriber.waiting())
        assert seen(subscriber) == [1, 2]


def test_a_team_s_function_cannot_part_the_model_from_the_position(source, path) -> None:
    source.open_carts("a", "b", "c", "d")
    tricks: dict[str, Callable[[sqlite3.Connection], object]] = {
        "cart/a": lambda model: model.commit(),
        "cart/b": lambda model: model.execute("COMMIT"),
        "cart/c": lambda model: model.execute("DELETE FROM subscriber_position"),
        "cart/d": lambda model: model.rollback(),
    }

    def tricky(message: Message, model: sqlite3.Connection) -> None:
        apply(message, model)
        tricks[message.stream](model)

    subscriber = ran(source, path, tricky)
    assert seen(subscriber) == []
    assert [each.sequence for each in subscriber.waiting()] == [1, 2, 3, 4]
    assert all("may not commit" in each.reason for each in subscriber.waiting())
    assert subscriber.status().sequence == 4


def test_an_effect_that_is_no_json_sets_its_event_aside(source, path) -> None:
    source.open_carts("a")

    def wrong(message: Message, model: sqlite3.Connection) -> list[SideEffect]:
        apply(message, model)
        return [SideEffect("letter", {"at": message.recorded_at})]

    subscriber = ran(source, path, wrong)
    assert seen(subscriber) == []
    assert "not JSON serializable" in subscriber.waiting()[0].reason


def test_a_reset_makes_the_model_anew_and_sends_nothing_again(source, path) -> None:
    source.open_carts("a", "b")
    source.add(("a", 1))
    sent: list[Outgoing] = []

    def with_letters(message: Message, model: sqlite3.Connection) -> Iterator[SideEffect]:
        apply(message, model)
        yield SideEffect("letter", {"to": message.stream})

    subscriber = ran(source, path, with_letters, deliver=sent.append)
    assert [(e.sequence, e.data) for e in sent] == [
        (1, {"to": "cart/a"}),
        (2, {"to": "cart/b"}),
        (3, {"to": "cart/a"}),
    ]
    subscriber.reset()
    assert subscriber.status() == SubscriberStatus(0, 0, 0)
    again = ran(source, path, with_letters, deliver=sent.append)
    assert seen(again) == [1, 2, 3]
    assert len(sent) == 3
    path.unlink()
    ran(source, path, with_letters, deliver=sent.append)
    assert [e.id for e in sent[3:]] == [e.id for e in sent[:3]]


def letter(*_: object) -> list[SideEffect]:
    return [SideEffect("letter"), SideEffect("bill")]


def test_an_effect_that_fails_holds_up_its_own_stream_alone(source, path, monkeypatch) -> None:
    monkeypatch.setattr(one_run, "AGAIN_SECONDS", 0.05)
    source.open_carts("a", "b")
    source.add(("a", 1))
    sent: list[tuple[int, str]] = []
    down = {1}

    def deliver(effect: Outgoing) -> None:
        if effect.sequence in down:
            raise OSError("no route to the post office")
        sent.append((effect.sequence, effect.name))

    with running(Subscriber(path, letter, TABLES, deliver), source.transport()) as subscriber:
        until(lambda: len(sent) == 2)
        assert sent == [(2, "letter"), (2, "bill")]
        reasons = subscriber.query("SELECT reason FROM subscriber_outbox WHERE tries > 0")
        assert reasons == [("OSError: no route to the post office",)]
        down.clear()
        until(lambda: subscriber.status().undelivered == 0)
    assert sent[2:] == [(1, "letter"), (1, "bill"), (3, "letter"), (3, "bill")]


def test_an_effect_that_was_delivered_before_a_kill_comes_again_with_its_id(source, path) -> None:
    source.open_carts("a")
    sent: list[str] = []

    def killed(effect: Outgoing) -> None:
        sent.append(effect.id)
        raise Killed

    with pytest.raises(Killed):
        ran(source, path, letter, deliver=killed)
    ran(source, path, letter, deliver=lambda effect: sent.append(effect.id))
    assert len(sent) == 3
    assert len(set(sent)) == 2


def answer(message: Message, _: sqlite3.Connection) -> list[SideEffect]:
    if message.type != "ItemAdded" or message.stream == "cart/answers":
        return []
    return [SideEffect.event("cart/answers", "ItemAdded", {"price": message.data["price"] * 2})]


def test_an_event_that_answers_another_is_appended_once_with_its_cause(source, path) -> None:
    source.open_carts("a", "answers")
    source.add(("a", 4), ("a", 5))
    for _ in range(2):
        ran(source, path, answer, deliver=append_to(source.log))
        source.published()
        path.unlink()
    causes = source.log.stream("cart/a")[1:]
    answers = source.log.stream("cart/answers")[1:]
    assert [e.data["price"] for e in answers] == [8, 10]
    assert [e.causation_id for e in answers] == [e.event_id for e in causes]
    assert [e.correlation_id for e in answers] == [e.event_id for e in causes]


def test_what_an_answer_said_the_first_time_stands(source, path) -> None:
    source.open_carts("a", "answers")
    source.add(("a", 4))
    ran(source, path, answer, deliver=append_to(source.log))
    path.unlink()

    def other(message: Message, model: sqlite3.Connection) -> list[SideEffect]:
        return [
            SideEffect(e.name, {**e.data, "data": {"price": 0}}) for e in answer(message, model)
        ]

    ran(source, path, other, deliver=append_to(source.log))
    assert [e.data["price"] for e in source.log.stream("cart/answers")[1:]] == [8]


def test_a_second_instance_on_one_file_is_refused(source, path) -> None:
    source.open_carts("a")
    with running(Subscriber(path, apply, TABLES), source.transport()) as first:
        until(lambda: path.exists() and first.status().sequence == 1)
        second = Subscriber(path, apply, TABLES)
        with pytest.raises(SubscriberHeld, match=r"model\.sqlite is held by process \d+ on .*stop"):
            second.run(source.transport())
        with pytest.raises(SubscriberHeld):
            second.reset()
    assert seen(ran(source, path)) == [1]


def test_what_comes_while_it_runs_is_applied_and_it_stops_when_it_is_told(source, path) -> None:
    source.open_carts("a")
    with running(Subscriber(path, apply, TABLES), source.transport()) as subscriber:
        until(lambda: path.exists() and subscriber.status().sequence == 1)
        source.add(("a", 1), ("a", 2))
        until(lambda: subscriber.status().sequence == 3)
    assert seen(subscriber) == [1, 2, 3]


def test_other_tables_need_a_reset(source, path) -> None:
    source.open_carts("a")
    ran(source, path)
    other = Subscriber(path, apply, TABLES + "; CREATE TABLE more (id INTEGER)")
    with pytest.raises(OtherModel, match=r"model\.sqlite: .* reset"):
        other.run(source.transport(), until_idle=True)
    other.reset()
    other.run(source.transport(), until_idle=True)
    assert seen(other) == [1]


def test_a_model_is_not_continued_from_another_log(source, path, tmp_path) -> None:
    source.open_carts("a", "b")
    ran(source, path)
    source.log = EventLog(tmp_path / "other", source.log.registry.values())
    if hasattr(source, "sent"):
        source.sent = 0
    source.open_carts("a", "b", "c")
    with pytest.raises(OtherModel, match="another"):
        ran(source, path)


def test_how_far_it_is_behind_is_known(source, path) -> None:
    source.open_carts("a", "b")
    subscriber = ran(source, path)
    source.add(("a", 1), ("b", 2), ("a", 3))
    transport = source.transport()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT sequence FROM subscriber_position").fetchone() == (2,)
    subscriber.run(Stopping(transport), until_idle=True)
    assert Stopping.behind_at_first == 3


class Stopping(Twice):
    """Notes how far it is behind when it is opened."""

    behind_at_first = -1

    def open(self, marks: Marks) -> Marks:
        begun = super().open(marks)
        Stopping.behind_at_first = self.inner.behind(begun)
        return begun


class running:
    """A subscriber that runs in a thread until the block ends; what it raised is raised then."""

    def __init__(self, subscriber: Subscriber, transport: Transport) -> None:
        self.subscriber, self.raised = subscriber, list[BaseException]()

        def run() -> None:
            try:
                subscriber.run(transport)
            except BaseException as error:  # noqa: BLE001 - raised in the test's own thread
                self.raised.append(error)

        self.thread = threading.Thread(target=run)

    def __enter__(self) -> Subscriber:
        self.thread.start()
        return self.subscriber

    def __exit__(self, *_: object) -> None:
        self.subscriber.stop()
        self.thread.join(30)
        assert not self.thread.is_alive()
        if self.raised:
            raise self.raised[0]


def until(holds: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it does not come to hold"
        time.sleep(0.01)
