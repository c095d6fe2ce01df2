"""Moves: producers whose positions move without events, and what becomes of their files."""

from __future__ import annotations

import errno
import itertools
import json
import random
import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from faults import FaultyDisk, StepDisk, power_losses
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from processes import killed, said, started
from tiers import some_steps, stateful_in_tiers

from event_log import EventLog, InvalidEvent, NewEvent, WrongExpectedVersion, WrongPosition
from event_log.files.moves import name_of
from event_log.storage.folder import LocalStore
from event_log.storage.store import StoreError
from newsroom.categories import CATEGORIES

NOTHING = pa.table({"stream": pa.array([], pa.string()), "type": pa.array([], pa.string())})


@pytest.fixture
def tags(path: Path) -> EventLog:
    return EventLog(path, CATEGORIES)


def tag(name: str, event_id: str | None = None) -> NewEvent:
    return NewEvent(f"tag/{name}", "TagDefined", {"name": name}, event_id=event_id)


def took(log: EventLog, events: list[NewEvent], positions: dict, after: dict | None = None):
    """Append events with positions, or positions alone."""
    batch = log.batch()
    for event in events:
        batch.add(event)
    return log.commit(batch, positions=positions, after=after)


def files(log: EventLog) -> list[Path]:
    return sorted((log.path / "positions").glob("*.json"))


def test_a_position_moves_without_an_event_and_everyone_sees_it(log_at: str) -> None:
    log = EventLog(log_at, CATEGORIES)
    empty = took(log, [], {"wire": 3}, {"wire": 0})
    assert (empty.first, empty.last, empty.version, empty.added) == (0, 0, 0, 0)
    assert log.append_many(NOTHING, positions={"wire": 5, "sea": 1}, after={"wire": 3}).added == 0
    assert (log.head, log.positions_of(["wire", "sea"])) == (0, {"wire": 5, "sea": 1})
    took(log, [tag("a")], {"wire": 6}, {"wire": 5})
    moved = took(log, [], {"wire": 9}, {"wire": 6})
    assert (moved.last, moved.added, moved.digest) == (1, 0, log.digest)
    for anyone in (log, EventLog(log_at, CATEGORIES)):
        assert anyone.positions_of(["wire", "sea"]) == {"wire": 9, "sea": 1}
        with pytest.raises(WrongPosition, match="at position 9, not at 6"):
            took(anyone, [], {"wire": 10}, {"wire": 6})
    assert log.verify().events == log.seal().events == 1


def test_a_position_moves_when_the_log_has_all_events_by_their_ids(tags: EventLog) -> None:
    first = tags.append([tag("a", "1"), tag("b", "2")])
    for position in (4, 9):
        again = took(tags, [tag("a", "1"), tag("b", "2")], {"wire": position})
        assert (again.first, again.last, again.digest, again.added) == (1, 2, first.digest, 0)
        assert (tags.position_of("wire"), tags.open_commits) == (position, 1)
    some = took(tags, [tag("b", "2"), tag("c", "3")], {"wire": 12}, {"wire": 9})
    assert (some.first, some.last, some.added) == (2, 3, 1)
    assert (tags.position_of("wire"), EventLog(tags.path, CATEGORIES).head) == (12, 3)


def test_a_move_at_or_below_the_position_changes_nothing(tags: EventLog) -> None:
    took(tags, [tag("a")], {"wire": 5})
    took(tags, [], {"wire": 9})
    (file,) = files(tags)
    before = file.read_bytes()
    for position in (9, 7, 5, 1):
        receipt = took(tags, [], {"wire": position})
        assert (receipt.last, receipt.added) == (1, 0)
        assert took(tags, [tag("b")], {"wire": position}).added == 0
    assert (file.read_bytes(), tags.position_of("wire"), tags.head) == (before, 9, 1)


def test_nothing_at_all_is_still_nothing_to_append(tags: EventLog) -> None:
    for append in (tags.append_many, lambda _, **rest: took(tags, [], {}, **rest)):
        with pytest.raises(InvalidEvent, match="there is nothing to append"):
            append(NOTHING, after={"wire": 0})
    with pytest.raises(WrongExpectedVersion):
        tags.commit(tags.batch(), {"tag/a": 1}, {"wire": 1})
    assert tags.position_of("wire") == 0


def test_positions_to_come_after_are_compared_without_being_moved(tags: EventLog) -> None:
    took(tags, [tag("a", "1")], {"wire": 5})
    assert took(tags, [tag("b", "2")], {}, {"wire": 5}).added == 1
    assert took(tags, [tag("b", "2")], {}, {"wire": 5}).added == 0
    with pytest.raises(WrongPosition):
        took(tags, [tag("c")], {}, {"wire": 4})
    assert (tags.position_of("wire"), tags.head) == (5, 2)


