"""Editing: what changes nothing is not appended, who expects nothing never sees a conflict, and
no section becomes its own ancestor."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from app.cli import cli
from archive import Archive
from event_log import (
    INSTANT,
    Category,
    Effect,
    EventType,
    NewEvent,
    WrongExpectedVersion,
)
from replay import HISTORY, Domain, InvalidDomain, Refused, read_entity

ROOT = Path(__file__).parents[2]
EVERY_TYPE: dict[str, tuple[pa.DataType, Any, Any]] = {
    "text": (pa.string(), "a", "b"),
    "prose": (pa.large_string(), "long", "longer"),
    "count": (pa.int64(), 1, 2),
    "ratio": (pa.float64(), math.nan, 0.5),
    "done": (pa.bool_(), False, True),
    "moment": (INSTANT, "1912-04-15T20:00:00Z", "1912-04-15T20:00:01Z"),
    "day": (pa.date32(), "1912-04-15", "1912-04-16"),
    "names": (pa.list_(pa.string()), ["a", "b"], ["b", "a"]),
    "numbers": (pa.list_(pa.int64()), [1], []),
}
"""By field: its type, a value, and another one."""
THING = Category(
    "thing",
    pa.schema([(name, kind) for name, (kind, _, _) in EVERY_TYPE.items()]),
    (
        EventType("ThingMade", Effect.CREATES),
        EventType("ThingChanged", Effect.REVISES),
        EventType("ThingGone", Effect.REMOVES),
        EventType("ThingBack", Effect.REINSTATES),
    ),
)
THINGS = Domain("things", [THING], views=[HISTORY])
FULL = {name: value for name, (_, value, _) in EVERY_TYPE.items()}


@pytest.fixture
def things(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path / "things", THINGS)
    archive.append("thing/1", "ThingMade", FULL)
    return archive


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "home")


def sections(archive: Archive, **parents: str | None) -> None:
    for name, parent in parents.items():
        data = {"name": name} | ({"parent_id": f"section/{parent}"} if parent else {})
        archive.append(f"section/{name}", "SectionOpened", data)


def below(archive: Archive, name: str, parent: str) -> None:
    archive.append(f"section/{name}", "SectionRevised", {"parent_id": f"section/{parent}"})


@pytest.mark.parametrize(
    "data",
    [
        {},
        FULL,
        dict.fromkeys(FULL),
        {"cleared": []},
        {"moment": datetime(1912, 4, 15, 20, tzinfo=UTC)},
        {"moment": "15 April 1912, 8 pm"},
        {"moment": "1912-04-15T22:00+02:00"},
        {"day": date(1912, 4, 15)},
        {"day": "15 April 1912", "text": "a"},
        *({name: value} for name, value in FULL.items()),
    ],
    ids=str,
)
def test_a_revision_that_changes_nothing_is_not_appended(
    things: Archive, data: dict[str, Any]
) -> None:
    receipt = things.append("thing/1", "ThingChanged", data)
    assert (receipt.added, receipt.first, receipt.last, receipt.version) == (0, 1, 1, 1)
    assert receipt.digest == things.log.digest
    assert things.log.head == 1
    assert things.append("thing/1", "ThingChanged", data, force=True).added == 1
    assert things.log.head == 2


@pytest.mark.parametrize(
    "data",
    [
        *({name: other} for name, (_, _, other) in EVERY_TYPE.items()),
        *({"cleared": [name]} for name in EVERY_TYPE),
        {"text": "a", "count": 2},
        {"text": "A"},
        {"text": "a "},
    ],
    ids=str,
)
def test_a_revision_that_changes_anything_is_appended(
    things: Archive, data: dict[str, Any]
) -> None:
    assert things.append("thing/1", "ThingChanged", data).added == 1
    assert things.append("thing/1", "ThingChanged", data).added == 0


def test_clearing_what_is_empty_already_changes_nothing(things: Archive) -> None:
    assert things.append("thing/1", "ThingChanged", {"cleared": ["text", "day"]}).added == 1
    assert things.append("thing/1", "ThingChanged", {"cleared": ["day"]}).added == 0
    assert things.append("thing/1", "ThingChanged", {"cleared": ["day"], "text": "a"}).added == 1


def test_other_events_are_appended_though_they_set_the_same(things: Archive) -> None:
    for type_name in ("ThingGone", "ThingBack", "ThingGone", "ThingMade"):
        assert things.append("thing/1", type_name, FULL if type_name == "ThingMade" else {}).added


def test_a_conflict_is_told_before_that_nothing_changes(things: Archive) -> None:
    with pytest.raises(WrongExpectedVersion, match="expected version 2, but it is at version 1"):
        things.append("thing/1", "ThingChanged", {}, expected_version=2)
    assert things.append("thing/1", "ThingChanged", {}, expected_version=1).added == 0


def test_an_import_keeps_what_changes_nothing(things: Archive) -> None:
    """It records the past of another system exactly: who said what, however often."""
    things.log.append([NewEvent("thing/1", "ThingChanged", FULL) for _ in range(3)])
    assert things.log.head == 4


def test_the_command_says_that_nothing_changes_and_appends_it_by_force(tmp_path: Path) -> None:
    def stet(*arguments: str) -> str:
        result = CliRunner().invoke(cli, [*arguments, "--home", str(tmp_path / "home")])
        assert result.exit_code == 0, result.output
        return result.output

    sea = '{"name": "Sea"}'
    stet("append", "tag/sea", "TagDefined", "--data", sea)
    same = (
        "nothing was appended: tag/sea is so already, at version 1 (sequence 1); --force appends"
        " the event all the same\n"
    )
    assert stet("append", "tag/sea", "TagRevised") == same
    assert stet("append", "tag/sea", "TagRevised", "--data", sea, "--event-id", "x") == same
    assert '"added":0' in stet("append", "tag/sea", "TagRevised", "--json")
    forced = stet("append", "tag/sea", "TagRevised", "--force", "--event-id", "y")
    assert forced.startswith("sequence 2, version 2 of tag/sea")
    again = stet("append", "tag/sea", "TagRevised", "--force", "--event-id", "y")
    assert again.endswith("(the log already has this event id; nothing was added)\n")


@pytest.mark.slow
def test_six_processes_that_expect_nothing_append_to_one_stream_without_a_conflict(
    archive: Archive,
) -> None:
    script = """
