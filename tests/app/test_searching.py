"""What `stet search` says beside its hits: pages, staleness, and what to do without any."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from app.cli import cli
from archive import Archive
from event_log import EventLog, NewEvent, last_sequence


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("home")
    archive = Archive(home)
    for number in range(1, 13):
        archive.append(f"tag/{number:02d}", "TagDefined", {"name": f"Whale {number}"})
    archive.rebuild(["topics", "history"])
    return str(home)


def test_a_search_needs_no_text_and_says_which_page_of_how_many_it_prints(home: str):
    first = run("search", "--view", "topics", "--home", home)
    assert first.stdout.splitlines()[0] == "12 found, page 1 of 2"
    second = run("search", "--view", "topics", "--home", home, "--page", "2")
    assert second.stdout.splitlines()[0] == "12 found, page 2 of 2"
    assert second.stdout.splitlines()[1].startswith(" 11. ")
    assert run("search", "--view", "topics", "--home", home, "--size", "50").stdout.startswith(
        "12 found\n"
    )
    filtered = run("search", "--view", "topics", "--filter", "id=tag/03", "--home", home, "--json")
    answer = orjson.loads(filtered.stdout)
    assert [answer[name] for name in ("total", "page", "pages")] == [1, 1, 1]
    assert (
        orjson.loads(run("search", "whale", "--view", "topics", "--home", home, "--json").stdout)[
            "pages"
        ]
        == 2
    )


def test_events_that_the_index_does_not_have_yet_are_counted_and_said(tmp_path: Path):
    archive = Archive(tmp_path)
    archive.append("tag/a", "TagDefined", {"name": "Whale"})
    archive.rebuild(["topics"])
    words = ("search", "whale", "--view", "topics", "--home", str(tmp_path))
    assert run(*words).stderr == ""
    for version in (2, 3):
        archive.append("tag/a", "TagRevised", {"name": f"Whale {version}"})
        behind = version - 1
        answer = run(*words, "--json")
        assert orjson.loads(answer.stdout)["behind"] == behind
        events = "1 event" if behind == 1 else "2 events"
        said = f"the live index is {events} behind the log; run: stet catch-up\n"
        assert answer.stderr == run(*words).stderr == said
    assert archive.search("whale", "topics").behind == 2
    assert archive.search("whale", "topics", at=1).behind == 0
    archive.catch_up()
    assert run(*words).stderr == ""


def test_without_results_it_says_what_was_understood_and_what_to_try(home: str):
    found = run("search", "titanc", "--view", "topics", "--filter", "kind=ship", "--home", home)
    assert found.stdout == "0 found\n"
    assert found.stderr.splitlines() == [
        "no kind is 'ship'",
        "understood: titanc; kind is ship",
        "try without the filter kind",
        "try fewer or other words, or the beginning of one: tita*",
    ]


def test_hits_of_the_history_have_the_day_when_they_were_recorded(home: str):
    today = next(iter(Archive(home).log.read())).recorded_at.date().isoformat()
    lines = run("search", "--view", "history", "--home", home).stdout.splitlines()[1:]
    assert len(lines) == 10
    assert all(line.endswith(f"  {today}") for line in lines)


def test_the_last_sequence_is_read_from_names_and_footers_as_from_the_log(tmp_path: Path):
    log = EventLog(tmp_path / "log", Archive(tmp_path).domain.categories)
    assert last_sequence(tmp_path / "log") == log.head == 0
    for count in (1, 300, 2):
        first = log.head
        log.append(
            [NewEvent(f"tag/{first + n}", "TagDefined", {"name": "x" * 99}) for n in range(count)]
        )
        assert last_sequence(tmp_path / "log") == log.head
    log.seal()
    assert last_sequence(tmp_path / "log") == log.head == 303
    log.append([NewEvent("tag/more", "TagDefined", {"name": "More"})])
    assert last_sequence(tmp_path / "log") == log.head == 304