@pytest.mark.parametrize("ends", ["sealed", "without cache", "copied"])
def test_a_move_outlives_sealing_the_cache_and_copying(tags: EventLog, path, ends: str) -> None:
    took(tags, [tag("a"), tag("b")], {"wire": 5})
    took(tags, [], {"wire": 9, "sea": 2})
    tags.append([tag("c")])
    if ends == "sealed":
        tags.seal(grace_seconds=0)
    elif ends == "without cache":
        shutil.rmtree(path / "cache")
    else:
        path = shutil.copytree(path, path.with_name("copy"))
    log = EventLog(path, CATEGORIES)
    for each in (log, tags):
        assert each.positions_of(["wire", "sea"]) == {"wire": 9, "sea": 2}
    assert took(log, [tag("d")], {"wire": 10, "sea": 3}, {"wire": 9, "sea": 2}).added == 1
    assert log.verify().events == 4


# the files


def test_many_moves_leave_one_small_file_that_says_what_the_format_says(
    tags: EventLog,
) -> None:
    took(tags, [tag("a")], {"import:sea": 5})
    for position in range(6, 106):
        took(tags, [], {"import:sea": position}, {"import:sea": position - 1})
    names = {file.name for file in (tags.path / "positions").iterdir()}
    assert names == {"import=3asea.json", "lock"}
    assert json.loads(files(tags)[0].read_bytes()) == {
        "producer": "import:sea",
        "from": 5,
        "position": 105,
        "sequence": 1,
        "digest": tags.digest,
    }
    assert list((tags.path / "staging").iterdir()) == []


def test_moves_on_an_object_store_leave_no_copies_here(s3_url: str) -> None:
    log = EventLog(s3_url, CATEGORIES)
    for position in range(1, 20):
        took(log, [], {"wire": position, "sea": position})
    assert not [path for path in log.path.rglob("*") if "positions" in path.parts]


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)
ODD = [
    "a/b",
    "../a",
    ".",
    "..",
    "a\\b",
    "Wire",
    "wire",
    "=57ire",
    "ü",
    "🐋" * 512,
    "x" * 512,
    "con:",
]


@settings(max_examples=50)
@given(st.lists(NAMES | st.sampled_from(ODD), min_size=2, max_size=9, unique=True))
def test_every_name_has_a_file_of_its_own_on_every_file_system(producers: list[str]) -> None:
    names = [name_of(producer) for producer in producers]
    assert len({name.casefold() for name in names}) == len(producers)
    for name in names:
        folder, _, file = name.partition("/")
        assert folder == "positions"
        assert len(file) <= 255
        assert set(file) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-=")
        assert not file.startswith(".")
        assert file != "lock"


def test_producers_with_odd_names_move_each_on_its_own(log_at: str) -> None:
    log = EventLog(log_at, CATEGORIES)
    wanted = {name: number for number, name in enumerate(ODD, 1)}
    took(log, [], wanted, dict.fromkeys(wanted, 0))
    assert EventLog(log_at, CATEGORIES).positions_of(ODD) == wanted


