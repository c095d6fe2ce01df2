"""What ARCHITECTURE, CONTRIBUTING, the README and the site point to exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FRONT = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")]
PAGES = [*FRONT, *sorted(ROOT.glob("docs/**/*.md"))]
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
).stdout.split()
TOP = {Path(name).parts[0] for name in TRACKED if "/" in name}


def paths(text: str) -> list[str]:
    """The paths that a page names in backticks, without what it shows in blocks.

    >>> paths("`docs/index.md`, `app/`, `article/1`, `stet log`")
    ['docs/index.md', 'app/']
    """
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    quoted = re.findall(r"`([\w./*<>-]+/[\w./*<>-]*)`", prose)
    return [path for path in quoted if path.split("/")[0] in TOP and "<" not in path]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    missing = [path for path in paths(page.read_text()) if not list(ROOT.glob(path.rstrip("/")))]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    """Links to other sites cannot be followed without a network: see ``make docs-links``."""
    for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", page.read_text()):
        if not re.match(r"[a-z]+:|/", target):
            assert (page.parent / target).exists(), target


def test_the_map_names_every_room_and_every_wing() -> None:
    rooms = re.search(r"packages = (\[.*?\])", (ROOT / "pyproject.toml").read_text())
    assert rooms
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for room in re.findall(r'"(\w+)"', rooms[1]):
        assert f"`{room}/`" in text
        for wing in (ROOT / room).glob("*/__init__.py"):
            assert f"`{room}/{wing.parent.name}/`" in text


def test_the_map_names_every_room_of_the_tests() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()
    for folder in {Path(name).parts[1] for name in TRACKED if re.match(r"tests/\w+/", name)}:
        assert f"`tests/{folder}/" in text


def test_every_benchmark_has_a_place_for_its_tables() -> None:
    sources = "".join(path.read_text() for path in ROOT.glob("benchmarks/**/*.py"))
    written = re.findall(r'into_page\("([\w-]+)", "([\w-]+)"', sources)
    assert len(written) >= 5
    for page, mark in written:
        text = (ROOT / f"docs/measured/{page}.md").read_text()
        assert text.index(f"<!-- {mark} -->") < text.index(f"<!-- /{mark} -->")
