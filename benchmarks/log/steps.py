"""Taking steps: each in a process of its own, what it printed made a rate."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.log.in_umadb import serving
from benchmarks.measuring import Measured, run


@dataclass(frozen=True)
class Rate:
    """Events in seconds, with the seconds of CPU and the peak memory (MB) of its processes."""

    events: float
    seconds: float
    cpu: float
    peaks: tuple[float, ...]

    @property
    def a_second(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def peak(self) -> str:
        """The peak memory of each process."""
        return " + ".join(f"{peak:,.0f}" for peak in self.peaks) + " MB"

    def __str__(self) -> str:
        return f"{self.a_second:,.0f}/s ({self.cpu / self.events * 1e6:,.1f} µs)"


def step(engine: str, name: str, *arguments: object) -> tuple[dict[str, Any], Measured]:
    """Take a step of an engine: what it printed, and what its process took."""
    module = f"benchmarks.log.in_{engine}"
    measured = run(sys.executable, "-m", module, name, *map(str, arguments))
    return json.loads(measured.printed), measured


def of_stet(name: str, *arguments: object) -> Rate:
    """The rate of a step of Stet."""
    found, process = step("stet", name, *arguments)
    return Rate(found["events"], found["seconds"], found["cpu"], (process.peak,))


def of_eventsourcing(name: str, *arguments: object) -> Rate:
    """The rate of a step of ``eventsourcing``."""
    found, process = step("eventsourcing", name, *arguments)
    return Rate(found["events"], found["seconds"], found["cpu"], (process.peak,))


def of_umadb(name: str, folder: Path, *arguments: object) -> Rate:
    """The rate of a step of UmaDB, its server included."""
    with serving(folder) as (url, taken):
        found, client = step("umadb", name, url, *arguments)
    cpu, peaks = found["cpu"] + taken[0].cpu, (client.peak, taken[0].peak)
    return Rate(found["events"], found["seconds"], cpu, peaks)
