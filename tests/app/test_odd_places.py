"""An archive works wherever it lies: no character in its path means anything."""

from __future__ import annotations

import json
import os
import string
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli import cli
from archive import Archive
from event_log import settings

EVERY = "".join(c for c in string.printable if c not in "/\x00")
"""Every printable character that a name may have, among them the ends of lines."""
PLACES = {
    "every printable character": os.fsencode(EVERY),
    "no UTF-8": b"caf\xe9 \xff\xfe",
    "partitions": b"id=5/sequence=7/category=tag/view=1",
    "a pattern of nothing": b"[]",
    "a name of 255 bytes": b"?" * 255,
    "scripts": "Zürich 北京 \u202eאב".encode(),
    "spaces at the ends": b" a ",
    "a URL": b"s3:/file:/a",
    "options": b"a?access_mode=READ_ONLY",
}


def _run(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, arguments, env={"STET_HOME": None, "COLUMNS": "200"})
    assert result.exit_code == 0, (arguments, result.output, result.exception)
    assert "aside" not in result.stderr, result.stderr
    return result


def _try_every_command(home: Path, quick: bool = False) -> None:
    def run(*arguments: str) -> str:
        return _run(*arguments, "--home", str(home)).stdout

    published = {"headline": "Whale", "published_at": "1912-01-01", "section_id": "section/sea"}
    run("append", "section/sea", "SectionOpened", "--data", '{"name": "Sea"}')
    run("append", "article/1", "ArticlePublished", "--data", json.dumps(published))
    run("rebuild")
    for number in (1, 2):  # the second step has a write-ahead log to continue from
        revised = json.dumps({"headline": f"Whale {number}"})
        run("append", "article/1", "ArticleRevised", "--data", revised)
        run("catch-up")
    assert "[Whale] 2" in run("search", "whale")
    if quick:
        return
    run("seal", "--grace", "0")
    run("append", "article/1", "ArticleRevised", "--data", '{"headline": "Whale 3"}')
    run("catch-up")
    assert "[Whale] 3" in run("search", "whale")
    assert "1. [Whale]  (article/1)" in run("search", "whale", "--at", "2")
    assert json.loads(run("export", "articles"))["sequence"] == 5
    assert "Whale 2 → Whale 3" in run("history", "article/1")
    assert "equal the view" in run("compare")
    for arguments in (
        ("explain", "article/1"),
        ("diff", "article/1", "--from", "2"),
        ("verify",),
        ("status",),
        ("preview", "article/1", "ArticleRevised", "--data", '{"headline": "x"}'),
        ("generations",),
    ):
        run(*arguments)
    assert Archive(home).read("articles").sequence.to_list() == [5]


UNUSUAL = "".join(c for c in EVERY if not c.isalnum())
FOUR_EACH = [UNUSUAL[place : place + 4] for place in range(0, len(UNUSUAL), 4)]


def test_an_archive_is_filled_rebuilt_and_searched_in_a_folder_of_every_character(
    tmp_path: Path,
) -> None:
    _try_every_command(tmp_path / EVERY, quick=True)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_an_archive_works_in_a_folder_of_any_name(place: str, tmp_path: Path) -> None:
    home = tmp_path / os.fsdecode(PLACES[place])
    _try_every_command(home)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {home.relative_to(tmp_path).parts[0]}, "nothing lies beside the archive"


@pytest.mark.slow
@pytest.mark.parametrize("characters", FOUR_EACH, ids=ascii)
def test_an_archive_works_with_each_character_in_its_path(characters: str, tmp_path: Path) -> None:
    inside_and_first = (name for c in characters for name in (f"a{c}b", f"{c}c"))
    _try_every_command(tmp_path.joinpath(*inside_and_first, "home"))


def test_a_relative_path_and_a_link_lead_to_the_same_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "a?link").symlink_to("there")
    monkeypatch.chdir(tmp_path)
    archive = Archive("a?link/../there/home")
    archive.append("tag/sea", "TagDefined", {"name": "Sea"})
    archive.rebuild()
    monkeypatch.chdir("/")
    assert archive.read("topics").name.to_list() == ["Sea"], "it stays where it was opened"
    assert Archive(tmp_path / "a?link/home").search("sea", view="topics").total == 1


FILES = {
    "every printable character": os.fsencode(EVERY[:-6] + "\n.jsonl"),
    "no UTF-8": b"caf\xe9.jsonl",
    "a minus": b"-.jsonl",
    "almost too long": b"x" * 233 + b".jsonl",
    "a pattern": b"*.jsonl",
}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("file", FILES)
def test_a_file_of_any_name_is_imported_and_its_bad_lines_lie_beside_it(
    file: str, as_json: bool, tmp_path: Path
) -> None:
    source = tmp_path / os.fsdecode(FILES[file])
    event = {"stream": "tag/sea", "type": "TagDefined", "data": {"name": "Sea"}, "event_id": "1"}
    source.write_text(json.dumps(event) + "\nno event\n")
    arguments = ["import", str(source), "--on-error", "reject", "--home", str(tmp_path / "home")]
    result = CliRunner().invoke(cli, [*arguments, *(["--json"] if as_json else [])])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exception
    assert "1 line rejected" in result.stderr
    if as_json:
        assert [of["added"] for of in json.loads(result.stdout).values()] == [1]
    else:
        assert "1 event added" in result.stdout
    assert Path(f"{source}.rejected.jsonl").is_file()


def test_a_file_that_is_missing_is_named_as_it_may_be_shown(tmp_path: Path) -> None:
    missing = tmp_path / os.fsdecode(b"caf\xe9\x1b[31m.jsonl")
    result = CliRunner().invoke(cli, ["import", str(missing), "--home", str(tmp_path / "home")])
    assert result.exit_code == 1
    assert "caf\\xe9\\x1b[31m.jsonl: there is no such file" in result.stderr


@pytest.mark.parametrize("name", ["every printable character", "no UTF-8", "spaces at the ends"])
def test_a_settings_file_of_any_name_is_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / os.fsdecode(PLACES[name])
    config.write_text("STET_THREADS = 3\n")
    result = CliRunner().invoke(cli, ["--config", str(config), "settings", "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    monkeypatch.setenv("STET_CONFIG", str(config))
    assert settings.whole("STET_THREADS") == 3


def test_a_home_with_spaces_at_its_ends_comes_from_the_environment_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STET_HOME", " a ")
    data = ["--data", '{"name": "Sea"}']
    result = CliRunner().invoke(cli, ["append", "tag/sea", "TagDefined", *data])
    assert result.exit_code == 0, result.output
    assert [path.name for path in tmp_path.iterdir()] == [" a "]
