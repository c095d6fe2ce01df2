"""``stet diff``, as a person and a program use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli import cli
from app.differing import MOST_WORDS, words

BODY = (
    "The liner struck ice off Newfoundland last night and all on board are safe. Her passengers"
    " are said to be on their way to Halifax."
)


def stet(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--home", str(home)])


def append(home: Path, stream: str, kind: str, **data: object) -> None:
    result = stet(home, "append", stream, kind, "--data", json.dumps(data))
    assert result.exit_code == 0, result.output


@pytest.fixture
def home(tmp_path: Path) -> Path:
    append(tmp_path, "tag/sea", "TagDefined", name="Sea")
    story = {"headline": "All saved", "published_at": "1912-04-15T05:00:00Z", "body": BODY}
    append(tmp_path, "article/1", "ArticlePublished", **story)
    body = BODY.replace("are safe", "are lost")
    append(tmp_path, "article/1", "ArticleRevised", headline="Sunk", body=body, tag_ids=["tag/sea"])
    append(tmp_path, "article/1", "ArticleRetracted")
    return tmp_path


def test_fields_items_and_words_that_changed_are_told(home):
    result = stet(home, "diff", "article/1", "--from", "2", "--to", "3")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("article/1 in articles, sequence 2 (20")
    assert "~ headline: All saved → Sunk" in lines
    assert lines[lines.index("~ body:") + 1] == (
        "    … night and all on board are [-safe.-]{+lost.+} Her passengers are said to be …"
    )
    assert '+ tags[tag/sea]: {"id":"tag/sea","name":"Sea","kind":null,"aliases":[]}' in lines


def test_the_json_has_all_of_both_sides(home):
    said = json.loads(stet(home, "diff", "article/1", "--from", "2", "--to", "3", "--json").stdout)
    assert (said["old_sequence"], said["new_sequence"]) == (2, 3)
    assert said["old_recorded_at"].endswith("Z")
    body = next(change for change in said["changes"] if change["path"] == "body")
    assert body["old"] == BODY


def test_without_to_it_is_until_now_and_what_ceased_is_said(home):
    lines = stet(home, "diff", "article/1", "--from", "3").stdout.splitlines()
    assert lines[1] == "no longer exists as of sequence 4; it had:"
    assert "- headline: Sunk" in lines


def test_what_did_not_exist_yet_is_said(home):
    lines = stet(home, "diff", "article/1", "--from", "0", "--to", "2").stdout.splitlines()
    assert lines[1] == "did not exist as of sequence 0; now it has:"
    assert "+ headline: All saved" in lines


def test_no_change_is_said(home):
    result = stet(home, "diff", "tag/sea", "--from", "1", "--to", "2")
    assert result.stdout.splitlines()[1:] == ["no change"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("article/1", "--from", "3", "--to", "2"), 1, "--from 3 is after --to 2"),
        (("article/1", "--from", "9"), 1, "there is no sequence 9"),
        (("article/1", "--from", "today", "--to", "-1y"), 1, "--from today is after --to -1y"),
        (("article/1", "--from", "04/05/1912"), 1, "(1912-04-05 or 1912-05-04)"),
        (("article/9", "--from", "1"), 1, "there is no article/9 in articles"),
        (("whales", "--from", "1"), 2, "give --view"),
        (("article/9",), 1, "article/9 has no event of its own"),
    ],
)
def test_what_cannot_be_compared_is_said(home, arguments, code, said):
    result = stet(home, "diff", *arguments)
    assert result.exit_code == code
    assert said in result.output


@pytest.mark.slow
def test_a_very_long_text_is_compared_by_sentences():
    old = "It is so. " * MOST_WORDS
    assert list(words(old + "The end. Safe.", old + "The end. Lost.")) == [
        "… It is so. It is so. It is so. It is so. It is so. The end. [-Safe.-]{+Lost.+}"
    ]


def test_what_commands_a_terminal_is_not_printed(home):
    append(home, "tag/sea", "TagRevised", name="\x1b[2J")
    assert "\x1b" not in stet(home, "diff", "tag/sea", "--from", "1").stdout
