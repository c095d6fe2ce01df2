"""A log that has grown: what its size must not make slow."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.log import events
from benchmarks.log.clock import spread
from benchmarks.log.compared import TABLE
from benchmarks.log.steps import of_stet, step

NARROW = ("sequence", "type")
LOOKS = 11
"""Fresh processes that each look something up for the first time."""
WARM_SECONDS = 10
SAMPLE = 100_000


@dataclass(frozen=True)
class Figure:
    """A measurement of Stet alone."""

    what: str
    target: str
    figure: str
    peak: str = ""

    def line(self) -> str:
        """As a line of a Markdown table."""
        return f"| {self.what} | {self.target} | {self.figure} | {self.peak} |"


def grown(folder: Path, total: int, open_commits: int, wakes: int) -> Iterator[Figure]:
    """A log grows, is read and verified, is sealed, and all of that again."""
    log = folder / "grown"
    yield _rate("`append_many`, to the end", "300,000/s", "tables", log, total, TABLE)
    yield from _read(log, total, "open")
    open_bytes = _bytes(log / "commits") / total
    yield _rate("`seal`", "", "seal", log)
    sealed_bytes = _bytes(log / "sealed") / total
    yield from _read(log, total, "sealed")
    step("stet", "single", log, open_commits, events.BEYOND)
    yield from _opened(log, open_commits)
    yield _woken(log, wakes)
    lines, _ = step("stet", "json_lines", log, min(total, SAMPLE))
    yield Figure(
        "bytes on disk for each event: open; sealed; JSON Lines with zstd; JSON Lines",
        "",
        f"{open_bytes:,.0f}; {sealed_bytes:,.0f}; {lines['zstd']:,.0f}; {lines['plain']:,.0f}",
    )
    index = _bytes(log / "cache") / total
    yield Figure("bytes of the index (a cache) for each event", "", f"{index:,.0f}")


def _rate(what: str, target: str, name: str, *arguments: object) -> Figure:
    rate = of_stet(name, *arguments)
    return Figure(what, target, str(rate), rate.peak)


def _read(log: Path, total: int, kind: str) -> Iterator[Figure]:
    yield _rate(f"read all columns, {kind}", "1,000,000/s", "scan", log)
    yield _rate(f"read {' and '.join(NARROW)}, {kind}", "5,000,000/s", "scan", log, *NARROW)
    yield _rate(f"verify, {kind}", "500,000/s", "verify", log)
    found = [step("stet", "history", log, total, seed)[0]["taken"] for seed in range(LOOKS)]
    said, process = step("stet", "history", log, total, LOOKS, WARM_SECONDS)
    cold, warm = spread([first for first, *_ in found]), spread(said["taken"][1:])
    peak = f"{process.peak:,.0f} MB"
    what = f"a stream's history, {kind}"
    yield Figure(f"{what}, the first in a process", "50 ms", _times(cold), peak)
    yield Figure(f"{what}, those after", "50 ms", _times(warm))


def _opened(log: Path, open_commits: int) -> Iterator[Figure]:
    found = [step("stet", "opening", log) for _ in range(LOOKS)]
    first = spread([said["first"] for said, _ in found])
    to_append = spread([said["to_append"] for said, _ in found])
    what = f"opening it with {open_commits:,} commits unsealed"
    yield Figure(f"{what}: to its head", "300 ms", _times(first), f"{found[0][1].peak:,.0f} MB")
    yield Figure("- and to the version of a stream", "", _times(to_append))
    yield Figure("- anything new?", "one listing", _times(found[0][0]))


def _woken(log: Path, wakes: int) -> Figure:
    """How long after an append was acknowledged another process has its event."""
    with ThreadPoolExecutor() as pool:
        following = pool.submit(step, "stet", "follow", log, wakes)
        told, _ = step("stet", "tell", log, wakes)
        here, process = following.result()
    waited = [max(b - a, 0) for a, b in zip(told["told"], here["here"], strict=True)]
    what = "another process has an event after it was acknowledged"
    return Figure(what, "50 ms", _times(spread(waited)), f"{process.peak:,.0f} MB")


def _times(found: dict[str, Any]) -> str:
    median, p95 = found["median"] * 1e3, found["p95"] * 1e3
    return f"{median:,.2f} ms; {p95:,.2f} ms"


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
