"""Measure how soon a change is searched, and what it costs; tables in the README, plots in docs/.

    make bench-freshness                        # up to 300,000 articles: about twenty minutes
    .venv/bin/python -m benchmarks.freshness --articles 3000,6000 --seconds 20 --no-readme

What follows, what appends and asks, and what is timed are processes of their own. With
``ELASTICSEARCH_URL`` the latency is measured on that server as well, over the middle archive.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.freshness import plots
from benchmarks.main import STET
from benchmarks.measuring import ROOT, Measured, into_readme, machine, run

CORPORA = ("congress", "digitalgov")
STEPS = 25
SAMPLES = 60
DOCS = ROOT / "docs"


def archive(folder: Path, articles: int) -> tuple[Path, Measured]:
    """A generated archive that serves; and what its rebuild took."""
    source, home = folder / f"{articles}.jsonl", folder / f"home-{articles}"
    run(STET, "generate", "--articles", str(articles), stdout=source)
    run(STET, "import", source, "--home", home)
    source.unlink()
    return home, run(STET, "rebuild", "--home", home)


def asked(module: str, *given: object) -> Any:
    """What a module of this package prints."""
    name = f"benchmarks.freshness.{module}"
    return json.loads(run(sys.executable, "-m", name, *map(str, given)).printed)


def latencies(engine: str, found: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each kind of change: median and 95th percentile."""
    for kind in ("publish", "revise", "retract"):
        times = sorted(each["ms"] for each in found if each["kind"] == kind)
        p95 = quantiles(times, n=20)[-1]
        target = "500 ms; 1,000 ms"
        told = f"{median(times):,.0f} ms; {p95:,.0f} ms"
        yield f"| {engine}: an article, {kind} | {target} | {told} ({len(times)}) |"


def renamed(found: dict[int, list[dict[str, float]]]) -> Iterator[str]:
    """A table: a line for each number of articles, a column for each archive."""
    yield (
        "| a byline renamed that has about | " + " | ".join(f"{n:,} articles" for n in found) + " |"
    )
    yield "|---|" + "---|" * len(found)
    for place in range(max(len(lines) for lines in found.values())):
        cells = []
        for lines in found.values():
            if place >= len(lines):
                cells.append("")
                continue
            line = lines[place]
            rate = line["documents"] / line["seconds"]
            cells.append(f"{line['documents']:,} documents, {line['seconds']:.2f} s, {rate:,.0f}/s")
        wanted = next(lines[place] for lines in found.values() if place < len(lines))
        yield f"| {_about(wanted['articles'])} | " + " | ".join(cells) + " |"


def _about(articles: float) -> str:
    return f"{10 ** round(len(str(int(articles))) - 1):,} articles"