DAMAGE = {
    "empty": lambda _: b"",
    "cut off": lambda text: text[:-9],
    "no JSON": lambda _: b"\xff\x00",
    "a list": lambda _: b"[1]",
    "a number as text": lambda text: text.replace(b'"position":9', b'"position":"9"'),
    "a negative number": lambda text: text.replace(b'"position":9', b'"position":-9'),
    "a fraction": lambda text: text.replace(b'"from":5', b'"from":5.0'),
    "a truth": lambda text: text.replace(b'"position":9', b'"position":true'),
    "something missing": lambda text: text.replace(b'"digest"', b'"digests"'),
    "another producer's": lambda text: text.replace(b'"wire"', b'"sea"'),
    "another log's": lambda text: text.replace(b'"digest":"', b'"digest":"0'),
    "a longer log's": lambda text: text.replace(b'"sequence":1', b'"sequence":2'),
    "an older commit's": lambda text: text.replace(b'"from":5', b'"from":4'),
    "a lower position": lambda text: text.replace(b'"position":9', b'"position":3'),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_that_is_damaged_or_stale_counts_for_nothing_and_is_replaced(
    tags: EventLog, damage: str
) -> None:
    took(tags, [tag("a")], {"wire": 5})
    took(tags, [], {"wire": 9})
    (file,) = files(tags)
    text = DAMAGE[damage](file.read_bytes())
    assert text != file.read_bytes()
    file.write_bytes(text)
    for log in (tags, EventLog(tags.path, CATEGORIES)):
        assert log.position_of("wire") == 5
        assert log.verify().events == 1
    took(tags, [], {"wire": 7}, {"wire": 5})
    assert EventLog(tags.path, CATEGORIES).position_of("wire") == 7


def test_foreign_files_beside_them_disturb_nobody(tags: EventLog) -> None:
    took(tags, [], {"wire": 9})
    (tags.path / "positions" / "notes.txt").write_text("hello")
    (tags.path / "positions" / "folder").mkdir()
    took(tags, [tag("a")], {"wire": 10}, {"wire": 9})
    assert (tags.position_of("wire"), tags.verify().events, tags.seal().events) == (10, 1, 1)


def test_a_folder_where_the_file_should_be_is_told(tags: EventLog) -> None:
    (tags.path / name_of("wire")).mkdir(parents=True)
    for ask in (lambda: tags.position_of("wire"), lambda: took(tags, [], {"wire": 9})):
        with pytest.raises(StoreError, match=r"cannot read .*positions/wire\.json"):
            ask()


def test_a_move_does_not_count_in_a_log_that_was_restored_from_before(
    tags: EventLog, path: Path
) -> None:
    """What was known by its ids then is not there now."""
    took(tags, [tag("a", "1")], {"wire": 5})
    backup = shutil.copytree(path, path.with_name("backup"))
    tags.append([tag("b", "2")])
    took(tags, [tag("b", "2")], {"wire": 9})
    shutil.copytree(path / "positions", backup / "positions")
    restored = EventLog(backup, CATEGORIES)
    assert (tags.position_of("wire"), restored.position_of("wire")) == (9, 5)
    restored.append([tag("c", "3")])
    assert restored.position_of("wire") == 5
    assert took(restored, [tag("b", "2")], {"wire": 9}, {"wire": 5}).added == 1


# the disk


def at_step(folder: Path, disk: StepDisk, acknowledged: list) -> None:
    """An event, then moves of two producers, one alone, and an event with both."""
    log = EventLog(LocalStore(folder / "log", disk), CATEGORIES)
    for number, events in enumerate(([tag("a")], [], [], [tag("b")]), 1):
        positions = {"one": number} if number == 3 else {"one": number, "two": number}
        took(log, events, positions)
        acknowledged.append(positions)


@some_steps(15)
def test_a_move_survives_power_loss_at_every_step_once_it_is_acknowledged(
    tmp_path: Path, every: int
) -> None:
    counts = set()
    for lost in power_losses(tmp_path, lambda _: None, at_step, every):
        log = EventLog(lost.folder / "log", CATEGORIES)
        reached: dict[str, int] = {"one": 0, "two": 0}
        for positions in lost.acknowledged:
            reached |= positions
        found = log.positions_of(reached)
        assert all(found[name] >= reached[name] for name in reached), lost.label
        assert log.verify().events == log.head, lost.label
        counts.add(len(lost.acknowledged))
        if lost.label.endswith("(names)"):
            took(log, [tag("c")], {"one": 9, "two": 9}, found)
    promised = {0, 1, 2, 3, 4}
    assert counts == promised if every == 1 else counts <= promised


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=errno.errorcode.get)
def test_a_move_that_the_disk_refuses_is_told_and_nothing_is_half_done(
    tmp_path: Path, code: int
) -> None:
    """None moves before the files of all are written, which is when a disk is full."""
    for step in itertools.count():
        disk = StepDisk()
        store = LocalStore(tmp_path / str(step), disk)
        log = EventLog(store, CATEGORIES)
        took(log, [tag("a")], {"one": 1, "two": 1})
        faulty = FaultyDisk(step, code)
        store._disk = faulty
        try:
            took(log, [], {"one": 2, "two": 2}, {"one": 1, "two": 1})
        except StoreError:
            found = log.positions_of(["one", "two"])
            if "rename" not in " ".join(faulty.steps[:step]):
                assert found == {"one": 1, "two": 1}, faulty.steps
            assert set(found.values()) <= {1, 2}
            store._disk = StepDisk()
            took(log, [tag("b")], {"one": 3, "two": 3}, found)
            assert log.positions_of(["one", "two"]) == {"one": 3, "two": 3}
            assert list((store.root / "staging").iterdir()) == []
            continue
        break
    assert step >= 6


# several writers


def gives_event(number: int) -> bool:
    """Whether a message gives an event: those between give none, in stretches of several."""
    return number % 5 == 0


