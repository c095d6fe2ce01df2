"""How commands are called: usage lines, help, and mistakes in a call."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from app.cli import cli


def stet(*arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments])


def paths(group: Any, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The names of all commands, those of groups included."""
    found = []
    for name, command in group.commands.items():
        path = (*above, name)
        found += paths(command, path) if hasattr(command, "commands") else [path]
    return found


COMMANDS = paths(typer.main.get_command(cli))
PIECE = re.compile(r"[A-Z]+(\.\.\.)?|\[[A-Za-z.]+(\.\.\.)?\]")


@pytest.mark.parametrize("path", COMMANDS, ids="-".join)
def test_a_usage_names_arguments_as_manuals_do(path: tuple[str, ...]) -> None:
    usage = " ".join(stet(*path, "--help").stdout.split("\n\n")[0].split())
    before, _, arguments = usage.partition(" [OPTIONS]")
    assert before.endswith(" ".join(path))
    assert all(PIECE.fullmatch(piece) for piece in arguments.split()), usage


def test_views_are_named_alike_in_every_command() -> None:
    for command in ("rebuild", "catch-up", "follow", "compare"):
        assert stet(command, "--help").stdout.split("\n")[0].endswith("[OPTIONS] [VIEW...]")


def test_a_lone_h_is_help_also_where_a_text_may_begin_with_a_minus(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path))
    for arguments in (("-h",), ("whales", "-h")):
        assert "Usage: " in stet("search", *arguments, *home).stdout
    for arguments in (("-harbor",), ("--", "-h")):
        result = stet("search", *home, *arguments)
        assert "Usage: " not in result.stdout
        assert "nothing to search" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("history",), "error: Missing argument 'STREAM'."),
        (("nonsuch",), "error: No such command 'nonsuch'."),
        (("rebuild", "nope"), "error: Invalid value: there is no view 'nope'; there are: articles"),
        (("search", "x", "--sort", "best"), "error: Invalid value for '--sort'"),
        (("dead-letters", "show"), "error: Missing argument 'DOCUMENT'."),
        (("log", "--nope"), "error: No such option: --nope"),
        (("search", "x", "--viwe", "articles"), "error: No such option: --viwe (Possible options:"),
        (("search", "--jsn"), "error: No such option: --jsn (Possible options: --json)"),
        (("search", "moon", "landing"), "error: the text is one argument; put its words in quotes"),
        (("search", "x", "--sort", "best"), "error: Invalid value for '--sort': 'best' is not one"),
    ],
)
def test_a_mistake_in_a_call_is_told_as_every_other_error(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    result = CliRunner().invoke(cli, [*arguments], env={"STET_HOME": str(tmp_path)})
    assert result.exit_code == 2
    assert result.stdout == ""
    first, second, third = result.stderr.splitlines()[:3]
    assert first.startswith("Usage: ")
    assert second.startswith("Try '")
    assert third.startswith(says)
    assert "Error" not in result.stderr


def test_a_call_without_a_command_is_answered_by_the_help() -> None:
    result = stet()
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")
    assert "error" not in result.stderr.split("Commands:")[0]


@pytest.mark.slow
def test_views_stand_in_one_order_in_every_command(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path))
    data = json.dumps({"headline": "Whales", "published_at": "1851-10-18", "body": "Whales. " * 99})
    assert (
        stet("append", "tag/sea", "TagDefined", "--data", '{"name": "Sea"}', *home).exit_code == 0
    )
    rebuilt = json.loads(stet("rebuild", "--json", *home).stdout)
    assert stet("append", "article/1", "ArticlePublished", "--data", data, *home).exit_code == 0
    caught_up = json.loads(stet("catch-up", "--json", *home).stdout)
    order = [view["view"] for view in rebuilt["views"]]
    assert [view["view"] for view in caught_up["views"]] == [
        name for name in order if name in {view["view"] for view in caught_up["views"]}
    ]
    assert len(caught_up["views"]) > 2
