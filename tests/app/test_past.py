"""Looking back on the command line: ``stet search --at``, as a person and a program use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli import cli


def stet(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--home", str(home)])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    define = ("append", "tag/sea", "TagDefined", "--data", '{"name": "Sea", "kind": "subject"}')
    assert stet(tmp_path, *define).exit_code == 0
    revise = ("append", "tag/sea", "TagRevised", "--data", '{"name": "Ocean"}')
    assert stet(tmp_path, *revise).exit_code == 0
    return tmp_path


def test_a_search_as_of_a_sequence_says_which_point_it_is_for_and_what_is_live(home):
    stet(home, "rebuild", "topics")
    result = stet(home, "search", "sea", "--view", "topics", "--at", "1", "--facet", "kind")
    assert result.exit_code == 0, result.output
    assert "1. [Sea]  (tag/sea)" in result.stdout
    assert "kind: subject 1" in result.stdout
    assert result.stderr.startswith("as of sequence 1, recorded 20")
    assert result.stderr.endswith("the live index is at sequence 2\n")


def test_the_json_says_it_as_well(home):
    result = stet(home, "search", "sea", "--view", "topics", "--at", "1", "--json")
    said = json.loads(result.stdout)
    assert said["total"] == 1
    assert said["as_of"]["sequence"] == said["sequence"] == 1
    assert said["as_of"]["recorded_at"].endswith("Z")
    assert said["as_of"]["live"] is None


def test_an_instant_is_the_log_as_it_had_been_recorded_then(home):
    first = json.loads(stet(home, "log", "--json", "--limit", "1").stdout)["recorded_at"]
    result = stet(home, "search", "sea", "--view", "topics", "--at", first)
    assert result.stdout.startswith("1 found")
    assert result.stderr == f"as of sequence 1, recorded {first}; no index is live\n"


def test_a_point_that_there_is_not_is_one_line(home):
    result = stet(home, "search", "sea", "--at", "9")
    assert result.exit_code == 1
    assert result.stderr == "error: there is no sequence 9; the log's head is 2\n"
    assert "for the year write 2026-12" in stet(home, "search", "sea", "--at", "2026").stderr


@pytest.mark.parametrize(
    ("at", "found"), [("today", 1), ("+1d", 1), ("1999-12", 0), ("31 Dec 1999", 0), ("-10y", 0)]
)
def test_a_point_may_be_a_day_a_month_or_a_relative_date_and_is_their_end(home, at, found):
    for option in (("--at", at), (f"--at={at}",)):
        result = stet(home, "search", "ocean", "--view", "topics", *option)
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith(f"{found} found")