class Producers(RuleBasedStateMachine):
    """Writers read the messages of three producers in steps, each from where it believes they are.

    The events have no ids, so one that came twice would be there twice.
    """

    names = ("p", "q", "r")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.logs = [EventLog(self.folder, CATEGORIES) for _ in range(2)]
        self.believed = [dict.fromkeys(self.names, 0) for _ in self.logs]
        self.committed = dict.fromkeys(self.names, 0)
        self.reached = dict.fromkeys(self.names, 0)

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(
        writer=st.integers(0, 1),
        steps=st.dictionaries(st.sampled_from(names), st.integers(0, 7), min_size=1),
    )
    def go_on(self, writer: int, steps: dict[str, int]) -> None:
        log, believed = self.logs[writer], self.believed[writer]
        after = {name: believed[name] for name in steps}
        positions = {name: believed[name] + step for name, step in steps.items() if step}
        events = [
            tag(f"{name}-{number}")
            for name, position in positions.items()
            for number in range(after[name] + 1, position + 1)
            if gives_event(number)
        ]
        if not positions:
            return
        elsewhere = [name for name in steps if believed[name] != self.reached[name]]
        if elsewhere:
            with pytest.raises(WrongPosition) as caught:
                took(log, events, positions, after)
            assert caught.value.producer in elsewhere
            assert caught.value.actual == self.reached[caught.value.producer]
            believed |= log.positions_of(self.names)
            return
        assert took(log, events, positions, after).added == len(events)
        believed |= positions
        self.reached |= positions
        if events:
            self.committed |= positions

    @rule(writer=st.integers(0, 1))
    def ask(self, writer: int) -> None:
        self.believed[writer] = self.logs[writer].positions_of(self.names)

    @rule(name=st.sampled_from(names), damage=st.sampled_from(["lost", "cut", "kept"]))
    def lose_a_file(self, name: str, damage: str) -> None:
        file = self.folder / name_of(name)
        if file.exists() and damage != "kept":
            file.unlink() if damage == "lost" else file.write_bytes(file.read_bytes()[:20])
            self.reached[name] = self.committed[name]

    @rule(writer=st.integers(0, 1))
    def seal(self, writer: int) -> None:
        self.logs[writer].seal(grace_seconds=0)

    @rule(writer=st.integers(0, 1))
    def begin_anew(self, writer: int) -> None:
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        self.logs[writer] = EventLog(self.folder, CATEGORIES)

    @invariant()
    def each_event_is_there_once(self) -> None:
        log = self.logs[0]
        assert log.positions_of(self.names) == self.reached
        wanted = [
            f"{name}-{number}"
            for name in self.names
            for number in range(1, self.reached[name] + 1)
            if gives_event(number)
        ]
        assert sorted(event.data["name"] for event in log.read()) == sorted(wanted)


TestProducers, TestProducersOnManyExamples = stateful_in_tiers(Producers, 6, 100, 20)


READS = """
import random
from event_log import WrongPosition
names, last = ["p", "q/0", "Q/0"], int(arguments[0])
at = log.positions_of(names)
while min(at.values()) < last:
    steps = {n: min(at[n] + random.randrange(1, 4), last) for n in names if at[n] < last}
    batch = log.batch()
    for name, position in steps.items():
        for number in range(at[name] + 1, position + 1):
            if number % 5 == 0:
                data = {"name": f"{name}-{number}"}
                batch.add(NewEvent("tag/a", "TagDefined", data))
    try:
        log.commit(batch, positions=steps, after={name: at[name] for name in steps})
        at |= steps
        tell("moved", at)
    except WrongPosition as error:
        tell("wrong", error.producer)
        at = log.positions_of(names)
"""


def once_each(log: EventLog, last: int) -> None:
    names = ["p", "q/0", "Q/0"]
    assert log.positions_of(names) == dict.fromkeys(names, last)
    wanted = [f"{name}-{n}" for name in names for n in range(1, last + 1) if gives_event(n)]
    assert sorted(event.data["name"] for event in log.read()) == sorted(wanted)
    assert log.verify().events == len(wanted)


@pytest.mark.slow
def test_of_processes_that_race_for_the_same_producers_none_loses_or_doubles(log_at: str) -> None:
    last = 60
    told = said([started(READS, log_at, last) for _ in range(3)])
    once_each(EventLog(log_at, CATEGORIES), last)
    assert {what for lines in told for what, _ in lines} == {"moved", "wrong"}


@pytest.mark.slow
def test_a_process_that_is_killed_in_a_move_twenty_times_loses_and_doubles_nothing(
    path: Path,
) -> None:
    last, draw, broken_off = 100_000, random.Random(20), 0
    log = EventLog(path, CATEGORIES)
    for _ in range(5):
        for process in [started(READS, path, last) for _ in range(4)]:
            told = killed(process, draw.uniform(0.0, 0.02), draw.randrange(1, 12))
            reached = log.positions_of(["p", "q/0", "Q/0"])
            moved = next((at for what, at in reversed(told) if what == "moved"), {})
            assert all(reached[name] >= at for name, at in moved.items())
            broken_off += min(reached.values()) < last
    assert broken_off == 20
    done = max(log.positions_of(["p", "q/0", "Q/0"]).values())
    said([started(READS, path, done + 50)])
    once_each(log, done + 50)
