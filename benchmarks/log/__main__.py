"""Measure the event log beside its peers; print the tables, and write docs/measured/log.md.

    make bench-log                              # a log of 5,000,000 events, about ten minutes
    .venv/bin/python -m benchmarks.log --quick --print-only
    .venv/bin/python -m benchmarks.log --events 1000000 --folder /data

Every engine acknowledges an event when it would survive a power failure, and writes to the same
disk. Each step is a process of its own, so that its peak memory is its own. Nothing here is a test:
figures depend on the machine, and the page says on which they were measured.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from benchmarks.log.compared import ENGINES, Sizes, settings, side_by_side, sizes_on_disk
from benchmarks.log.grown import grown
from benchmarks.measuring import into_page, machine

EVENTS, QUICK_EVENTS = 5_000_000, 200_000
SYNCS = 200


def measure(folder: Path, events: int, quick: bool) -> Iterator[str]:
    """The lines of both tables, each as soon as it is measured."""
    less = 10 if quick else 1
    sizes = Sizes(3_000 // less, 64_000 // less, 200_000 // less, 1_000_000 // less)
    syncing = f"a synced write takes its disk {synced(folder) * 1e3:.2f} ms"
    yield f"{machine()}; {syncing} at the median."
    yield "Each figure: events a second, and CPU time for each. Memory: the peak of each process."
    yield ""
    ratios = [f"Stet : {engine}" for engine in ENGINES[1:]]
    yield f"| {' | '.join(['what', 'target', *ENGINES, *ratios, 'memory of each'])} |"
    yield "|---" * 8 + "|"
    for compared in side_by_side(folder, sizes):
        yield compared.line()
    yield ""
    yield _about(folder, sizes)
    yield ""
    yield f"A log of {events:,} events; times are the median and the 95th percentile:"
    yield ""
    yield "| what | target | measured | peak memory |"
    yield "|---|---|---|---|"
    for figure in grown(folder, events, 2_000 // less, 60 // less):
        yield figure.line()


def _about(folder: Path, sizes: Sizes) -> str:
    of_eventsourcing, of_umadb = sizes_on_disk(folder, sizes)
    return (
        f"eventsourcing {version('eventsourcing')} on SQLite ({settings(folder)}), through its "
        f"recorder; UmaDB {version('umadb')} with its server on the same machine. Both get and "
        f"give the data as JSON that is ready-made, and take {of_eventsourcing:,.0f} and "
        f"{of_umadb:,.0f} bytes on disk for each event. The three rows of batches stand beside the "
        f"same figures of the peers: one way to append many is all that they have."
    )


def synced(folder: Path) -> float:
    """The median seconds that the disk takes to sync a small addition to a file."""
    taken = []
    with (folder / "synced").open("ab") as file:
        for _ in range(SYNCS):
            file.write(bytes(1_000))
            file.flush()
            begun = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return sorted(taken)[SYNCS // 2]


def main() -> None:
    """Measure, print, and write the page's tables."""
    parser = argparse.ArgumentParser(prog="benchmarks.log", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--events", type=int, help=f"in the grown log; {EVENTS:,} if not given")
    parser.add_argument("--quick", action="store_true", help="a tenth of all, of less size")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; a temporary one")
    parser.add_argument("--print-only", action="store_true", help="only print")
    chosen = parser.parse_args()
    events = chosen.events or (QUICK_EVENTS if chosen.quick else EVENTS)
    printed = ""
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        for line in measure(Path(folder), events, chosen.quick):
            print(line, flush=True)
            printed += f"{line}\n"
    if not chosen.print_only:
        into_page("log", "bench-log", printed)


if __name__ == "__main__":
    main()
