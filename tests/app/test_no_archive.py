"""A home with a typing error: whatever reads says that there is no archive, and makes none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from archive import Archive, NoArchive

ARTICLE = "article/1"
COMMANDS = {
    "search": ["search", "whale"],
    "search --at": ["search", "whale", "--at", "0"],
    "export": ["export", "articles"],
    "export --at": ["export", "articles", "--at", "2026-01-01T00:00:00Z"],
    "log": ["log"],
    "log --stream": ["log", "--stream", ARTICLE],
    "history": ["history", ARTICLE],
    "explain": ["explain", ARTICLE],
    "diff": ["diff", ARTICLE, "--from", "0"],
    "status": ["status"],
    "generations": ["generations"],
    "compare": ["compare"],
    "verify": ["verify"],
    "prove": ["prove", "1"],
    "growth": ["growth", "--from", "2026-01", "--to", "2026-02"],
    "subscriptions": ["subscriptions"],
    "dead-letters": ["dead-letters", "list"],
    "similar": ["similar", ARTICLE],
    "suggest": ["suggest", "wha"],
    "preview": ["preview", ARTICLE, "ArticlePublished", "--data", '{"headline": "Whale"}'],
    "rebuild": ["rebuild"],
    "catch-up": ["catch-up"],
    "follow": ["follow"],
    "seal": ["seal"],
    "clear": ["clear"],
    "promote": ["promote", "1"],
    "roll-back": ["roll-back"],
}
CALLS: dict[str, Callable[[Archive], object]] = {
    "search": lambda archive: archive.search("whale"),
    "search at": lambda archive: archive.search("whale", at=0),
    "read": lambda archive: archive.read("articles"),
    "read at": lambda archive: archive.read("articles", at=0),
    "export": lambda archive: list(archive.export("articles")),
    "history": lambda archive: archive.history(ARTICLE),
    "explain": lambda archive: archive.explain(ARTICLE, "articles"),
    "diff": lambda archive: archive.diff(ARTICLE, "articles", old=0),
    "status": lambda archive: archive.status(),
    "generations": lambda archive: archive.generations(),
    "compare": lambda archive: list(archive.compare()),
    "needs_rebuild": lambda archive: archive.needs_rebuild(),
    "growth": lambda archive: archive.growth("2026-01", "2026-02"),
    "wait": lambda archive: archive.wait(0, 0),
    "preview": lambda archive: archive.preview("tag/a", "TagDefined", {"name": "A"}),
    "catch_up": lambda archive: archive.catch_up(),
    "rebuild": lambda archive: archive.rebuild(),
    "clear": lambda archive: archive.clear(),
    "promote": lambda archive: archive.promote(1),
    "roll_back": lambda archive: archive.roll_back(),
}
LOG: dict[str, Callable[[Archive], object]] = {
    "head": lambda archive: archive.log.head,
    "digest": lambda archive: archive.log.digest,
    "read": lambda archive: list(archive.log.read()),
    "stream": lambda archive: archive.log.stream(ARTICLE),
    "versions": lambda archive: archive.log.versions([ARTICLE]),
    "known": lambda archive: archive.log.known(["1"]),
    "verify": lambda archive: archive.log.verify(),
    "subscriptions": lambda archive: archive.log.subscriptions(),
    "serving": lambda archive: archive.engine.serving(),
    "dead letters": lambda archive: archive.dead_letters.letters(),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_reads_makes_no_archive(command: str, tmp_path: Path) -> None:
    home = tmp_path / "stet-hmoe"
    result = CliRunner().invoke(cli, [*COMMANDS[command], "--home", str(home)])
    assert result.exit_code == 1, result.output
    assert f"there is no archive at {home}: no such folder" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_reads_makes_no_archive(call: str, tmp_path: Path) -> None:
    with pytest.raises(NoArchive, match=r"there is no archive at .*stet-hmoe: no such folder"):
        CALLS[call](Archive(tmp_path / "stet-hmoe"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", LOG)
def test_reading_the_parts_of_an_archive_makes_none(call: str, tmp_path: Path) -> None:
    LOG[call](Archive(tmp_path / "stet-hmoe"))
    assert list(tmp_path.iterdir()) == []


def test_reading_a_folder_that_is_no_archive_writes_nothing_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STET_CACHE", str(tmp_path / "cache"))
    home = tmp_path / "photographs"
    home.mkdir()
    (home / "whale.jpg").write_bytes(b"a whale")
    archive = Archive(home)
    assert archive.read("articles").empty
    assert archive.status().head == 0
    assert archive.search("whale", at=0).total == 0
    assert [path.name for path in home.iterdir()] == ["whale.jpg"]


def test_an_append_begins_an_archive(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "new" / "home")
    assert archive.append("tag/sea", "TagDefined", {"name": "Sea"}).version == 1
    assert archive.history("tag/sea")
