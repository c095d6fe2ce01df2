"""An import with a producer's name: what is in the log of a file is known by its lines."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from processes import killed, said, started

from connectors import importing
from connectors.errors import BadLine, OtherImport, UnreadableFile
from connectors.jsonlines import import_events
from connectors.rejects import Rejects
from event_log import EventLog
from newsroom.categories import CATEGORIES

ROOT = Path(__file__).parents[2]
IMPORTS = """
from connectors import importing, jsonlines
importing.COMMIT_EVENTS, importing.CHUNK = 100, 50
from connectors.errors import OtherImport
def progress(events, *_):
    tell("read", events)
try:
    done = jsonlines.import_events(log, arguments[0], "reject", progress, producer="wire")
    tell("done", done.added)
except OtherImport:
    tell("left", 0)
"""


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "log", CATEGORIES)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "COMMIT_EVENTS", 100)
    monkeypatch.setattr(importing, "CHUNK", 50)


def line(number: int, **rest: Any) -> bytes:
    """An event that says its line's number, and has no id."""
    event = {"stream": "tag/a", "type": "TagDefined", "data": {"name": f"{number}"}} | rest
    return orjson.dumps(event)


def lines(count: int, after: int = 0) -> list[bytes]:
    """So many lines; every seventh is no event, and every eleventh is blank."""
    return [
        b"{oops" if n % 7 == 0 else b"" if n % 11 == 0 else line(n)
        for n in range(after + 1, after + count + 1)
    ]


def good(count: int) -> list[str]:
    return [f"{n}" for n in range(1, count + 1) if n % 7 and n % 11]


def names(log: EventLog) -> list[str]:
    found = [batch.column("tag").field("name").to_pylist() for batch in log.scan(["tag"])]
    return [name for part in found for name in part]


def rejected(source: Path) -> list[int]:
    told = Path(f"{source}.rejected.jsonl").read_bytes().splitlines()
    return [orjson.loads(each)["line"] for each in told]


def written(path: Path, found: list[bytes]) -> str:
    path.write_bytes(b"\n".join(found) + b"\n")
    return str(path)


def test_an_import_again_skips_what_the_log_has_and_adds_what_the_file_gained(
    log: EventLog, tmp_path: Path
) -> None:
    source = tmp_path / "a.jsonl"
    first = import_events(log, written(source, lines(1000)), "reject", producer="wire")
    assert (first.added, first.skipped, first.rejected) == (len(good(1000)), 0, 142)
    assert names(log) == good(1000)
    again = import_events(log, str(source), "reject", producer="wire")
    assert (again.added, again.skipped) == (0, log.position_of("wire"))
    grown = import_events(log, written(source, lines(1500)), "reject", producer="wire")
    assert grown.added == len(good(1500)) - len(good(1000))
    assert names(log) == good(1500)
    assert rejected(source) == [n for n in range(1, 1501) if n % 7 == 0]


def test_a_name_that_is_another_imports_begins_at_the_first_line(
    log: EventLog, tmp_path: Path
) -> None:
    source = written(tmp_path / "a.jsonl", [line(1), line(2)])
    for producer in ("one", "other", None):
        assert import_events(log, source, producer=producer).added == 2
    assert (log.head, log.position_of("one"), log.position_of("other")) == (6, 2, 2)


def test_stopping_at_a_bad_line_goes_on_after_the_last_commit_when_it_is_mended(
    log: EventLog, tmp_path: Path
) -> None:
    source = tmp_path / "a.jsonl"
    found = [line(n) for n in range(1, 261)]
    with pytest.raises(BadLine, match="line 251"):
        import_events(log, written(source, [*found[:250], b"{oops"]), producer="wire")
    assert log.position_of("wire") == 200
    assert import_events(log, written(source, found), producer="wire").added == 60
    assert names(log) == [f"{n}" for n in range(1, 261)]


def test_events_that_the_log_has_by_their_ids_do_not_hinder_it(
    log: EventLog, tmp_path: Path
) -> None:
    source = tmp_path / "a.jsonl"
    found = [line(n, event_id=f"id-{n}") for n in range(1, 451)]
    import_events(log, written(source, found[:350]))
    done = import_events(log, written(source, found), producer="wire")
    assert (done.added, done.known) == (100, 350)
    assert import_events(log, str(source), producer="wire").skipped == 450


