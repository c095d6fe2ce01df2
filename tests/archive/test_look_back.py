"""Answers from the past: built once, by one process, and cleared away when they are not used."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from archive import Archive, look_back
from event_log import InvalidPoint, NewEvent
from search import Query
from search.errors import NotIndexed, SearchError, UnknownName


def define(archive: Archive, *names: str) -> None:
    archive.log.append([NewEvent(f"tag/{name}", "TagDefined", {"name": name}) for name in names])


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path)
    define(made, "sea", "ship", "sail")
    made.log.append([NewEvent("tag/sea", "TagRevised", {"name": "ocean"})])
    return made


def found(archive: Archive, text: str, at: int | str | None) -> list[str]:
    return [hit.id for hit in look_back.search_at(archive, Query(text, "topics"), at).hits]


def indexes(archive: Archive) -> list[str]:
    return sorted(path.name for path in (archive.folder / "past").iterdir() if path.is_dir())


def test_a_search_as_of_a_sequence_finds_what_was_the_case_then(archive):
    assert found(archive, "sea", 3) == ["tag/sea"]
    assert found(archive, "sea", 4) == []
    assert found(archive, "ocean", 3) == []
    assert found(archive, "ocean", 4) == ["tag/sea"]
    assert found(archive, "", 0) == []


def test_an_answer_from_the_past_is_what_a_rebuild_of_then_gives(archive):
    query = Query("", "topics", sort="newest", facets=["kind"], size=2, page=1)
    before = look_back.search_at(archive, query, 2)
    archive.rebuild(["topics"], at=2)
    now = archive.search(query)
    assert replace(before, generation=now.generation, behind=now.behind) == now


def test_what_serves_at_that_very_sequence_answers_and_nothing_is_built(archive):
    archive.rebuild(["topics"])
    assert found(archive, "ocean", 4) == ["tag/sea"]
    assert not (archive.folder / "past").exists()


def test_what_serves_of_other_code_does_not_answer_for_the_code_as_it_is(archive):
    archive.rebuild(["topics"])
    note = next(archive.folder.glob("index/*/topics.json"))
    note.write_text(re.sub(r'"code_version": \d+', '"code_version": 99', note.read_text()))
    assert found(archive, "ocean", 4) == ["tag/sea"]
    assert len(indexes(archive)) == 1


def test_it_is_built_once(archive):
    said: list[str] = []
    for _ in range(2):
        look_back.search_at(archive, Query("sea", "topics"), 3, tell=said.append)
    assert sum("computing" in line for line in said) == 1
    assert len(indexes(archive)) == 1


def test_another_log_with_as_many_events_does_not_find_the_index(archive, tmp_path_factory):
    assert found(archive, "sea", 3) == ["tag/sea"]
    other = Archive(tmp_path_factory.mktemp("other"))
    define(other, "hill", "dale", "moor")
    (archive.folder / "past").rename(other.folder / "past")
    assert found(other, "hill", 3) == ["tag/hill"]
    assert found(other, "sea", 3) == []


def test_a_point_or_a_view_that_there_is_not_is_said(archive):
    with pytest.raises(InvalidPoint, match="head is 4"):
        found(archive, "sea", 5)
    with pytest.raises(UnknownName, match="no view 'nowhere'"):
        look_back.search_at(archive, Query("sea", "nowhere"), 3)


SCRIPT = """
import sys, time
from archive import Archive, look_back
from search import Query
def tell(said):
    print(said, flush=True)
    if sys.argv[2] == "slow" and "checking" in said:
        time.sleep(60 if len(sys.argv) > 3 else 2)
archive = Archive(sys.argv[1])
print(look_back.search_at(archive, Query("sea", "topics"), 3, tell=tell).total, flush=True)
"""


def process(archive: Archive, *how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, archive.home, *how],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def until(running: subprocess.Popen[str], word: str) -> None:
    assert running.stdout
    assert any(word in line for line in running.stdout)


@pytest.mark.slow
def test_of_two_processes_one_builds_and_the_other_waits(archive):
    first = process(archive, "slow")
    until(first, "checking")
    said, _ = process(archive, "fast").communicate(timeout=60)
    assert "another process builds it" in said
    assert "computing" not in said
    assert said.endswith("\n1\n")
    assert first.communicate(timeout=60)[0] == "1\n"


@pytest.mark.slow
def test_killed_in_mid_build_the_next_begins_anew(archive):
    killed = process(archive, "slow", "very")
    until(killed, "checking")
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    assert not list(archive.folder.glob("past/*/index/serving.json"))
    assert found(archive, "sea", 3) == ["tag/sea"]


def test_a_damaged_index_of_the_past_is_made_anew(archive):
    assert found(archive, "sea", 3) == ["tag/sea"]
    for path in archive.folder.glob("past/*/index/000001/topics/*"):
        path.write_bytes(b"")
    assert found(archive, "sea", 3) == ["tag/sea"]
    next(archive.folder.glob("past/*/index/serving.json")).write_text("{")
    assert found(archive, "sea", 3) == ["tag/sea"]


def test_what_was_not_used_for_a_week_goes_and_what_was_used_stays(archive):
    assert found(archive, "sea", 2) == found(archive, "sea", 3) == ["tag/sea"]
    long_ago = time.time() - look_back.UNUSED_SECONDS - 60
    for used in archive.folder.glob("past/*/used"):
        os.utime(used, (long_ago, long_ago))
    assert found(archive, "sea", 3) == ["tag/sea"]
    assert [name.startswith("topics-3-") for name in indexes(archive)] == [True]


def test_when_they_are_too_large_together_those_used_last_stay(archive, monkeypatch):
    for at in (1, 2, 3):
        found(archive, "sea", at)
    monkeypatch.setenv("STET_PAST_MB", "0")
    assert found(archive, "sea", 2) == ["tag/sea"]
    assert [name.startswith("topics-2-") for name in indexes(archive)] == [True]


def test_one_that_is_in_use_is_not_removed_and_an_unfinished_one_is(archive):
    with look_back.opened(archive, "topics", 3):
        assert look_back.clear(archive.folder / "past", 0) == []
    unfinished = archive.folder / "past" / "topics-2-killed"
    unfinished.mkdir()
    assert look_back.clear(archive.folder / "past", 10**9) == [unfinished.name]


def test_a_limit_that_is_no_number_is_said(archive, monkeypatch):
    monkeypatch.setenv("STET_PAST_MB", "a lot")
    with pytest.raises(SearchError, match="STET_PAST_MB is 'a lot'"):
        found(archive, "sea", 3)


def test_where_it_cannot_be_written_it_says_so_and_leaves_nothing_that_answers(
    archive, monkeypatch
):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(look_back.EmbeddedEngine, "refresh", full)
        with pytest.raises(NotIndexed, match=r"cannot index topics as of 3: .*No space left"):
            found(archive, "sea", 3)
    assert found(archive, "sea", 3) == ["tag/sea"]
