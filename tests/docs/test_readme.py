"""The README is short, and what it says of the project's own files is so."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_readme_is_read_in_one_sitting() -> None:
    assert len(README.splitlines()) <= 250


def test_the_readme_says_what_each_dependency_is_for() -> None:
    extras = [each for name, extra in PROJECT["optional-dependencies"].items() for each in extra
              if name != "dev"]  # fmt: skip
    needed = {re.split(r"[^\w-]", each)[0] for each in (*PROJECT["dependencies"], *extras)}
    assert needed
    section = README.split("## What it stands on")[1]
    for library in needed - {PROJECT["name"]}:
        assert library in section


def test_the_readme_shows_the_targets_of_make() -> None:
    targets = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("demo", "test", "bench", "dagster", "docs", "lock"):
        assert target in targets.stdout
        assert f"make {target}" in README


def test_the_readme_shows_a_search_and_the_dagster_ui() -> None:
    images = re.findall(r"!\[[^\]]+\]\((docs/images/[\w-]+\.png)\)", README)
    assert len(images) >= 2
    for image in images:
        assert (ROOT / image).stat().st_size > 10_000