def test_a_file_whose_events_the_log_has_by_their_ids_is_skipped_the_next_time(
    log: EventLog, tmp_path: Path
) -> None:
    source = written(tmp_path / "a.jsonl", [line(n, event_id=f"id-{n}") for n in range(1, 251)])
    import_events(log, source)
    for known, skipped in ((250, 0), (0, 250)):
        done = import_events(log, source, producer="wire")
        assert (done.added, done.known, done.skipped) == (0, known, skipped)
    assert log.position_of("wire") == 250


def test_a_file_with_fewer_lines_than_were_imported_is_another_file(
    log: EventLog, tmp_path: Path
) -> None:
    import_events(log, written(tmp_path / "a.jsonl", lines(20)), "reject", producer="wire")
    other = written(tmp_path / "b.jsonl", [line(1)])
    with pytest.raises(UnreadableFile, match=r"b\.jsonl: has 1 line, but producer 'wire'"):
        import_events(log, other, producer="wire")


@pytest.mark.parametrize("kind", [".gz", ".zst", "-"])
def test_compressed_files_and_standard_input_go_on_as_well(
    log: EventLog, tmp_path: Path, kind: str
) -> None:
    whole = b"\n".join(lines(1000))
    import_events(log, written(tmp_path / "a.jsonl", lines(400)), "reject", producer="wire")
    if kind == "-":
        script = (
            "import sys; from event_log import EventLog; from newsroom.categories import CATEGORIES"
            "; from connectors.jsonlines import import_events; sys.path[:0] = [sys.argv[2]]\n"
            "import_events(EventLog(sys.argv[1], CATEGORIES), '-', 'reject', producer='wire')"
        )
        command = [sys.executable, "-c", script, str(log.path), str(ROOT)]
        environment = {"PYTHONPATH": str(ROOT)}
        subprocess.run(command, input=whole, cwd=tmp_path, env=environment, check=True)
    else:
        path = tmp_path / f"b.jsonl{kind}"
        packed = gzip.compress(whole) if kind == ".gz" else pa.compress(whole, "zstd", asbytes=True)
        path.write_bytes(packed)
        import_events(log, str(path), "reject", producer="wire")
    assert names(log) == good(1000)


@pytest.mark.slow
def test_an_import_killed_twenty_times_adds_each_line_once_and_rejects_each_once(
    log: EventLog, tmp_path: Path
) -> None:
    count, draw = 20_000, random.Random(11)
    source = tmp_path / "a.jsonl"
    written(source, lines(count))
    broken_off = 0
    for _ in range(5):
        waiting = [started(IMPORTS, log.path, source) for _ in range(4)]
        for process in waiting:
            lists = log.position_of("wire") // 50 + draw.randrange(12)
            told = killed(process, draw.uniform(0.0, 0.03), lists)
            broken_off += "done" not in {what for what, _ in told}
            assert names(log) == good(log.position_of("wire"))
    assert broken_off >= 10
    assert log.position_of("wire") > 1000
    last = import_events(log, str(source), "reject", producer="wire")
    assert last.skipped + last.added > 0
    assert names(log) == good(count)
    assert rejected(source) == [n for n in range(1, count + 1) if n % 7 == 0]
    assert log.verify().events == len(good(count))


def test_of_two_imports_under_one_name_at_once_the_log_gets_each_line_once(
    log: EventLog, tmp_path: Path
) -> None:
    source = tmp_path / "a.jsonl"
    written(source, lines(3000))
    told = said([started(IMPORTS, log.path, source) for _ in range(2)])
    import_events(log, str(source), "reject", producer="wire")
    assert names(log) == good(3000)
    assert Counter(rejected(source)) == Counter(n for n in range(1, 3001) if n % 7 == 0)
    assert max(number for lines in told for what, number in lines if what == "done") > 0


def test_two_imports_cannot_set_aside_lines_of_one_file_at_once(
    log: EventLog, tmp_path: Path
) -> None:
    source = written(tmp_path / "a.jsonl", lines(20))
    holding = Rejects(source)
    holding.add(7, None, "is bad", b"{")
    with pytest.raises(OtherImport, match="another import is writing to"):
        import_events(log, source, "reject", producer="wire")
    holding.close()
    assert import_events(log, source, "reject", producer="wire").rejected == 2
    assert rejected(Path(source)) == [7, 14]
