"""Ids for events without one: importing a source again adds nothing, and loses nothing."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid5

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from processes import said, started
from typer.testing import CliRunner

from app.cli import cli
from connectors import importing
from connectors.derived import NAMESPACE, DerivedIds, Occurrences, source_name
from connectors.jsonlines import import_events
from event_log import EventLog, NewEvent
from newsroom.categories import CATEGORIES

ROOT = Path(__file__).parents[2]
TAG: dict[str, Any] = {"stream": "tag/a", "type": "TagDefined", "data": {"name": "A"}}
AGAIN: dict[str, Any] = {"stream": "tag/a", "type": "TagRemoved", "data": {}}


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "log", CATEGORIES)


def written(path: Path, *events: dict[str, Any]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(orjson.dumps(event) + b"\n" for event in events))
    return str(path)


def numbered(count: int) -> list[dict[str, Any]]:
    return [TAG | {"data": {"name": f"{number}"}} for number in range(count)]


def test_a_file_without_ids_is_imported_once_from_whatever_folder_and_compressed_or_not(
    log: EventLog, tmp_path: Path
) -> None:
    source = written(tmp_path / "one/a.jsonl", *numbered(50))
    first = import_events(log, source)
    assert (first.added, first.known, first.derived, first.source) == (50, 0, 50, "a.jsonl")
    moved = written(tmp_path / "two/a.jsonl", *numbered(50))
    again = import_events(log, moved)
    assert (again.added, again.known, again.derived) == (0, 50, 50)
    packed = tmp_path / "three/a.jsonl.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(Path(source).read_bytes()))
    assert import_events(log, str(packed)).known == 50
    assert log.head == 50


def test_a_file_that_has_grown_adds_what_it_gained(log: EventLog, tmp_path: Path) -> None:
    import_events(log, written(tmp_path / "a.jsonl", *numbered(30)))
    grown = import_events(log, written(tmp_path / "a.jsonl", TAG, *numbered(40)))
    assert (grown.added, grown.known) == (11, 30)


def test_events_of_one_file_that_say_the_same_are_all_kept_and_once(
    log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removed, defined afresh and removed again: leaving out the second removal would show it."""
    monkeypatch.setattr(importing, "CHUNK", 2)
    monkeypatch.setattr(importing, "COMMIT_EVENTS", 2)
    source = written(tmp_path / "a.jsonl", TAG, AGAIN, TAG, AGAIN)
    assert import_events(log, source).added == 4
    assert [event.type for event in log.read()] == ["TagDefined", "TagRemoved"] * 2
    assert (import_events(log, source).added, log.head) == (0, 4)


