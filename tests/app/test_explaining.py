"""``stet explain``, as a person and a program use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli import cli
from app.explaining import view_of
from archive import Archive
from newsroom import DOMAIN

TOPICS = DOMAIN.views["topics"].code_version


def stet(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--home", str(home)])


def append(home: Path, stream: str, kind: str, **data: object) -> None:
    result = stet(home, "append", stream, kind, "--data", json.dumps(data), "--actor", "ana")
    assert result.exit_code == 0, result.output


@pytest.fixture
def home(tmp_path: Path) -> Path:
    append(tmp_path, "tag/sea", "TagDefined", name="Sea")
    append(tmp_path, "tag/sea", "TagRevised", name="Ocean")
    assert stet(tmp_path, "rebuild", "topics").exit_code == 0
    append(tmp_path, "tag/sea", "TagRevised", name="Oceans")
    return tmp_path


def test_the_document_of_the_live_index_is_explained(home):
    lines = stet(home, "explain", "tag/sea").stdout.splitlines()
    assert lines[0] == "tag/sea in topics, as of sequence 2"
    assert lines[1].startswith(f"live generation 1 has it; code version {TOPICS}, built 20")
    assert lines[2].startswith("last written by sequence 2, recorded 20")
    assert lines[3] == "made from 1 entity, by 2 events:"
    assert lines[4].endswith("TagDefined tag/sea v1 by ana  (itself)")
    assert len(lines) == 6


def test_the_json_says_the_same(home):
    said = json.loads(stet(home, "explain", "tag/sea", "--json").stdout)
    assert (said["view"], said["sequence"], said["generation"]) == ("topics", 2, 1)
    assert said["searchable"] is True
    assert [cause["type"] for cause in said["latest"]] == ["TagDefined", "TagRevised"]
    assert said["latest"][0]["recorded_at"].endswith("Z")


@pytest.mark.slow
def test_a_document_made_by_very_many_events_is_a_few_lines_unless_all_are_asked_for(home):
    for number in range(25):
        append(home, "tag/sea", "TagRevised", name=f"Sea {number}")
    assert stet(home, "catch-up").exit_code == 0
    lines = stet(home, "explain", "tag/sea").stdout.splitlines()
    assert lines[3] == "made from 1 entity, by 28 events; the latest 20, --all prints all:"
    assert len(lines) == 4 + 20
    assert len(stet(home, "explain", "tag/sea", "--all").stdout.splitlines()) == 4 + 28


def test_where_no_index_is_live_it_is_the_logs_head(home):
    result = stet(home, "explain", "tag/sea@3")
    lines = result.stdout.splitlines()
    assert lines[0] == "tag/sea@3 in history, as of sequence 3"
    assert lines[1] == "no generation is live yet; code version 2"
    assert result.stderr == ""


def test_what_is_hidden_is_said_to_be(home):
    append(home, "tag/sea", "TagRemoved")
    assert stet(home, "catch-up").exit_code == 0
    assert "does not have it: it is hidden" in stet(home, "explain", "tag/sea").stdout


def test_what_was_never_created_is_said_to_be_named_only(home):
    """An import may name an entity that nobody ever brings."""
    article = {"headline": "Whales", "published_at": "1851-10-18", "tag_ids": ["tag/never"]}
    line = {"stream": "article/1", "type": "ArticlePublished", "data": article, "event_id": "a"}
    source = home / "one.jsonl"
    source.write_text(json.dumps(line))
    assert stet(home, "import", str(source)).exit_code == 0
    assert stet(home, "catch-up").exit_code == 0
    lines = stet(home, "explain", "tag/never").stdout.splitlines()
    assert "does not have it: it was never created, others only name it; code" in lines[1]
    assert json.loads(stet(home, "explain", "tag/never", "--json").stdout)["existed"] is False
    assert json.loads(stet(home, "explain", "article/1", "--json").stdout)["existed"] is True


def test_references_that_name_nothing_are_listed_until_the_entity_arrives(home):
    wrong = {"headline": "Ice", "published_at": "1851-10-18", "byline_ids": ["tag/sea", "byline/2"]}
    line = {"stream": "article/2", "type": "ArticlePublished", "data": wrong, "event_id": "b"}
    source = home / "two.jsonl"
    source.write_text(json.dumps(line))
    assert stet(home, "references").stdout == "0 unresolved references\n"
    assert stet(home, "import", str(source)).exit_code == 0
    listed = [json.loads(each) for each in stet(home, "references", "--json").stdout.splitlines()]
    field = {"category": "article", "field": "byline_ids", "count": 1}
    assert listed == [{**field, "id": "byline/2"}, {**field, "id": "tag/sea"}]
    append(home, "byline/2", "BylineRegistered", name="Ana")
    assert "1 unresolved reference\n" in stet(home, "references").stdout, "one of another category"


def test_where_other_code_built_the_live_index_that_is_said(home):
    note = next(home.glob("index/*/topics.json"))
    now = f'"code_version": {TOPICS}'
    note.write_text(note.read_text().replace(now, '"code_version": 9'))
    assert (
        f"code version 9 (the code is at {TOPICS} now)" in stet(home, "explain", "tag/sea").stdout
    )


@pytest.mark.parametrize(
    ("document", "view"),
    [
        ("article/a", "articles"),
        ("byline/a", "bylines"),
        ("image/a", "images"),
        ("section/a", "sections"),
        ("tag/a", "topics"),
        ("1912-04-16", "timeline"),
        ("article/a@3", "history"),
    ],
)
def test_the_view_is_known_by_the_id(tmp_path, document, view):
    assert view_of(Archive(tmp_path, DOMAIN), document, None) == view


def test_where_the_id_does_not_say_the_view_has_to_be_given(home):
    result = stet(home, "explain", "whales")
    assert result.exit_code == 2
    assert "give --view" in result.output
    result = stet(home, "explain", "whales", "--view", "topics")
    assert result.exit_code == 1
    assert result.stderr == "error: there is no whales in topics as of sequence 2\n"
