"""The same events into Stet's log and into its peers, one measurement after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.log.steps import Rate, of_eventsourcing, of_stet, of_umadb, step

ENGINES = ("Stet", "`eventsourcing`", "UmaDB")
BATCH, TABLE = 1_000, 100_000


@dataclass(frozen=True)
class Sizes:
    """How many events are appended: one at a time, by threads, in batches, and in bulk."""

    single: int
    threads: int
    batches: int
    bulk: int


@dataclass(frozen=True)
class Compared:
    """A measurement with the engines side by side, Stet first."""

    what: str
    target: str
    rates: tuple[Rate, ...]

    def line(self) -> str:
        """As a line of a Markdown table."""
        stet, *peers = self.rates
        ratios = [f"{stet.a_second / peer.a_second:.2f}" for peer in peers]
        peaks = "; ".join(rate.peak for rate in self.rates)
        return f"| {' | '.join([self.what, self.target, *map(str, self.rates), *ratios, peaks])} |"


def side_by_side(folder: Path, sizes: Sizes) -> Iterator[Compared]:
    """Appends one at a time, from threads and in bulk; then reading it back."""
    homes = [folder / name for name in ("stet", "eventsourcing", "umadb")]

    def each(name: str, *arguments: object) -> tuple[Rate, ...]:
        stet, eventsourcing, umadb = (home.with_name(f"{home.name}-{name}") for home in homes)
        return (
            of_stet(name, stet, *arguments),
            of_eventsourcing(name, eventsourcing, *arguments),
            of_umadb(name, umadb, *arguments),
        )

    yield Compared("one thread, one event at a time", "400/s", each("single", sizes.single))
    yield Compared("64 threads, one event at a time", "UmaDB's", each("threads", sizes.threads))
    batches = each("batches", sizes.batches, BATCH)
    yield Compared(f"batches of {BATCH:,}: `append`", "", batches)
    many = of_stet("tables", folder / "stet-small", sizes.batches, BATCH)
    yield Compared(f"batches of {BATCH:,}: `append_many`", "", (many, *batches[1:]))
    many = of_stet("tables", folder / "stet-bulk", sizes.bulk, TABLE)
    what = f"`append_many` of {TABLE:,}; the others in batches of {BATCH:,}"
    yield Compared(what, "300,000/s, twice UmaDB's", (many, *batches[1:]))
    read = (
        of_stet("scan", folder / "stet-bulk"),
        of_eventsourcing("read", folder / "eventsourcing-batches"),
        of_umadb("read", folder / "umadb-batches"),
    )
    yield Compared("read everything: Stet into Arrow", "1,000,000/s", read)


def settings(folder: Path) -> str:
    """How SQLite was set."""
    found, _ = step("eventsourcing", "settings", folder / "eventsourcing-single")
    return f"journal_mode={found['journal_mode']}, synchronous={found['synchronous']}"


def sizes_on_disk(folder: Path, sizes: Sizes) -> tuple[float, float]:
    """Bytes of an event in the files of the peers, after batches."""
    peers = (folder / f"{name}-batches" for name in ("eventsourcing", "umadb"))
    a, b = (_bytes(peer) / sizes.batches for peer in peers)
    return a, b


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
