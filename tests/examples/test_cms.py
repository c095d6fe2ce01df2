"""From an UPDATE in a CMS to a hit: what the example's README tells is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import real_services
from services import Services

ROOT = Path(__file__).parents[2]
README = ROOT / "examples" / "cms" / "README.md"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
ASKING = re.compile(r"stet (search|history|connect .*--dry-run)")
"""What may be asked again until the answer is there: the story's reader waits a second."""
SECONDS_TO_ANSWER = 60
END = "-- that was all of it --"


def told() -> list[tuple[str, list[str]]]:
    """The commands of the story, each with the lines that are shown below it."""
    found = []
    for block in BLOCK.findall(README.read_text()):
        for each in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = each.rstrip("\n").split("\n")
            found.append((command, shown))
    return found


def lacking(shown: list[str], printed: str) -> str | None:
    """The first shown line that does not follow, in what was printed, those before it."""
    lines = iter(printed.splitlines())
    for line in shown:
        pattern = ".*".join(re.escape(part) for part in line.rstrip().split("…"))
        if line.strip() != "…" and not any(re.fullmatch(pattern, x.rstrip()) for x in lines):
            return line
    return None


class Shell:
    """A shell in which one command is typed after the other, as a reader does."""

    def __init__(self, folder: Path, own: Services) -> None:
        environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("STET_")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "STET_KAFKA": own.kafka.address,
            "COLUMNS": "100",
        }
        self.own = own
        self.process = subprocess.Popen(
            ["bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env=environment,
        )
        self.type("set -m")  # so that %1 and %2 are known

    def type(self, command: str) -> str:
        """Type a command; gives what it prints."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{command}\necho; echo '{END}' $?\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line.startswith(END):
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"the shell ended at: {command}\n{''.join(lines)}")

    def here(self, text: str) -> str:
        """A text of the story with the addresses of the servers of this test."""
        own = self.own
        return (
            text.replace(":5433", f":{own.postgres.port}")
            .replace("127.0.0.1:9092", own.kafka.address)
            .replace("http://127.0.0.1:8083", own.connect.address)
        )

    def close(self) -> None:
        """End the shell and what runs in it."""
        assert self.process.stdin is not None
        self.process.stdin.write("kill $(jobs -p); exit\n")
        self.process.stdin.close()
        self.process.wait(30)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell in a folder with the example, beside servers of its own."""
    with real_services.own_services() as own:
        for _ in own.start():
            pass
        folder = tmp_path / "clone"
        example = folder / "examples" / "cms"
        example.mkdir(parents=True)
        made = Shell(folder, own)
        for path in README.parent.iterdir():
            if path.is_file():
                text = path.read_text().replace('"5433"', f'"{own.postgres.port}"')
                (example / path.name).write_text(text)
        try:
            yield made
        finally:
            made.close()


@pytest.mark.slow
@pytest.mark.server
def test_the_story_is_what_happens(shell: Shell) -> None:
    for command, shown in told():
        if command == "make services":
            assert all(shell.here(line) in _of(shell.own) for line in shown)
            continue
        until = time.monotonic() + SECONDS_TO_ANSWER
        printed = shell.type(shell.here(command))
        while (line := lacking(shown, printed)) is not None:
            waits = ASKING.match(command) and time.monotonic() < until
            assert waits, f"$ {command}\n{printed}\nlacks: {line}"
            time.sleep(0.5)
            printed = shell.type(shell.here(command))


def _of(own: Services) -> list[str]:
    return [f"{server.title}: {server.address}" for server in own]
