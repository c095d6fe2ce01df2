"""What a command does not wait for: libraries that its answer does not need."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archive import Archive

ROOT = Path(__file__).parents[2]
NEIGHBOURS = ["explain byline/1", "diff byline/1", "export bylines --key byline/1"]
"""Commands that ask DuckDB what an earlier process compiled."""
HEAVY = {"dagster", "duckdb", "elasticsearch", "ibis", "obstore", "pandas"}
LOADED = """
import sys
from app.cli import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
REVISION = json.dumps({"title": "Editor"})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of a byline and its article, that has been rebuilt."""
    home = tmp_path_factory.mktemp("waiting") / "home"
    archive = Archive(home)
    archive.append("byline/1", "BylineRegistered", {"name": "Ana Ruiz"})
    archive.append("byline/1", "BylineRevised", {"title": "Reporter"})
    published = {"headline": "Whales", "published_at": "1851-10-18", "byline_ids": ["byline/1"]}
    archive.append("article/1", "ArticlePublished", published)
    archive.rebuild()
    return home


ALWAYS = (
    "search whales",
    "status",
    "history byline/1",
    f"append byline/1 BylineRevised --data {REVISION}",
)
ALSO = (
    "generations",
    "settings",
    "subscriptions",
    "types article",
    "suggest wha",
    "similar article/1",
    "on-this-day",
    "show byline/1",
    "log --since today",
    "prove 1",
    "restore byline/1 --version 1",
    "undo 2",
)


@pytest.mark.parametrize(
    "command", [*ALWAYS, *(pytest.param(each, marks=pytest.mark.slow) for each in ALSO)]
)
def test_a_command_does_not_load_what_its_answer_does_not_need(
    command: str, built: Path, tmp_path: Path
) -> None:
    home = shutil.copytree(built, tmp_path / "home")
    words, data, value = command.partition(" --data ")
    arguments = [*words.split(), *(["--data", value] if data else []), "--home", str(home)]
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert HEAVY & {*done.stderr.split()} == set()


@pytest.mark.parametrize(
    "command", [NEIGHBOURS[0], *(pytest.param(c, marks=pytest.mark.slow) for c in NEIGHBOURS[1:])]
)
def test_a_document_is_made_by_sql_that_an_earlier_process_compiled(
    command: str, built: Path, tmp_path: Path
) -> None:
    home = shutil.copytree(built, tmp_path / "home")
    Archive(home).append("byline/1", "BylineRevised", {"bio": "Of the sea"})
    loaded = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", LOADED, *command.split(), "--home", str(home)],
            cwd=ROOT, capture_output=True, text=True,
            env={**os.environ, "STET_CACHE": str(tmp_path / "cache")},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        loaded.append({"ibis", "pandas"} & {*done.stderr.split()})
    assert loaded == [{"ibis"}, set()]


@pytest.mark.parametrize(
    "script",
    [
        "import pandas as pd, pyarrow as pa;"
        "assert pa.array(pd.Series([1, None])).to_pylist() == [1, None]",
        "import pyarrow as pa, pandas as pd;"
        "assert pa.table({'a': [1]}).to_pandas().a.to_list() == [1]",
        "import pyarrow as pa; pa.array([1]); assert 'pandas' not in sys.modules",
    ],
    ids=["before Arrow", "after Arrow", "not at all"],
)
def test_who_imports_pandas_has_it(script: str) -> None:
    first = "import sys; from app import without_pandas as w; w.import_arrow_without_pandas();"
    command = [sys.executable, "-c", first + script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
