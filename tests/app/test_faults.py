"""When the disk refuses in the middle: one line says so, and what served still serves."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli

ROOT = Path(__file__).parents[2]
STET = Path(sys.executable).parent / "stet"
SAMPLE = sorted((ROOT / "newsroom" / "sample").glob("*.jsonl"))


def stet(home: Path, *arguments: str, largest_file: int | None = None) -> tuple[int, str, str]:
    """A command: in this process, or in one of its own that can write no larger file."""
    if largest_file is None:
        done = CliRunner().invoke(cli, [*arguments, "--home", str(home)])
        return done.exit_code, done.stdout, done.stderr

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    result = subprocess.run(
        [STET, *arguments, "--home", home], capture_output=True, text=True, preexec_fn=limit
    )
    return result.returncode, result.stdout, result.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("faults") / "home"
    assert stet(home, "import", *map(str, SAMPLE))[0] == 0
    assert stet(home, "rebuild")[0] == 0
    return home


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path / "home")
    return tmp_path / "home"


def found(home: Path) -> list[str]:
    code, printed, _ = stet(home, "search", "moon", "--json")
    assert code == 0
    return [hit["id"] for hit in json.loads(printed)["hits"]]


@pytest.mark.slow
@pytest.mark.parametrize("largest_file", [100, 8_000, 40_000, 60_000])
def test_a_rebuild_that_cannot_write_says_so_in_a_line_and_leaves_what_serves(
    home: Path, largest_file: int
) -> None:
    before = found(home)
    stet(home, "append", "tag/whales", "TagDefined", "--data", '{"name": "Whales"}')
    code, printed, told = stet(home, "rebuild", largest_file=largest_file)
    assert (code, printed) == (1, "")
    assert told.startswith("error: ")
    assert len(told.strip().splitlines()) == 1, told
    assert found(home) == before
    assert stet(home, "rebuild")[0] == 0
    assert found(home) == before


@pytest.mark.slow
def test_an_append_that_cannot_write_adds_nothing_and_the_next_one_goes_on(home: Path) -> None:
    head = json.loads(stet(home, "status", "--json")[1])["head"]
    define = ("append", "tag/whales", "TagDefined", "--data", '{"name": "Whales"}')
    code, _, told = stet(home, *define, largest_file=100)
    assert code == 1
    assert told.strip().splitlines()[-1].startswith("error: cannot write "), told
    assert json.loads(stet(home, "status", "--json")[1])["head"] == head
    assert stet(home, *define)[0] == 0
    assert stet(home, "verify")[0] == 0


@pytest.mark.slow
def test_a_rebuild_killed_at_any_moment_leaves_what_serves_and_the_next_one_cleans_up(
    home: Path,
) -> None:
    before = found(home)
    for part in range(1, 6):
        running = subprocess.Popen(
            [STET, "rebuild", "--home", home], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(part * 0.5)
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert found(home) == before
    assert stet(home, "rebuild")[0] == 0
    assert found(home) == before
    generations = [path for path in (home / "index").iterdir() if path.name.isdigit()]
    assert len(generations) <= 3


@pytest.mark.slow
def test_a_damaged_index_is_told_with_what_to_do(home: Path) -> None:
    for path in (home / "index").rglob("articles/*"):
        if path.is_file():
            path.write_bytes(b"")
    code, _, told = stet(home, "search", "moon")
    assert code == 1
    assert "stet rebuild" in told
    assert len(told.strip().splitlines()) == 1, told
    assert stet(home, "rebuild")[0] == 0
    assert found(home)
