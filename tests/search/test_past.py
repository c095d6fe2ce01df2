"""Answers from the past: built once, by one process, and cleared away when they are not used."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import search
from event_log import InvalidPoint, NewEvent
from search import Query, past, rebuild
from search.errors import NotIndexed, SearchError, UnknownName
from views.log import open_log


def define(home: Path, *names: str) -> None:
    open_log(home).append([NewEvent(f"tag/{name}", "TagDefined", {"name": name}) for name in names])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    define(tmp_path, "sea", "ship", "sail")
    open_log(tmp_path).append([NewEvent("tag/sea", "TagRevised", {"name": "ocean"})])
    return tmp_path


def found(home: Path, text: str, at: int | str | None) -> list[str]:
    return [hit.id for hit in past.search(home, Query(text, "topics"), at).hits]


def indexes(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "past").iterdir() if path.is_dir())


def test_a_search_as_of_a_sequence_finds_what_was_the_case_then(home):
    assert found(home, "sea", 3) == ["tag/sea"]
    assert found(home, "sea", 4) == []
    assert found(home, "ocean", 3) == []
    assert found(home, "ocean", 4) == ["tag/sea"]
    assert found(home, "", 0) == []


def test_an_answer_from_the_past_is_what_a_rebuild_of_then_gives(home):
    query = Query("", "topics", sort="newest", facets=["kind"], size=2, page=1)
    before = past.search(home, query, 2)
    rebuild.run(home, ["topics"], at=2)
    now = search.search(home, query)
    assert replace(before, generation=now.generation) == now


def test_what_serves_at_that_very_sequence_answers_and_nothing_is_built(home):
    rebuild.run(home, ["topics"])
    assert found(home, "ocean", 4) == ["tag/sea"]
    assert not (home / "past").exists()


def test_what_serves_of_other_code_does_not_answer_for_the_code_as_it_is(home):
    rebuild.run(home, ["topics"])
    note = next(home.glob("index/*/topics.json"))
    note.write_text(note.read_text().replace('"code_version": 1', '"code_version": 99'))
    assert found(home, "ocean", 4) == ["tag/sea"]
    assert len(indexes(home)) == 1


def test_it_is_built_once(home):
    said: list[str] = []
    for _ in range(2):
        past.search(home, Query("sea", "topics"), 3, tell=said.append)
    assert sum("computing" in line for line in said) == 1
    assert len(indexes(home)) == 1


def test_another_log_with_as_many_events_does_not_find_the_index(home, tmp_path_factory):
    assert found(home, "sea", 3) == ["tag/sea"]
    other = tmp_path_factory.mktemp("other")
    define(other, "hill", "dale", "moor")
    (home / "past").rename(other / "past")
    assert found(other, "hill", 3) == ["tag/hill"]
    assert found(other, "sea", 3) == []


def test_a_point_or_a_view_that_there_is_not_is_said(home):
    with pytest.raises(InvalidPoint, match="head is 4"):
        found(home, "sea", 5)
    with pytest.raises(UnknownName, match="no view 'nowhere'"):
        past.search(home, Query("sea", "nowhere"), 3)


SCRIPT = """
import sys, time
from search import Query, past
def tell(said):
    print(said, flush=True)
    if sys.argv[2] == "slow" and "checking" in said:
        time.sleep(60 if len(sys.argv) > 3 else 2)
print(past.search(sys.argv[1], Query("sea", "topics"), 3, tell=tell).total, flush=True)
"""


def process(home: Path, *how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(home), *how],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def until(running: subprocess.Popen[str], word: str) -> None:
    assert running.stdout
    assert any(word in line for line in running.stdout)


def test_of_two_processes_one_builds_and_the_other_waits(home):
    first = process(home, "slow")
    until(first, "checking")
    said, _ = process(home, "fast").communicate(timeout=60)
    assert "another process builds it" in said
    assert "computing" not in said
    assert said.endswith("\n1\n")
    assert first.communicate(timeout=60)[0] == "1\n"


def test_killed_in_mid_build_the_next_begins_anew(home):
    killed = process(home, "slow", "very")
    until(killed, "checking")
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    assert not list(home.glob("past/*/index/serving.json"))
    assert found(home, "sea", 3) == ["tag/sea"]


def test_a_damaged_index_of_the_past_is_made_anew(home):
    assert found(home, "sea", 3) == ["tag/sea"]
    for path in home.glob("past/*/index/000001/topics/*"):
        path.write_bytes(b"")
    assert found(home, "sea", 3) == ["tag/sea"]
    next(home.glob("past/*/index/serving.json")).write_text("{")
    assert found(home, "sea", 3) == ["tag/sea"]


def test_what_was_not_used_for_a_week_goes_and_what_was_used_stays(home):
    assert found(home, "sea", 2) == found(home, "sea", 3) == ["tag/sea"]
    long_ago = time.time() - past.UNUSED_SECONDS - 60
    for used in home.glob("past/*/used"):
        os.utime(used, (long_ago, long_ago))
    assert found(home, "sea", 3) == ["tag/sea"]
    assert [name.startswith("topics-3-") for name in indexes(home)] == [True]


def test_when_they_are_too_large_together_those_used_last_stay(home, monkeypatch):
    for at in (1, 2, 3):
        found(home, "sea", at)
    monkeypatch.setenv("STET_PAST_MB", "0")
    assert found(home, "sea", 2) == ["tag/sea"]
    assert [name.startswith("topics-2-") for name in indexes(home)] == [True]


def test_one_that_is_in_use_is_not_removed_and_an_unfinished_one_is(home):
    with past.opened(home, "topics", 3):
        assert past.clear(home / "past", 0) == []
    unfinished = home / "past" / "topics-2-killed"
    unfinished.mkdir()
    assert past.clear(home / "past", 10**9) == [unfinished.name]


def test_a_limit_that_is_no_number_is_said(home, monkeypatch):
    monkeypatch.setenv("STET_PAST_MB", "a lot")
    with pytest.raises(SearchError, match="STET_PAST_MB is 'a lot'"):
        found(home, "sea", 3)


def test_where_it_cannot_be_written_it_says_so_and_leaves_nothing_that_answers(home, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(past.EmbeddedEngine, "refresh", full)
        with pytest.raises(NotIndexed, match=r"cannot index topics as of 3: .*No space left"):
            found(home, "sea", 3)
    assert found(home, "sea", 3) == ["tag/sea"]
