"""What all benchmarks share: processes that are measured, and tables in the documentation."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "measured"


@dataclass(frozen=True)
class Measured:
    """One process: its seconds, its seconds of CPU, its peak memory in MB, its output."""

    seconds: float
    cpu: float
    peak: float
    printed: str


def run(*command: str | Path, stdin: Path | None = None, stdout: Path | None = None) -> Measured:
    """Run a process to its end; raises when it fails."""
    source = stdin.open("rb") if stdin else None
    sink = stdout.open("wb") if stdout else subprocess.PIPE
    begun = time.perf_counter()
    process = subprocess.Popen([*map(str, command)], stdin=source, stdout=sink, cwd=ROOT)
    printed = process.stdout.read().decode() if process.stdout else ""
    measured = ended(process, begun, printed)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} exited with {process.returncode}")
    return measured


def ended(process: subprocess.Popen[bytes], begun: float, printed: str = "") -> Measured:
    """What a process took that comes to its end.

    Linux counts into its peak memory what this process had when it began: keep that small.
    """
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds, cpu = time.perf_counter() - begun, usage.ru_utime + usage.ru_stime
    return Measured(seconds, cpu, usage.ru_maxrss / _UNITS_A_MB, printed)


_UNITS_A_MB = 1024 * 1024 if sys.platform == "darwin" else 1024


def machine() -> str:
    """On what it was measured, and when."""
    cores, python = len(os.sched_getaffinity(0)), platform.python_version()
    return f"{cores} cores, {platform.machine()}, Python {python}, on {time.strftime('%Y-%m-%d')}"


def into_page(page: str, mark: str, printed: str) -> None:
    """Write tables between the comments ``<!-- mark -->`` and ``<!-- /mark -->`` of a page.

    The page is ``docs/measured/<page>.md``.
    """
    marked = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
    path = PAGES / f"{page}.md"
    text, tables = marked.subn(lambda found: found[1] + printed + found[2], path.read_text())
    if not tables:
        raise SystemExit(f"{path} has no place for the table: <!-- {mark} --> <!-- /{mark} -->")
    path.write_text(text)
