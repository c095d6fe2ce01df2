"""Measure Stet on a generated archive, print the table, and write it into docs/measured/archive.md.

    make bench                                  # 100,000 articles, two cores
    .venv/bin/python -m benchmarks.main --articles 10000 --print-only

Each step is a process of its own, so that its peak memory is its own. Nothing here is a test:
figures depend on the machine, and the page says on which they were measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import Measured, into_page, machine, run

STET = Path(sys.executable).parent / "stet"


@dataclass(frozen=True)
class Line:
    """A line of the table."""

    what: str
    target: str
    figure: str
    peak: float | None = None


def measure(articles: int, folder: Path) -> list[Line]:
    """All figures of the page, in its order."""
    source, home = folder / "generated.jsonl", folder / "home"
    generated = run(STET, "generate", "--articles", str(articles), stdout=source)
    imported = run(STET, "import", source, "--home", home)
    events = json.loads(run(STET, "status", "--json", "--home", home).printed)["head"]
    lines = [
        _rate("`stet generate`", "20,000 events/s", events, generated),
        _rate("`stet import`", "20,000 events/s, memory flat", events, imported),
        *_replayed(home, events),
        _rebuilt(home),
        *_searched(home),
    ]
    verified = run(STET, "verify", "--home", home)
    lines.append(_rate("`stet verify`", "", events, verified))
    helped = sorted(run(STET, "--help").seconds for _ in range(5))[2]
    lines.append(Line("`stet --help`", "under 0.5 s", f"{helped:.2f} s"))
    return lines


def _rate(what: str, target: str, events: int, measured: Measured) -> Line:
    figure = f"{events / measured.seconds:,.0f} events/s ({measured.seconds:.1f} s)"
    return Line(what, target, figure, measured.peak)


def _replayed(home: Path, events: int) -> list[Line]:
    measured = run(sys.executable, "-m", "benchmarks.replay", home)
    seconds = json.loads(measured.printed)
    total = sum(seconds.values())
    whole = Line(
        "replay into all seven views",
        "50,000 events/s",
        f"{events / total:,.0f} events/s ({total:.1f} s)",
        measured.peak,
    )
    return [whole, *(Line(f"- {name}", "", f"{took:.2f} s") for name, took in seconds.items())]


def _rebuilt(home: Path) -> Line:
    measured = run(STET, "rebuild", "--home", home)
    what, target = "whole `stet rebuild`, index included", "under 60 s, under 4 GB"
    return Line(what, target, f"{measured.seconds:.1f} s", measured.peak)


def _searched(home: Path) -> list[Line]:
    measured = run(sys.executable, "-m", "benchmarks.searches", home)
    found = json.loads(measured.printed)
    what = "search with facets and highlights"
    return [
        Line(f"{what}, median", "under 10 ms", f"{found['median'] * 1e3:.1f} ms", measured.peak),
        Line(f"{what}, 95th percentile", "under 50 ms", f"{found['p95'] * 1e3:.1f} ms"),
    ]


def table(lines: list[Line], articles: int) -> str:
    """The figures as a Markdown table, with the machine they were measured on."""
    text = [
        f"`stet generate --articles {articles}`, {machine()}:",
        "",
        "| what | target | measured | peak memory |",
        "|---|---|---|---|",
    ]
    for line in lines:
        peak = f"{line.peak:,.0f} MB" if line.peak else ""
        text.append(f"| {line.what} | {line.target} | {line.figure} | {peak} |")
    return "\n".join(text) + "\n"


def main() -> None:
    """Measure, print, and write the page's table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--print-only", action="store_true", help="only print")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        printed = table(measure(chosen.articles, Path(folder)), chosen.articles)
    print(printed)
    if not chosen.print_only:
        into_page("archive", "bench", printed)


if __name__ == "__main__":
    main()
