"""A wheel in a fresh environment, used from an empty folder: what a stranger does first."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).parent / "uv"
Run = Callable[..., str]
pytestmark = pytest.mark.slow


def execute(*command: str | Path, cwd: Path = ROOT, **options: str) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STET_", "PYTHON", "DAGSTER"))}
    result = subprocess.run(command, cwd=cwd, env=kept | options, capture_output=True, text=True)
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the clone; nothing is fetched for it."""
    folder = tmp_path_factory.mktemp("wheel")
    execute(
        UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", folder
    )
    (found,) = folder.glob("stet_archive-*.whl")
    return found


@pytest.fixture(scope="module")
def run(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs what the fresh environment has, in an empty folder."""
    folder = tmp_path_factory.mktemp("fresh")
    environment, empty = folder / "environment", folder / "empty"
    empty.mkdir()
    execute(UV, "venv", "--quiet", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    install = (UV, "pip", "install", "--quiet", "--python", python, "--no-deps")
    execute(*install, "--require-hashes", "-r", ROOT / "requirements.lock")
    execute(*install, wheel)

    def called(name: str, *arguments: str) -> str:
        return execute(environment / "bin" / name, *arguments, cwd=empty, HOME=str(folder))

    return called


def test_the_wheel_holds_every_room_its_faces_and_the_sample(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = execute("git", "ls-files", "--", *_rooms()).split()
    assert {name for name in tracked if not name.endswith(".md")} <= names
    assert {name.split("/")[0] for name in names} - {*_rooms()} == {
        f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
    }
    assert any(name.startswith("newsroom/sample/") for name in names)
    assert "event_log/__init__.pyi" in names


def _rooms() -> tuple[str, ...]:
    rooms = ("app", "pipelines", "connectors", "newsroom", "views", "archive", "search")
    return (*rooms, "replay", "event_log")


def test_a_domain_of_ones_own_is_installed_as_the_page_says(run: Run, tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/adding-a-domain.md").read_text()
    for name, block in (
        ("library.py", r"```python\n(# library.py\n.*?)```"),
        ("pyproject.toml", r"```toml\n(\[build-system\].*?)```"),
    ):
        found = re.search(block, page, re.DOTALL)
        assert found
        (tmp_path / name).write_text(found[1])
    python = run("python", "-c", "import sys; print(sys.executable)").strip()
    # The page's command fetches hatchling; here it is what the clone's environment has.
    options = ("--wheel", "--no-build-isolation", "--python", sys.executable, "-o", tmp_path)
    execute(UV, "build", *options, tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    execute(UV, "pip", "install", "--python", python, "--no-deps", wheel)
    home = ("--home", str(tmp_path / "home"))
    data = '{"name": "Herman Melville"}'
    append = ("append", "author/1", "AuthorRegistered", "--data", data)
    assert "sequence 1" in run("stet", "--domain", "library", *append, *home)
    assert "head 1," in run("stet", "status", *home)


def test_a_stranger_imports_the_sample_rebuilds_and_searches(run: Run) -> None:
    assert "rebuild" in run("stet", "--help")
    assert run("stet", "--version").startswith("stet ")
    assert "events added" in run("stet", "import", "--sample")
    assert "generation 1" in run("stet", "rebuild")
    assert "titanic-1912" in run("stet", "search", "titanic iceberg")
    assert "Titanic" in run("python", "-m", "app.demo")
    assert "stet-home" in run("stet", "settings")
