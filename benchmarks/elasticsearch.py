"""Measure loading a real Elasticsearch beside a ceiling and the client's helpers; one table.

    make bench-elasticsearch                    # 100,000 articles, two cores
    .venv/bin/python -m benchmarks.elasticsearch --articles 10000 --print-only

The server is the one that `make elasticsearch` starts, or that ``ELASTICSEARCH_URL`` names. It has
the same cores as what loads it. Ways take turns, so that whatever else the machine does hits all
of them, and the median of the rounds counts; the ceiling first looks for its best size of request
and number in flight. Each load is a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

import pyarrow.parquet as pq

from benchmarks.main import STET
from benchmarks.measuring import into_page, machine, run

URL = os.environ.get("ELASTICSEARCH_URL", "http://127.0.0.1:9200")
SIZES = (500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000)
IN_FLIGHT = (2, 4, 8)
PART = 20_000
"""Documents by which the ceiling looks for its best."""
TARGET = 0.9


@dataclass(frozen=True)
class Loaded:
    """One load: documents a second, and the process's peak memory in MB."""

    rate: float
    peak: float


def load(way: str, parquet: Path, size: int = 4_000_000, in_flight: int = 4) -> Loaded:
    """Load in one way, in a process of its own."""
    how = ["--size", str(size), "--in-flight", str(in_flight)]
    measured = run(sys.executable, "-m", "benchmarks.elasticsearch_load", way, parquet, URL, *how)
    return Loaded(json.loads(measured.printed)["rate"], measured.peak)


def best(part: Path) -> tuple[int, int]:
    """The size and the number in flight with which the ceiling is highest."""
    load("ceiling", part)  # the server's code is compiled by now
    by_size = {size: load("ceiling", part, size).rate for size in SIZES}
    size = max(by_size, key=lambda tried: by_size[tried])
    by_number = {number: load("ceiling", part, size, number).rate for number in IN_FLIGHT}
    return size, max(by_number, key=lambda tried: by_number[tried])


def in_turns(parquet: Path, size: int, in_flight: int, rounds: int) -> dict[str, list[Loaded]]:
    """Every way once a round."""
    found: dict[str, list[Loaded]] = {}
    for _ in range(rounds):
        for way in ("ceiling", "stet", "parallel_bulk", "streaming_bulk"):
            found.setdefault(way, []).append(load(way, parquet, size, in_flight))
    return found


def table(found: dict[str, list[Loaded]], size: int, in_flight: int, whole: str) -> str:
    """The figures as Markdown; ratios are those of the same round."""
    what = {
        "ceiling": f"ceiling: bodies that lie ready, {size / 1e6:g} MB, {in_flight} in flight",
        "stet": "Stet, from the view's Parquet file",
        "parallel_bulk": f"`helpers.parallel_bulk` over dicts, {in_flight} threads",
        "streaming_bulk": "`helpers.streaming_bulk` over dicts",
    }
    lines = [
        "| load of articles | documents/s | of the ceiling | peak memory |",
        "|---|---|---|---|",
    ]
    for way, loads in found.items():
        rate, peak = median(x.rate for x in loads), max(x.peak for x in loads)
        rounds = zip(loads, found["ceiling"], strict=True)
        ratio = median(own.rate / highest.rate for own, highest in rounds)
        target = f" (target {TARGET})" if way == "stet" else ""
        lines.append(f"| {what[way]} | {rate:,.0f} | {ratio:.2f}{target} | {peak:,.0f} MB |")
    return "\n".join([*lines, "", whole])


def measure(articles: int, rounds: int, folder: Path) -> str:
    """Generate, import, rebuild into the cluster, and load in every way."""
    source, home = folder / "generated.jsonl", folder / "home"
    run(STET, "generate", "--articles", str(articles), stdout=source)
    run(STET, "import", source, "--home", home)
    os.environ["STET_SEARCH_PREFIX"] = "bench"
    rebuilt = run(STET, "rebuild", "--search", URL, "--json", "--home", home)
    said = json.loads(rebuilt.printed)
    documents = sum(view["documents"] for view in said["views"])
    whole = (
        f"From the log to seven promoted views, checked document by document: {documents:,}"
        f" documents in {rebuilt.seconds:.0f} s, peak memory {rebuilt.peak:,.0f} MB (without the"
        " server's)."
    )
    (parquet,) = (home / "views").glob("*/articles.parquet")
    part = folder / "part.parquet"
    _first(parquet, part)
    size, in_flight = best(part)
    loads = in_turns(parquet, size, in_flight, rounds)
    about = (
        f"`stet generate --articles {articles}`, median of {rounds} rounds; server and client"
        f" share {machine()}:"
    )
    return f"{about}\n\n{table(loads, size, in_flight, whole)}\n"


def _first(parquet: Path, part: Path) -> None:
    """Some of the documents, piece by piece: a load's peak memory counts what this process has."""
    with pq.ParquetFile(parquet) as file, pq.ParquetWriter(part, file.schema_arrow) as to:
        for batch in islice(file.iter_batches(1_000), PART // 1_000):
            to.write_batch(batch)


def main() -> None:
    """Measure, print, and write the page's table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--print-only", action="store_true", help="only print")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        printed = measure(chosen.articles, chosen.rounds, Path(folder))
    print(printed)
    if not chosen.print_only:
        into_page("elasticsearch", "bench-elasticsearch", printed)


if __name__ == "__main__":
    main()
