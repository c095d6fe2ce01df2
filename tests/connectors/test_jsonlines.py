"""Importing JSON Lines: given a file, then events, and every bad line told with its reason."""

from __future__ import annotations

import gzip
import io
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from connectors import importing
from connectors.errors import BadLine, UnreadableFile
from connectors.jsonlines import import_events
from connectors.lines import LONGEST_LINE
from event_log import EventLog
from newsroom.categories import CATEGORIES

ARTICLE: dict[str, Any] = {"headline": "Whales return", "published_at": "1851-10-18T12:00:00Z"}


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "log", CATEGORIES)


def published(number: int, **changes: Any) -> bytes:
    event = {
        "stream": f"article/{number}",
        "type": "ArticlePublished",
        "data": ARTICLE,
        "event_id": f"id-{number}",
    } | changes
    return orjson.dumps(event)


def written(path: Path, *lines: bytes) -> str:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return str(path)


def test_each_line_becomes_an_event_in_order(log: EventLog, tmp_path: Path) -> None:
    source = written(tmp_path / "a.jsonl", *(published(n) for n in range(1, 6)))
    assert import_events(log, source).added == 5
    assert [e.stream for e in log.read()] == [f"article/{n}" for n in range(1, 6)]


def test_importing_again_adds_nothing_and_says_how_many_were_known(
    log: EventLog, tmp_path: Path
) -> None:
    source = written(tmp_path / "a.jsonl", *(published(n) for n in range(1, 6)), published(3))
    first = import_events(log, source)
    assert (first.added, first.known) == (5, 1)
    again = import_events(log, source)
    assert (again.added, again.known, log.head) == (0, 6, 5)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_compressed_file_is_read_as_its_text(log: EventLog, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    with pa.output_stream(path, compression="gzip" if suffix == ".gz" else "zstd") as stream:
        stream.write(published(1) + b"\n" + published(2))
    assert import_events(log, str(path)).added == 2


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_file_that_ends_in_the_middle_of_a_compressed_block_is_told(
    log: EventLog, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    with pa.output_stream(path, compression="gzip" if suffix == ".gz" else "zstd") as stream:
        for number in range(30_000):
            stream.write(published(number, event_id=f"{number * 7919 % 30_011:x}") + b"\n")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(UnreadableFile, match="cannot be read from here on"):
        import_events(log, str(path))
    rejected = import_events(log, str(path), "reject")
    assert rejected.rejected == 1
    assert 0 < log.head < 30_000


def test_standard_input_is_read_with_a_dash(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(published(1))))
    assert import_events(log, "-").added == 1


def test_blank_lines_a_byte_order_mark_and_windows_line_ends_do_no_harm(
    log: EventLog, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + published(1) + b"\r\n\r\n  \n" + published(2))
    assert import_events(log, str(path)).added == 2


def article(**data: Any) -> bytes:
    return published(1, data=ARTICLE | data)


BAD = {
    "not JSON": (b"{oops", None, "is not JSON"),
    "not UTF-8": (b'{"stream": "\xff"}', None, "is not JSON"),
    "not an object": (b"[1]", None, "is not an object"),
    "no stream": (published(1, stream=None), "stream", "is missing"),
    "no type": (published(1, type=None), "type", "is missing"),
    "no data": (published(1, data=None), "data", "is missing"),
    "data is no object": (published(1, data=[1]), "data", "must be an object"),
    "unknown type": (published(1, type="ArticleEaten"), "type", "'ArticleEaten' is unknown"),
    "a type that is no string": (published(1, type=["x"]), "type", "must be a string"),
    "type of another category": (published(1, type="TagDefined"), "type", "category 'tag'"),
    "missing required field": (
        published(1, data={"headline": "x"}), "data.published_at", "is required",
    ),
    "null required field": (article(headline=None), "data.headline", "cannot be null"),
    "a field of the wrong type": (article(headline=5), "data.headline", "must be a string"),
    "a number that is not whole": (article(word_count=1.5), "data.word_count", "whole number"),
    "an unknown field": (article(colour="red"), "data.colour", "is no field of 'article'"),
    "an unknown field of the event": (published(1, colour="red"), "colour", "is no field"),
    "a date that is none": (article(published_at="18 May"), "data.published_at", "ISO 8601"),
    "an occurred_at that is none": (published(1, occurred_at="soon"), "occurred_at", "ISO 8601"),
    "an empty stream name": (published(1, stream=""), "stream", "is empty"),
    "a stream without category": (published(1, stream="one"), "stream", "has no category"),
    "a stream without id": (published(1, stream="article/"), "stream", "has no id"),
    "a stream with control characters": (published(1, stream="article/\n"), "stream", "control"),
    "an id list that is a string": (article(tag_ids="tag/a"), "data.tag_ids", "list of strings"),
    "an id list with a number": (article(tag_ids=["a", 1]), "data.tag_ids", "list of strings"),
    "an id list with a null": (article(tag_ids=[None]), "data.tag_ids", "list of strings"),
    "a required field cleared": (article(cleared=["headline"]), "data.cleared", "required"),
    "an unknown field cleared": (article(cleared=["colour"]), "data.cleared", "'colour'"),
    "a stream that never began": (
        published(1, type="ArticleRevised", data={}),
        "type",
        "article/1 does not exist; ArticlePublished comes first",
    ),
    "a line over 16 MB": (b" " * (LONGEST_LINE + 1), None, "longer than 16 MB"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_line_stops_the_import_and_says_where_and_why(
    log: EventLog, tmp_path: Path, kind: str
) -> None:
    line, field, reason = BAD[kind]
    source = written(tmp_path / "a.jsonl", published(7), line)
    with pytest.raises(BadLine) as caught:
        import_events(log, source)
    assert (caught.value.path, caught.value.line) == (source, 2)
    assert caught.value.field == field
    assert reason in caught.value.reason
    assert log.head == 0


def test_rejecting_sets_bad_lines_aside_with_reasons_and_goes_on(
    log: EventLog, tmp_path: Path
) -> None:
    lines = [line for line, _, _ in BAD.values()]
    source = written(tmp_path / "a.jsonl", published(7), *lines, published(8))
    result = import_events(log, source, "reject")
    assert (result.added, result.rejected) == (2, len(BAD))
    rejected = Path(f"{source}.rejected.jsonl").read_bytes().splitlines()
    told = [orjson.loads(line) for line in rejected]
    assert sorted(t["line"] for t in told) == list(range(2, len(BAD) + 2))
    for found in told:
        _, field, reason = list(BAD.values())[found["line"] - 2]
        assert found["field"] == field
        assert reason in found["reason"]


def test_stopping_keeps_all_whole_commits_before_the_bad_line(
    log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "COMMIT_EVENTS", 10)
    monkeypatch.setattr(importing, "CHUNK", 5)
    source = written(tmp_path / "a.jsonl", *(published(n) for n in range(27)), b"{oops")
    with pytest.raises(BadLine, match="line 28"):
        import_events(log, source)
    assert log.head == 20


def test_a_stream_that_began_in_an_earlier_commit_may_be_revised_in_a_later_one(
    log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "COMMIT_EVENTS", 4)
    monkeypatch.setattr(importing, "CHUNK", 2)
    revised = [
        published(n, type="ArticleRevised", data={"kicker": "k"}, event_id=f"r{n}")
        for n in range(12)
    ]
    source = written(tmp_path / "a.jsonl", *(published(n) for n in range(12)), *revised)
    assert import_events(log, source).added == 24


def test_a_missing_file_is_one_line_that_says_so(log: EventLog, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"nowhere\.jsonl: there is no such file"):
        import_events(log, str(tmp_path / "nowhere.jsonl"))


@pytest.mark.slow
def test_an_import_that_is_killed_and_run_again_adds_exactly_what_was_missing(
    log: EventLog, tmp_path: Path
) -> None:
    source = written(tmp_path / "a.jsonl", *(published(n) for n in range(20_000)))
    script = (
        "import sys; from event_log import EventLog; from newsroom.categories import CATEGORIES;"
        "from connectors import importing, jsonlines;"
        "importing.COMMIT_EVENTS = importing.CHUNK = 500;"
        "jsonlines.import_events(EventLog(sys.argv[1], CATEGORIES), sys.argv[2])"
    )
    for _ in range(3):
        running = subprocess.Popen([sys.executable, "-c", script, str(log.path), source])
        before = log.head
        while log.head == before and running.poll() is None:
            time.sleep(0.005)
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert log.head > 0
    result = import_events(log, source)
    assert result.added + result.known == 20_000
    assert [e.stream for e in log.read()] == [f"article/{n}" for n in range(20_000)]
    assert log.verify().events == 20_000


def test_gzip_of_the_standard_library_is_read_too(log: EventLog, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(published(1)) + gzip.compress(b"\n" + published(2)))
    assert import_events(log, str(path)).added == 2
