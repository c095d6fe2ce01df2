"""What threads give: a rebuild of a generated archive with one and with two, in turn.

    make bench-threads

What eight would give is computed, not measured: from the share of the work that ran side by side
(Amdahl's law). It is an upper bound, for that share is measured on two processors.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import Measured, into_page, machine, run

ARTICLES = 20_000
ROUNDS = 4
COUNTS = (1, 2)


def main() -> None:
    """Measure, print a table, and write it into ``docs/measured/archive.md``."""
    stet = Path(sys.executable).parent / "stet"
    with tempfile.TemporaryDirectory(prefix="stet-threads-") as folder:
        generated = Path(folder, "generated.jsonl")
        run(stet, "generate", "--articles", str(ARTICLES), "--seed", "1", stdout=generated)
        home = Path(folder, "home")
        run(stet, "--home", home, "import", generated)
        measured: dict[int, list[Measured]] = {count: [] for count in COUNTS}
        for number in range(ROUNDS):
            for count in COUNTS if number % 2 == 0 else reversed(COUNTS):
                measured[count].append(_rebuild(stet, home, Path(folder, "copy"), count))
    printed = table(measured)
    print(printed)
    into_page("archive", "threads", printed + "\n")


def _rebuild(stet: Path, home: Path, copy: Path, threads: int) -> Measured:
    shutil.copytree(home, copy)
    os.environ["STET_THREADS"] = str(threads)
    try:
        return run(stet, "--home", copy, "rebuild")
    finally:
        shutil.rmtree(copy)


def table(measured: dict[int, list[Measured]]) -> str:
    """The seconds, the processor time and the peak memory of each count, and what follows."""
    one, two = ([each.seconds for each in measured[count]] for count in COUNTS)
    ratios = [first / second for first, second in zip(one, two, strict=True)]
    speedup = statistics.median(ratios)
    lines = [
        f"{machine()}; {ARTICLES:,} articles, embedded engine, {ROUNDS} rebuilds each, in turn:",
        "",
        "| threads | seconds | CPU seconds | peak MB |",
        "|---|---|---|---|",
        *(_line(count, measured[count]) for count in COUNTS),
        "",
        f"Two threads are {speedup:.2f} times as fast as one ({min(ratios):.2f} to"
        f" {max(ratios):.2f}). By Amdahl's law {parallel_share(speedup):.0%} of the work runs side"
        f" by side; eight threads would be at most {amdahl(parallel_share(speedup), 8):.2f} times"
        " as fast as one (computed, not measured).",
    ]
    return "\n".join(lines)


def _line(count: int, measured: list[Measured]) -> str:
    seconds = statistics.median(each.seconds for each in measured)
    cpu = statistics.median(each.cpu for each in measured)
    return f"| {count} | {seconds:.1f} | {cpu:.1f} | {max(each.peak for each in measured):,.0f} |"


def parallel_share(speedup: float, threads: int = 2) -> float:
    """The share of the work that runs side by side, from how much faster some threads are.

    >>> parallel_share(4 / 3)
    0.5
    """
    return max(0.0, (1 - 1 / speedup) / (1 - 1 / threads))


def amdahl(share: float, threads: int) -> float:
    """How much faster some threads are than one, when this share runs side by side.

    >>> amdahl(0.5, 2)
    1.3333333333333333
    """
    return 1 / (1 - share + share / threads)


if __name__ == "__main__":
    main()
