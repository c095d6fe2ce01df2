"""What the README tells a newcomer to type works, in the order it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import app.cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
COMMANDS = [line[2:] for block in BLOCKS for line in block.splitlines() if line.startswith("$ ")]


def test_the_commands_of_the_readme_run_in_the_order_given(tmp_path: Path) -> None:
    environment = os.environ | {
        "HOME": str(tmp_path),
        "STET_HOME": str(tmp_path / "home"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    assert len(COMMANDS) > 10
    for command in COMMANDS:
        result = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, f"$ {command}\n{result.stdout}{result.stderr}"


def test_the_notebook_of_the_readme_runs(tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code
    home = tmp_path / "archive"
    sample = sorted((ROOT / "newsroom" / "sample").glob("*.jsonl"))
    stet = Path(sys.executable).parent / "stet"
    subprocess.run([stet, "import", *sample, "--home", home], check=True, capture_output=True)
    script = "import matplotlib; matplotlib.use('agg')\n" + code[1]
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize("command", [c.name for c in app.cli.cli.registered_commands])
def test_the_readme_shows_every_command(command: str) -> None:
    """One that never ends is shown where nothing is run."""
    never_ending = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert any(f"stet {command}" in line for line in (*COMMANDS, *never_ending))


def test_the_readme_says_what_each_dependency_is_for() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    needed = re.findall(r'^    "([a-z-]+)', project.split("dev = [")[0], re.MULTILINE)
    assert needed
    for library in needed:
        assert library in README.split("## What it stands on")[1]


def test_the_readme_shows_the_targets_of_make() -> None:
    targets = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("demo", "test", "bench", "dagster", "lock"):
        assert target in targets.stdout
        assert f"make {target}" in README
