"""Reading one's own writes: ``stet append --wait`` as a person and a program use it."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli import cli
from archive import Archive, NotVisible
from newsroom import DOMAIN


def stet(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--home", str(home)])


def append(home: Path, stream: str, *arguments: str) -> Result:
    return stet(home, "append", stream, "TagDefined", "--data", '{"name": "Sea"}', *arguments)


@pytest.fixture
def served(tmp_path: Path) -> Path:
    assert append(tmp_path, "tag/1").exit_code == 0
    assert stet(tmp_path, "rebuild").exit_code == 0
    return tmp_path


def test_waiting_returns_when_another_has_caught_up_and_says_when_in_each_view(served):
    def later() -> None:
        time.sleep(0.5)
        Archive(served, DOMAIN).rebuild()

    other = threading.Thread(target=later)
    other.start()
    result = append(served, "tag/2", "--wait", "--timeout", "60", "--json")
    other.join()
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["last"] == 2
    assert len(said["searchable_after"]) == 7
    assert min(said["searchable_after"].values()) > 0.3
    assert said["not_yet"] == {}


def test_when_nobody_catches_up_it_says_what_to_do_and_the_event_is_appended(served):
    result = append(served, "tag/2", "--wait", "--timeout", "0.2")
    assert result.exit_code == 1
    assert result.stdout.startswith("sequence 2, version 1 of tag/2")
    assert result.stderr.startswith("appended, but not searchable yet: articles (at 1), ")
    assert result.stderr.endswith("run stet catch-up or stet follow\n")
    assert len(stet(served, "log", "--json").stdout.splitlines()) == 2


def test_where_nothing_serves_it_does_not_wait_and_says_to_rebuild(tmp_path):
    result = append(tmp_path, "tag/1", "--wait")
    assert result.exit_code == 1
    assert "sequence 1" in result.stdout
    assert "run stet rebuild" in result.stderr


def test_a_view_of_other_code_is_named_and_not_waited_for(served):
    note = next(served.glob("index/*/topics.json"))
    said = json.loads(note.read_text())
    said["about"]["code_version"] += 1
    note.write_text(json.dumps(said))
    with pytest.raises(NotVisible) as error:
        Archive(served, DOMAIN).wait(2, timeout=0)
    assert "topics" not in error.value.late
    result = append(served, "tag/2", "--wait", "--timeout", "0")
    built_by = DOMAIN.views["topics"].code_version + 1
    assert f"topics was built by version {built_by} of its code" in result.stderr
    assert "not waited for; run: stet rebuild topics\n" in result.stderr


def test_what_is_there_already_is_not_waited_for(served):
    assert set(Archive(served, DOMAIN).wait(1, timeout=0)) >= {"articles", "history"}


def test_status_names_a_view_that_only_a_rebuild_brings_forward(served):
    note = next(served.glob("index/*/topics.json"))
    said = json.loads(note.read_text())
    said["about"]["mapping"] = "of another layout"
    note.write_text(json.dumps(said))
    result = stet(served, "status")
    assert result.exit_code == 0
    assert result.stderr == "topics is indexed in another way now; run: stet rebuild topics\n"
    views = {v["view"]: v for v in json.loads(stet(served, "status", "--json").stdout)["views"]}
    assert views["topics"]["needs_rebuild"] == "is indexed in another way now"
    assert views["articles"]["needs_rebuild"] is None


def test_status_of_an_archive_without_generations_says_nothing_on_stderr(tmp_path):
    result = stet(tmp_path, "status")
    assert (result.exit_code, result.stderr) == (0, "")