def test_spaces_the_order_of_fields_and_nulls_do_not_make_another_event(
    log: EventLog, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    event = TAG | {"data": {"name": "A", "kind": "work"}, "actor": "ana"}
    import_events(log, written(path, event))
    turned = dict(reversed(event.items())) | {"occurred_at": None, "event_id": None}
    turned["data"] = {"kind": "work", "name": "A"}
    path.write_text(json.dumps(turned, indent=None, separators=(" , ", " : ")))
    assert (import_events(log, str(path)).added, log.head) == (0, 1)


@pytest.mark.parametrize("change", [{"actor": "ana"}, {"occurred_at": "1912"}, {"stream": "tag/b"}])
def test_whatever_else_an_event_says_makes_another_event(
    log: EventLog, tmp_path: Path, change: dict[str, Any]
) -> None:
    import_events(log, written(tmp_path / "a.jsonl", TAG))
    assert import_events(log, written(tmp_path / "a.jsonl", TAG | change)).added == 1


def test_another_name_is_another_source_unless_the_source_is_named(
    log: EventLog, tmp_path: Path
) -> None:
    one, other = written(tmp_path / "a.jsonl", TAG), written(tmp_path / "b.jsonl", TAG)
    assert [import_events(log, file).added for file in (one, other)] == [1, 1]
    assert [import_events(log, file, source="cms").added for file in (one, other)] == [1, 0]


def test_ids_that_are_given_stay_and_only_the_others_are_made(
    log: EventLog, tmp_path: Path
) -> None:
    source = written(tmp_path / "a.jsonl", TAG | {"event_id": "cms-1"}, AGAIN)
    result = import_events(log, source)
    assert (result.added, result.derived) == (2, 1)
    ids = [event.event_id for event in log.read()]
    content = '{"data":{},"stream":"tag/a","type":"TagRemoved"}'
    assert ids == ["cms-1", str(uuid5(NAMESPACE, f"a.jsonl\n{content}"))]
    given = import_events(log, written(tmp_path / "b.jsonl", TAG | {"event_id": "cms-1"}))
    assert (given.known, given.derived, given.source) == (1, 0, None)


def test_a_rejected_line_that_is_mended_is_added_and_the_others_are_known(
    log: EventLog, tmp_path: Path
) -> None:
    bad = TAG | {"data": {"nome": "A"}}
    first = import_events(log, written(tmp_path / "a.jsonl", TAG, bad, AGAIN), "reject")
    assert (first.added, first.rejected, first.derived) == (2, 1, 2)
    mended = import_events(log, written(tmp_path / "a.jsonl", TAG, TAG, AGAIN), "reject")
    assert (mended.added, mended.known) == (1, 2)


def test_data_nested_deeper_than_json_is_written_is_a_bad_line(
    log: EventLog, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    deep = "[" * 500 + "]" * 500
    path.write_text(orjson.dumps(TAG).decode().replace('"A"', deep))
    assert import_events(log, str(path), "reject").rejected == 1


def test_two_imports_of_one_file_at_once_add_each_event_once(log: EventLog, tmp_path: Path) -> None:
    script = """
from connectors import importing, jsonlines
importing.COMMIT_EVENTS, importing.CHUNK = 100, 50
tell(jsonlines.import_events(log, arguments[0]).added)
"""
    source = written(tmp_path / "a.jsonl", *numbered(1000), *numbered(1000))
    told = said([started(script, log.path, source) for _ in range(3)])
    assert sum(added for lines in told for (added,) in lines) == log.head == 2000


def test_standard_input_is_a_source_of_its_own(log: EventLog) -> None:
    script = (
        "import sys; from event_log import EventLog; from newsroom.categories import CATEGORIES;"
        "from connectors.jsonlines import import_events;"
        "print(import_events(EventLog(sys.argv[1], CATEGORIES), '-').added)"
    )
    lines = b"\n".join(orjson.dumps(event) for event in numbered(20))
    added = [
        int(subprocess.run([sys.executable, "-c", script, str(log.path)], input=lines, cwd=ROOT,
                           capture_output=True, check=True).stdout)
        for _ in range(2)
    ]  # fmt: skip
    assert added == [20, 0]


def test_the_command_says_how_many_ids_were_made_and_from_what(tmp_path: Path) -> None:
    file = written(tmp_path / "a.jsonl", TAG, AGAIN | {"event_id": "x"})

    def stet(*arguments: str) -> str:
        return CliRunner().invoke(cli, [*arguments, "--home", str(tmp_path / "home")]).output

    made = "1 id made from a.jsonl and the content\n"
    assert stet("import", file) == f"{file}: 2 events added, 0 known already; {made}"
    assert stet("import", file) == f"{file}: 0 events added, 2 known already; {made}"
    named = json.loads(stet("import", file, "--source", "cms", "--json"))[file]
    assert (named["added"], named["known"], named["derived"], named["source"]) == (1, 1, 1, "cms")
    assert "goes without --producer" in stet("import", file, "--source", "x", "--producer", "y")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.jsonl", "a.jsonl"),
        ("/x/y/a.jsonl.zst", "a.jsonl"),
        ("a.b.gz", "a.b"),
        ("./e\u0301t\u00e9.jsonl", "\u00e9t\u00e9.jsonl"),
        ("-", "stdin"),
    ],
)
def test_the_source_s_name_is_the_file_s(path: str, name: str) -> None:
    assert source_name(path) == name


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=8), max_size=12))
def test_occurrences_are_counted_however_the_keys_are_cut(chunks: list[list[int]]) -> None:
    seen, plain = Occurrences(), Counter[int]()
    for chunk in chunks:
        expected = []
        for key in chunk:
            expected.append(plain[key])
            plain[key] += 1
        assert seen.before(np.array(chunk, np.uint64)).tolist() == expected


@given(st.data())
def test_the_ids_of_a_source_do_not_depend_on_how_it_is_cut(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from("abc"), max_size=20))
    events = [NewEvent("tag/a", "TagDefined", {"name": name}) for name in names]
    whole = DerivedIds("x").complete(events)
    at = data.draw(st.integers(0, len(events)))
    cut = DerivedIds("x")
    assert cut.complete(events[:at]) + cut.complete(events[at:]) == whole
    assert len({event.event_id for event in whole}) == len(events)


def test_many_keys_are_counted_in_few_runs() -> None:
    seen, draw = Occurrences(), random.Random(3)
    for _ in range(200):
        keys = np.array([draw.randrange(2**64) for _ in range(64)], np.uint64)
        assert not seen.before(keys).any()
    assert len(seen._runs) <= 8