def report(folder: Path, sizes: list[int], seconds: float) -> str:
    """All tables."""
    found, lines = {}, []
    homes = {}
    for articles in sizes:
        homes[articles], rebuilt = archive(folder, articles)
        found[articles] = asked("renames", homes[articles])
    small, large = min(sizes), max(sizes)
    ratio = found[large][0]["seconds"] / found[small][0]["seconds"]
    plots.renames(found, DOCS / "freshness-renames.png")
    what = f"the smallest rename, {large:,} articles : {small:,}"
    lines += latencies("embedded", asked("following", "latency", homes[large], SAMPLES))
    lines += on_elasticsearch(homes[sorted(sizes)[(len(sizes) - 1) // 2]])
    lines.append(f"| {what} | at most 1.5 | {ratio:.2f} |")
    seen = asked("following", "sustained", homes[large], seconds)
    plots.sustained(seen, DOCS / "freshness-sustained.png")
    lines.append(kept_up(seen))
    lines.append(crossed(asked("crossing", homes[small])))
    lines += [line for name in CORPORA if (line := real(folder, name))]
    what = f"peak memory of a rebuild of {large:,} articles"
    lines.append(f"| {what} | under 4 GB | {rebuilt.peak:,.0f} MB ({rebuilt.seconds:.0f} s) |")
    os.environ["STET_MEMORY"] = "1GB"
    tight = run(STET, "rebuild", "--home", homes[large])
    del os.environ["STET_MEMORY"]
    told = f"{tight.peak:,.0f} MB ({tight.seconds:.0f} s)"
    lines.append(f"| - with `STET_MEMORY=1GB` | it finishes | {told} |")
    head = [f"{machine()}; archives of {', '.join(f'{n:,}' for n in sizes)} articles:", ""]
    head += ["| what | target | measured |", "|---|---|---|", *lines, ""]
    return "\n".join([*head, *renamed(found)]) + "\n"


def on_elasticsearch(home: Path) -> Iterator[str]:
    """The latency on the server that the environment names, if it names one."""
    url = os.environ.get("ELASTICSEARCH_URL")
    if not url:
        print("ELASTICSEARCH_URL is not set: no latency of Elasticsearch", file=sys.stderr)
        return
    os.environ |= {"STET_SEARCH": url, "STET_SEARCH_PREFIX": "bench-freshness"}
    try:
        run(STET, "rebuild", "--home", home)
        found = asked("following", "latency", home, SAMPLES)
    finally:
        del os.environ["STET_SEARCH"], os.environ["STET_SEARCH_PREFIX"]
    yield from latencies(f"Elasticsearch, {home.name.removeprefix('home-')} articles", found)


def kept_up(seen: list[dict[str, float]]) -> str:
    """Whether the follower kept up: its lag and memory in the first and the last third."""
    last = seen[-1]
    rate, third = last["sent"] / last["second"], max(1, (len(seen) - 1) // 3)
    early, late = seen[third : 2 * third] or seen, seen[2 * third : -1] or seen

    def middle(part: list[dict[str, float]], name: str) -> float:
        return median(each[name] for each in part)

    told = (
        f"{rate:,.0f} a second for {last['second']:.0f} s; behind by"
        f" {middle(early, 'lag'):,.0f} events in the middle third, {middle(late, 'lag'):,.0f} in"
        f" the last; {middle(early, 'rss'):,.0f} MB, then {middle(late, 'rss'):,.0f} MB;"
        f" all of it there {last['drained']:.1f} s after the last"
    )
    return f"| events that keep coming | 500 a second, flat | {told} |"


def crossed(found: dict[str, Any]) -> str:
    """Where the line through catching up crosses a rebuild."""
    lines, rebuilt = found["caught up"], found["rebuilt"]
    last = lines[-1]
    each = last["seconds"] / last["articles"]
    told = "; ".join(f"{line['articles']:,} in {line['seconds']:.1f} s" for line in lines)
    at = f"about {rebuilt / each:,.0f} of {found['articles']:,} articles"
    return f"| articles changed until a rebuild ({rebuilt:.1f} s) is quicker | | {at} ({told}) |"


def real(folder: Path, name: str) -> str | None:
    """The share of the touched documents of a real history that needed no write."""
    source = ROOT.parent / "shared" / "data" / f"{name}.events.jsonl.gz"
    if not source.exists():
        print(f"{source} is not there: no figures of it", file=sys.stderr)
        return None
    home = folder / name
    copy = folder / source.name  # what is rejected is written beside it
    copy.write_bytes(source.read_bytes())
    run(STET, "import", copy, "--home", home, "--on-error", "reject")
    found = asked("corpora", home, STEPS)
    share = found["unchanged"] / found["computed"]
    told = (
        f"{share:.0%} of {found['computed']:,} ({found['steps']} steps, {found['events']:,} events)"
    )
    return f"| {name}: documents made again that were as before | | {told} |"


def main() -> None:
    """Measure, print, and write the README's tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", default="30000,100000,300000")
    parser.add_argument("--seconds", type=float, default=300, help="that events keep coming")
    parser.add_argument("--no-readme", action="store_true", help="only print")
    chosen = parser.parse_args()
    sizes = [int(size) for size in chosen.articles.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        printed = report(Path(folder), sizes, chosen.seconds)
    print(printed)
    if not chosen.no_readme:
        into_readme("bench-freshness", printed)


if __name__ == "__main__":
    main()
