"""Measure how soon a change is searched, and what it costs; tables and plots in docs/measured/.

    make bench-freshness                        # up to 300,000 articles: about half an hour
    .venv/bin/python -m benchmarks.freshness --articles 3000,6000 --seconds 20 --print-only
    .venv/bin/python -m benchmarks.freshness --folder /var/tmp/freshness  # imported archives stay

What follows, what appends and asks, and what is timed are processes of their own. With
``ELASTICSEARCH_URL`` the latency is measured on that server as well. With ``--print-only`` the
plots go to the working folder, so that a trial is not taken for a result.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.freshness import plots
from benchmarks.main import STET
from benchmarks.measuring import PAGES, ROOT, Measured, into_page, machine, run

CORPORA = ("congress", "digitalgov")
STEPS = 25
SAMPLES = 90
FLAT = 1.2
"""Flat is what grows by no more than this from the middle third to the last."""


def archive(folder: Path, articles: int) -> tuple[Path, Measured]:
    """A copy of a generated archive that serves; and what its rebuild took."""
    imported, home = folder / f"imported-{articles}", folder / f"home-{articles}"
    if not imported.exists():
        source, half = folder / f"{articles}.jsonl", folder / f"importing-{articles}"
        shutil.rmtree(half, ignore_errors=True)
        run(STET, "generate", "--articles", str(articles), stdout=source)
        run(STET, "import", source, "--home", half)
        source.unlink()
        half.rename(imported)
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(imported, home)
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
    """A table: a line for each number of articles that was wanted, a column for each archive."""
    heads = " | ".join(f"{articles:,} articles" for articles in found)
    yield f"| a byline renamed that has about | {heads} |"
    yield "|---|" + "---|" * len(found)
    by_wanted = [{line["wanted"]: line for line in lines} for lines in found.values()]
    for wanted in sorted({each for lines in by_wanted for each in lines}):
        cells = [_cell(lines.get(wanted)) for lines in by_wanted]
        yield f"| {wanted:,} article{'s' * (wanted > 1)} | {' | '.join(cells)} |"


def _cell(line: dict[str, float] | None) -> str:
    if line is None:
        return "no such byline"
    rate = line["documents"] / line["seconds"]
    return f"{line['documents']:,} documents, {line['seconds']:.2f} s, {rate:,.0f}/s"


def smallest(found: dict[int, list[dict[str, float]]]) -> str:
    """What the smallest rename costs in the largest archive, as a multiple of the smallest one."""
    small, large = (
        {line["wanted"]: line["seconds"] for line in found[size]}
        for size in (min(found), max(found))
    )
    wanted = min(set(small) & set(large))
    what = f"a byline of {wanted} renamed, {max(found):,} articles : {min(found):,}"
    return f"| {what} | at most 1.5 | {large[wanted] / small[wanted]:.2f} |"


def report(folder: Path, docs: Path, sizes: list[int], seconds: float) -> str:
    """All tables; ``sizes`` ascend. The plots go to ``docs``."""
    found: dict[int, list[dict[str, float]]] = {}
    lines: list[str] = []
    for line in _measured(folder, docs, sizes, seconds, found):
        print(line, file=sys.stderr, flush=True)
        lines.append(line)
    head = [f"{machine()}; archives of {', '.join(f'{n:,}' for n in sizes)} articles:", ""]
    head += ["| what | target | measured |", "|---|---|---|", *lines, ""]
    return "\n".join([*head, *renamed(found)]) + "\n"


def _measured(
    folder: Path,
    docs: Path,
    sizes: list[int],
    seconds: float,
    found: dict[int, list[dict[str, float]]],
) -> Iterator[str]:
    """The lines of the first table, one by one; the renames are put into ``found``."""
    homes: dict[int, Path] = {}
    for articles in sizes:
        homes[articles], rebuilt = archive(folder, articles)
        found[articles] = asked("renames", homes[articles])
    small, large = sizes[0], sizes[-1]
    plots.renames(found, docs / "freshness-renames.png")
    yield from latencies("embedded", asked("following", "latency", homes[large], SAMPLES))
    yield from on_elasticsearch(homes[large])
    yield smallest(found)
    seen = asked("following", "sustained", homes[large], seconds)
    plots.sustained(seen, docs / "freshness-sustained.png")
    yield kept_up(seen)
    yield crossed(asked("crossing", homes[small]))
    yield from (line for name in CORPORA if (line := real(folder, name)))
    what = f"peak memory of a rebuild of {large:,} articles"
    yield f"| {what} | under 4 GB | {rebuilt.peak:,.0f} MB ({rebuilt.seconds:.0f} s) |"
    yield tight(homes[large])


def tight(home: Path) -> str:
    """A rebuild with less memory; that it fails is a result, and ends nothing."""
    os.environ["STET_MEMORY"] = "1GB"
    try:
        measured = run(STET, "rebuild", "--home", home)
        told = f"{measured.peak:,.0f} MB ({measured.seconds:.0f} s)"
    except SystemExit as failed:
        print(failed, file=sys.stderr)
        told = "it does not"
    finally:
        del os.environ["STET_MEMORY"]
    return f"| - with `STET_MEMORY=1GB`, after all of the above | it finishes | {told} |"


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
    yield from latencies("Elasticsearch", found)


def kept_up(seen: list[dict[str, float]]) -> str:
    """Whether the follower kept up: its lag and memory in the middle and in the last third."""
    last, third = seen[-1], max(1, (len(seen) - 1) // 3)
    parts = seen[third : 2 * third] or seen, seen[2 * third : -1] or seen
    lag, late, rss = (
        [median(each[name] for each in part) for part in parts] for name in ("lag", "late", "rss")
    )
    flat = late[1] <= max(1.0, FLAT * late[0]) and rss[1] <= FLAT * rss[0]
    told = (
        f"{'flat' if flat else 'not flat'}: {last['sent'] / last['second']:,.0f} a second for"
        f" {last['second']:.0f} s; behind by {lag[0]:,.0f} events ({late[0]:.1f} s) in the middle"
        f" third, {lag[1]:,.0f} ({late[1]:.1f} s) in the last; {rss[0]:,.0f} MB, then"
        f" {rss[1]:,.0f} MB; all of it there {last['drained']:.1f} s after the last"
    )
    return f"| events that keep coming | 500 a second, flat | {told} |"


def crossed(found: dict[str, Any]) -> str:
    """From where on catching up costs more than a rebuild, as a line through the largest says."""
    lines, rebuilt, articles = found["caught up"], found["rebuilt"], found["articles"]
    last = lines[-1]
    told = "; ".join(f"{line['articles']:,} in {line['seconds']:.1f} s" for line in lines)
    at = rebuilt / last["seconds"] * last["articles"]
    said = f"about {at:,.0f} of {articles:,} articles" if at < articles else "never"
    return f"| articles changed until a rebuild ({rebuilt:.1f} s) is quicker | | {said} ({told}) |"


def real(folder: Path, name: str) -> str | None:
    """The share of the touched documents of a real history that needed no write."""
    source = ROOT.parent / "shared" / "data" / f"{name}.events.jsonl.gz"
    if not source.exists():
        print(f"{source} is not there: no figures of it", file=sys.stderr)
        return None
    home = folder / name
    shutil.rmtree(home, ignore_errors=True)
    copy = folder / source.name  # what is rejected is written beside it
    copy.write_bytes(source.read_bytes())
    found = asked("corpora", copy, home, STEPS)
    share = found["unchanged"] / found["computed"]
    told = (
        f"{share:.0%} of {found['computed']:,} ({found['steps']} steps, {found['events']:,} events)"
    )
    return f"| {name}: documents made again that were as before | | {told} |"


def main() -> None:
    """Measure, print, and write the page's tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", default="30000,100000,300000")
    parser.add_argument("--seconds", type=float, default=300, help="that events keep coming")
    parser.add_argument("--folder", type=Path, help="where imported archives stay between runs")
    parser.add_argument("--print-only", action="store_true", help="only print")
    chosen = parser.parse_args()
    sizes = sorted(int(size) for size in chosen.articles.split(","))
    if chosen.folder:
        chosen.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as passing:
        folder = chosen.folder or Path(passing)
        printed = report(folder, folder if chosen.print_only else PAGES, sizes, chosen.seconds)
    print(printed)
    if not chosen.print_only:
        into_page("freshness", "bench-freshness", printed)


if __name__ == "__main__":
    main()
