"""What the README and the guides tell people to type works, and prints what they show."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import pytest
import typer

import app.cli

ROOT = Path(__file__).parents[2]
GUIDES = sorted((*ROOT.glob("docs/tutorials/*.md"), *ROOT.glob("docs/how-to/*.md")))
SHOP = ROOT / "examples/shopping_cart/README.md"
PAGES = [ROOT / "README.md", ROOT / "docs/install.md", *GUIDES, SHOP]
BLOCK = re.compile(
    r"^```(console|python|\{code-cell\} ipython3)\n(.*?)^```", re.DOTALL | re.MULTILINE
)
EXPORT = re.compile(r"export (\w+)=(\S+)")
FIGURES = re.compile(r"(?<=[0-9]) +[0-9.]+ +[0-9]+ +[0-9.]+ s +[0-9.]+ s *$")
"""The figures in a line of the demo's table that differ from machine to machine."""


@dataclass(frozen=True)
class Command:
    """A line after ``$``, and the lines below it: what it prints, shortened by ``…``."""

    line: str
    output: tuple[str, ...]


def commands(block: str) -> Iterator[Command]:
    r"""The commands of a console block; a line that begins with ``> `` goes on with the one before.

    >>> list(commands("$ stet status \\\\\n>   --json\n{…}\n"))
    [Command(line='stet status \\\\\n  --json', output=('{…}',))]
    """
    for each in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        first, *rest = each.rstrip("\n").split("\n")
        more = list(takewhile(lambda line: line.startswith("> "), rest))
        line = "\n".join([first, *(line[2:] for line in more)])
        yield Command(line, tuple(rest[len(more) :]))


def missing(shown: tuple[str, ...], printed: str) -> str | None:
    """The first shown line that does not follow, in what was printed, those before it.

    >>> missing(("one …", "…", "three"), "one 1\\ntwo\\nthree") is None
    True
    >>> missing(("two", "one"), "one\\ntwo")
    'one'
    """
    lines = iter(line.rstrip() for line in printed.splitlines())
    for line in shown:
        if line.strip() in ("", "…"):
            continue
        pattern = ".*".join(re.escape(part) for part in line.rstrip().split("…"))
        if not any(re.fullmatch(pattern, printed_line) for printed_line in lines):
            return line
    return None


def shown_commands() -> str:
    """All commands that some page shows; one that never ends is shown where nothing is run."""
    shown = "\n".join(
        block
        for page in PAGES
        for block in re.findall(
            r"^```(?:console|sh)\n(.*?)^```", page.read_text(), re.DOTALL | re.M
        )
    )
    return re.sub(r"\bstet --home \S+", "stet", shown)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of the bundled sample, rebuilt once for all pages that begin with it."""
    home = tmp_path_factory.mktemp("sample") / "stet-home"
    stet = Path(sys.executable).parent / "stet"
    files = sorted((ROOT / "newsroom/sample").glob("*.jsonl"))
    for command in (["import", *files], ["rebuild"]):
        subprocess.run([stet, *command, "--home", home], check=True, capture_output=True)
    return home


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the files of the clone are found that a page names."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("newsroom", "examples"):
        (folder / name).symlink_to(ROOT / name)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    python = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
    monkeypatch.delenv("STET_HOME", raising=False)
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    for name, value in {
        "HOME": tmp_path,
        # of no page's concern: without it each page compiles all views and looks for all fonts anew
        "XDG_CACHE_HOME": caches,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": python,
        "COLUMNS": "100",
        "MPLBACKEND": "agg",
    }.items():
        monkeypatch.setenv(name, str(value))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_shows_is_what_happens(
    page: Path, clone: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of the page, where `make demo` has left an archive of the sample.

    A block of Python that begins with the name of a file is written there; others are run, and
    share their names.
    """
    text = page.read_text()
    if page == ROOT / "README.md":
        _run_demo(text)
    else:
        shutil.copytree(sample, clone / "stet-home")
    names: dict[str, object] = {"__name__": "page"}
    for found in BLOCK.finditer(text):
        kind, block = found.groups()
        file = re.match(r"# (\S+\.py)\n", block)
        if kind == "console":
            for command in commands(block):
                if exported := EXPORT.fullmatch(command.line):
                    monkeypatch.setenv(exported[1], os.path.expandvars(exported[2]))
                else:
                    _run(command)
        elif file:
            (clone / file[1]).parent.mkdir(parents=True, exist_ok=True)
            (clone / file[1]).write_text(block)
        else:
            above = "\n" * text.count("\n", 0, found.start(2))  # so that errors name the line
            exec(compile(above + block, str(page), "exec"), names)  # noqa: S102 - the page's own


def _run_demo(readme: str) -> None:
    """Run the demo as `make demo` does, and compare it with what the README shows of it."""
    shown = re.search(r"`make demo` prints .*?```text\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert shown
    Path("dagster_home").mkdir()
    shutil.copy(ROOT / "dagster_home/dagster.yaml", "dagster_home")
    line = f"DAGSTER_HOME=$PWD/dagster_home {sys.executable} -m app.demo"
    _run(Command(line, tuple(FIGURES.sub("…", line) for line in shown[1].splitlines())))


def _run(command: Command) -> None:
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command.line],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, f"$ {command.line}\n{result.stdout}"
    line = missing(command.output, result.stdout)
    assert line is None, f"$ {command.line}\nshown: {line}\nprinted:\n{result.stdout}"


def _leaves(group: object, path: str = "stet") -> Iterator[str]:
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        if hasattr(command, "commands"):
            yield from _leaves(command, f"{path} {name}")
        else:
            yield f"{path} {name}"


@pytest.mark.parametrize("command", list(_leaves(typer.main.get_command(app.cli.cli))))
def test_some_page_shows_every_command(command: str) -> None:
    assert re.search(rf"{command}(?![-\w])", shown_commands())


def test_no_page_installs_a_package_that_is_not_this_one() -> None:
    """The name ``stet`` on the package index belongs to somebody else."""
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")):
        assert not re.search(
            r"(pip|pipx|uv)\b[^\n`]* install [^\n`]*\bstet(\[|['\"\s]|$)", page.read_text()
        ), page