import sys
from archive import Archive
archive, name = Archive(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(8):
    assert archive.append("tag/sea", "TagRevised", {"name": f"{name} {number}"}).added == 1
"""
    archive.append("tag/sea", "TagDefined", {"name": "Sea"})
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, archive.home, str(number)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(6)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    ends = []
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        ends.append((process.communicate(timeout=120)[1], process.returncode))
    assert ends == [("", 0)] * 6
    names = [event.data["name"] for event in archive.log.stream("tag/sea")]
    assert sorted(names[1:]) == [
        f"{process} {number}" for process in range(6) for number in range(8)
    ]
    assert [event.version for event in archive.log.stream("tag/sea")] == list(range(1, 50))


def test_an_event_between_is_no_conflict_but_what_it_made_impossible_is_refused(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.append("tag/sea", "TagDefined", {"name": "Sea"})
    between(archive, monkeypatch, NewEvent("tag/sea", "TagRevised", {"kind": "subject"}))
    assert archive.append("tag/sea", "TagRevised", {"name": "Ocean"}).version == 3
    between(archive, monkeypatch, NewEvent("tag/sea", "TagRemoved"))
    with pytest.raises(Refused, match="was removed, at version 4"):
        archive.append("tag/sea", "TagRevised", {"name": "Sea"})
    between(archive, monkeypatch, NewEvent("tag/sea", "TagDefined", {"name": "Sea"}))
    with pytest.raises(WrongExpectedVersion, match="expected version 4, but it is at version 5"):
        archive.append("tag/sea", "TagDefined", {"name": "Sea"}, expected_version=4)


def test_the_same_event_id_from_another_writer_between_is_known(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = NewEvent("tag/sea", "TagDefined", {"name": "Sea"}, event_id="same")
    between(archive, monkeypatch, event)
    receipt = archive.append(event.stream, event.type, event.data, event_id="same")
    assert (receipt.added, receipt.first, archive.log.head) == (0, 1, 1)


def between(archive: Archive, monkeypatch: pytest.MonkeyPatch, event: NewEvent) -> None:
    """Append an event just before the next commit of the archive's log."""
    commit = archive.log.commit

    def late(*arguments: Any) -> Any:
        monkeypatch.setattr(archive.log, "commit", commit)
        archive.log.append([event])
        return commit(*arguments)

    monkeypatch.setattr(archive.log, "commit", late)


def test_no_section_becomes_its_own_ancestor(archive: Archive) -> None:
    sections(archive, a=None, b="a", c="b", d="c")
    for name, parent, path in (
        ("a", "b", "section/a → section/b → section/a"),
        ("a", "d", "section/a → section/d → section/c → section/b → section/a"),
        ("b", "d", "section/b → section/d → section/c → section/b"),
    ):
        with pytest.raises(Refused, match=f"data.parent_id: {path} is a cycle"):
            below(archive, name, parent)
    with pytest.raises(Refused, match="cannot refer to itself"):
        below(archive, "a", "a")
    assert archive.log.head == 4
    below(archive, "d", "a")
    below(archive, "b", "d")
    assert read_entity(archive.log, "section/b").fields["parent_id"] == "section/d"


def test_a_section_that_is_opened_afresh_cannot_close_a_cycle_either(archive: Archive) -> None:
    sections(archive, a=None, b="a")
    archive.append("section/a", "SectionClosed")
    with pytest.raises(Refused, match="is a cycle"):
        archive.append("section/a", "SectionOpened", {"name": "a", "parent_id": "section/b"})


def test_two_editors_at_once_cannot_close_a_cycle_together(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    sections(archive, a=None, b=None, c="b")
    between(
        archive, monkeypatch, NewEvent("section/b", "SectionRevised", {"parent_id": "section/a"})
    )
    with pytest.raises(Refused, match="section/a → section/c → section/b → section/a is a cycle"):
        archive.append(
            "section/a", "SectionRevised", {"parent_id": "section/c"}, expected_version=1
        )


def test_an_imported_cycle_is_survived_and_an_editor_can_break_it(archive: Archive) -> None:
    opened = [
        NewEvent(f"section/{name}", "SectionOpened", {"name": name, "parent_id": f"section/{of}"})
        for name, of in ("ab", "bc", "ca", "ss")
    ]
    archive.log.append(opened)
    archive.rebuild(["sections"])
    below_it = {"name": "new", "parent_id": "section/a"}
    archive.append("section/new", "SectionOpened", below_it)
    archive.append("section/a", "SectionRevised", {"name": "A", "parent_id": "section/b"})
    archive.append("section/s", "SectionRevised", {"description": "its own parent"})
    archive.catch_up()
    found = archive.read("sections").set_index("id")
    assert found.loc["section/a"]["name"] == "A"
    assert found.loc["section/new"]["parent"]["name"] == "A"
    archive.append("section/a", "SectionRevised", {"cleared": ["parent_id"]})
    with pytest.raises(Refused, match="is a cycle"):
        below(archive, "a", "b")
    assert not any(compared.differences for compared in archive.compare(["sections"]))


def test_parents_that_are_no_reference_to_the_category_itself_are_refused() -> None:
    for references in ({}, {"thing": {"text": "other"}}):
        with pytest.raises(InvalidDomain):
            Domain("things", [THING], [HISTORY], references, parents={"thing": "text"})
