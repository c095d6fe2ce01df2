"""The commands for live generations and dead letters, on both engines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import real_elasticsearch
from click.testing import Result
from typer.testing import CliRunner

from app.cli import cli

PUBLISHED = {"headline": "The whale returns", "published_at": "1851-10-18T12:00:00Z"}
Run = Callable[..., Result]


@pytest.fixture(params=["embedded", pytest.param("elasticsearch", marks=pytest.mark.server)])
def run(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Runs a command over an archive with two generations of one article, then two."""

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli, [*arguments, "--home", str(tmp_path / "home")])

    used = real_elasticsearch.fresh() if request.param == "elasticsearch" else None
    if used is not None:
        monkeypatch.setenv("STET_SEARCH", used.url)
        monkeypatch.setenv("STET_SEARCH_PREFIX", used.prefix)
    for key in ("article/1", "article/2"):
        append(invoke, key, "ArticlePublished", PUBLISHED)
        assert invoke("rebuild", "articles").exit_code == 0
    yield invoke
    if used is not None:
        real_elasticsearch.remove(used)


def append(run: Run, stream: str, kind: str, data: dict[str, Any]) -> None:
    result = run("append", stream, kind, "--data", json.dumps(data))
    assert result.exit_code == 0, result.output


def total(run: Run) -> int:
    return int(json.loads(run("search", "whale", "--json").stdout)["total"])


def test_generations_are_listed_and_the_live_ones_marked(run: Run) -> None:
    told = [json.loads(line) for line in run("generations", "--json").stdout.splitlines()]
    assert [(g["generation"], g["documents"], g["live"]) for g in told] == [
        (1, 1, False),
        (2, 2, True),
    ]
    shown = run("generations").stdout
    assert shown.count("live") == 1


def test_one_goes_back_and_forth_between_generations(run: Run) -> None:
    assert total(run) == 2
    assert run("roll-back").stdout == "articles: generation 1 is live, as of sequence 1\n"
    assert total(run) == 1
    assert run("promote", "2").stdout == "generation 2 is live in articles\n"
    assert total(run) == 2
    assert run("roll-back", "--to", "1").exit_code == 0
    assert total(run) == 1


def test_a_search_answers_from_the_past_on_either_engine(run: Run) -> None:
    found = json.loads(run("search", "whale", "--at", "1", "--json").stdout)
    assert (found["total"], found["sequence"]) == (1, 1)
    assert found["as_of"]["live"] == 2
    now = json.loads(run("search", "whale", "--at", "2", "--json").stdout)
    assert (now["total"], now["generation"]) == (2, 2)


def test_a_document_is_explained_with_its_live_generation(run: Run) -> None:
    said = json.loads(run("explain", "article/2", "--json").stdout)
    assert (said["generation"], said["sequence"], said["searchable"]) == (2, 2, True)
    assert run("roll-back").exit_code == 0
    assert "no article/2 in articles as of sequence 1" in run("explain", "article/2").stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("promote", "9"), "there is no generation 9; see: stet generations"),
        (("roll-back", "--to", "9"), "there is no generation 9 among those kept"),
        (("dead-letters", "show", "article/1"), "article/1 is no dead letter"),
    ],
)
def test_what_is_not_there_is_one_line_and_changes_nothing(
    run: Run, arguments: tuple[str, ...], told: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert told in result.stderr
    assert total(run) == 2


def test_there_are_no_dead_letters_where_everything_is_taken(run: Run) -> None:
    assert run("dead-letters", "list").stdout == "0 dead letters\n"
    assert run("dead-letters", "replay").stdout == "0 of 0 dead letters indexed\n"


@pytest.mark.server
@pytest.mark.parametrize("run", ["elasticsearch"], indirect=True)
def test_a_dead_letter_is_listed_shown_and_replayed(run: Run) -> None:
    append(run, "section/s", "SectionOpened", {"name": "x" * 40_000})
    append(run, "article/3", "ArticlePublished", {**PUBLISHED, "section_id": "section/s"})
    refused = run("rebuild", "articles")
    assert refused.exit_code == 1
    assert "1 of 3 documents were rejected, more than 0.1 %" in refused.stderr
    assert total(run) == 2
    rebuilt = run("rebuild", "articles", "--dead-letters", "50", "--json")
    assert json.loads(rebuilt.stdout)["views"][0]["rejected"] == 1
    listed = run("dead-letters", "list").stdout
    assert "article/3" in listed
    assert listed.endswith("1 dead letter\n")
    (letter,) = [json.loads(x) for x in run("dead-letters", "list", "--json").stdout.splitlines()]
    assert (letter["view"], letter["key"], letter["generation"]) == ("articles", "article/3", 4)
    assert '"headline":"The whale returns"' in run("dead-letters", "show", "article/3").stdout
    again = run("dead-letters", "replay")
    assert (again.exit_code, again.stdout) == (1, "0 of 1 dead letter indexed\n")
    assert "article/3" in run("dead-letters", "list").stdout


def test_a_cluster_that_is_not_there_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    for arguments in (
        ("--search", "http://127.0.0.1:1", "status"),
        ("status", "--search", "http://127.0.0.1:1"),
        ("search", "whale", "--search", "http://127.0.0.1:1"),
        ("rebuild", "--search", "http://127.0.0.1:1"),
        ("generations", "--search", "http://127.0.0.1:1"),
    ):
        result = CliRunner().invoke(cli, arguments, env={"STET_HOME": str(tmp_path)})
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.count("\n") == 1
        assert "does not answer (connection refused); is Elasticsearch running" in result.stderr
