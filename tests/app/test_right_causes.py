"""An error names its own cause: nothing is called damaged, or full, that is not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from tiers import first_of
from typer.testing import CliRunner

from app.cli import cli
from archive import Archive, Rebuild
from event_log import DamagedLog
from search import InvalidQuery, NotIndexed, Query

ARTICLE = "article/1"
WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("built") / "home"
    archive = Archive(home)
    published = {"headline": "The whale returns", "published_at": "1851-10-18T12:00:00Z"}
    archive.append("section/sea", "SectionOpened", {"name": "Sea"})
    archive.append(ARTICLE, "ArticlePublished", published | {"section_id": "section/sea"})
    archive.rebuild()
    archive.append(ARTICLE, "ArticleRevised", {"body": "They were seen off Montauk. " * 50})
    archive.catch_up()
    return home


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "home"))


def _run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--home", str(home)])


QUERIES: dict[str, dict[str, Any]] = {
    "a filter that is a number": {"filters": {"section": 5}},
    "a filter with a number in it": {"filters": {"section": ["Sea", 5]}},
    "a filter with nothing in it": {"filters": {"section": [None]}},
    "a filter that is bytes": {"filters": {"section": b"Sea"}},
    "a filter with half a character": {"filters": {"section": "\ud800"}},
    "an excluded filter that is a number": {"excluded": {"section": 1.5}},
    "filters that are a list": {"filters": ["section"]},
    "a text that is a number": {"text": 1912},
    "a text that is bytes": {"text": b"whale"},
    "a text with half a character": {"text": "whale \udcff"},
    "a view that is a number": {"view": 5},
    "a facet that is a number": {"facets": [5]},
    "a page that is a text": {"page": "1"},
    "a size that is a share": {"size": 1.5},
}


@pytest.mark.parametrize("values", QUERIES.values(), ids=QUERIES)
def test_a_query_with_a_value_of_another_kind_says_which(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidQuery) as raised:
        Query(**values)
    name = next(iter(values)).removesuffix("s").replace("excluded", "filter")
    assert name in str(raised.value).lower()
    assert "rebuild" not in str(raised.value)


def test_bytes_on_the_command_line_that_are_no_text_are_said(home: Path) -> None:
    for arguments in (["search", "wh\udcffle"], ["search", "whale", "--filter", "section=\udcff"]):
        result = _run(home, *arguments)
        assert result.exit_code == 1
        assert "bytes that are no characters" in result.stderr


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda content: content[: len(content) // 2],
    "empty": lambda _: b"",
    "no Parquet": lambda content: b"x" * len(content),
    "its end overwritten": lambda content: content[:-64] + b"\xff" * 64,
    "its footer overwritten": lambda content: content[:-400] + b"\xff" * 300 + content[-100:],
}
READING = {
    "rebuild": ["rebuild"],
    "export": ["export", "articles"],
    "history": ["history", ARTICLE],
    "explain": ["explain", ARTICLE],
    "diff": ["diff", ARTICLE, "--from", "1"],
    "look back": ["search", "whale", "--at", "2"],
    "log": ["log"],
    "verify": ["verify"],
}


@first_of("damage", DAMAGES)
def test_a_damaged_commit_is_named_by_every_command_that_reads_it(damage: str, home: Path) -> None:
    commit = home / "log/commits/00000000000000000002.parquet"
    commit.write_bytes(DAMAGES[damage](commit.read_bytes()))
    shutil.rmtree(home / "log/cache")
    for name, arguments in READING.items():
        result = _run(home, *arguments)
        assert result.exit_code == 1, (name, result.output)
        assert isinstance(result.exception, SystemExit), (name, result.exception)
        assert commit.name in result.stderr or "sequence 2" in result.stderr, (name, result.stderr)
        assert "restore" in result.stderr or "sequence 2" in result.stderr, (name, result.stderr)
        assert "room" not in result.stderr, (name, result.stderr)
    with pytest.raises(DamagedLog):
        Archive(home).read("articles")


def test_a_view_that_is_missing_is_no_full_disk(home: Path) -> None:
    rebuild = Rebuild.begin(Archive(home), ["articles"])
    try:
        with pytest.raises(NotIndexed, match=r"articles is not computed: there is no .*parquet"):
            rebuild.index("articles")
        rebuild.write("articles")
        rebuild.index("articles")
        rebuild.path("articles").unlink()
        with pytest.raises(NotIndexed, match="articles is not computed"):
            rebuild.check("articles")
    finally:
        rebuild.close()


PROGRAM = """
import sys
from app.cli import cli
cli(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("closed", "arguments"),
    [
        ("index/000001/articles/meta.json", ["search", "whale"]),
        ("log/commits/00000000000000000002.parquet", ["log"]),
        ("log/commits/00000000000000000002.parquet", ["verify"]),
        ("log/commits/00000000000000000002.parquet", ["export", "articles"]),
    ],
)
def test_a_file_that_may_not_be_read_is_not_called_damaged(
    closed: str, arguments: list[str], home: Path
) -> None:
    (home / closed).chmod(0)
    done = subprocess.run(
        [*WITHOUT_RIGHTS, sys.executable, "-c", PROGRAM, *arguments, "--home", str(home)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    assert "Check the owner and the mode" in done.stderr or "owner and mode" in done.stderr
    for wrong in ("damaged", "backup", "room", "rebuild", "Traceback"):
        assert wrong not in done.stderr, done.stderr


def test_a_number_of_more_than_64_bits_is_said_to_be_too_large(tmp_path: Path) -> None:
    for number in ("18446744073709551616", "9223372036854775808", "-9223372036854775809", "1e30"):
        data = f'{{"headline": "x", "published_at": "1912-01-01", "word_count": {number}}}'
        source = tmp_path / "in.jsonl"
        event = {"stream": ARTICLE, "type": "ArticlePublished", "data": 0}
        source.write_text(json.dumps(event).replace("0", data) + "\n")
        for arguments in (
            ["append", ARTICLE, "ArticlePublished", "--data", data],
            ["import", str(source)],
        ):
            result = _run(tmp_path / "home", *arguments)
            assert result.exit_code == 1, result.output
            assert "does not fit into 64 bits" in result.stderr, (number, result.stderr)
