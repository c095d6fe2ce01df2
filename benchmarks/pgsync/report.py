"""The figures as the page docs/measured/pgsync.md shows them."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Sequence

from benchmarks.pgsync.compare import Differences
from benchmarks.pgsync.measure import Load, Renaming


def table(
    articles: int, loads: Sequence[Load], differences: Differences, renaming: Renaming
) -> str:
    """All that was measured, as Markdown, with the machine it was measured on."""
    cores = len(os.sched_getaffinity(0))
    own = loads[0]
    runs = f"median of {len(own.runs)} runs" if len(own.runs) > 1 else "one run"
    lines = [
        f"`stet generate --articles {articles}`, {own.documents:,} documents, {cores} cores, "
        f"{platform.machine()}, {time.strftime('%Y-%m-%d')}; {runs}:",
        "",
        "| initial load | documents/s | ratio | seconds | processor time | peak memory |",
        "|---|---|---|---|---|---|",
        *(_loaded(load, own) for load in loads),
        "",
        "After a + what PostgreSQL and Redis took; Elasticsearch's own is in neither.",
        "",
        f"{renaming.byline} renamed: {renaming.articles:,} articles by it,"
        f" {len(renaming.showing):,} documents that show it",
        "",
        "| one byline renamed | documents written | first found after | all found after |",
        "|---|---|---|---|",
    ]
    for one in renaming.tools:
        seconds = f"{one.first_seconds:.1f} s | {one.all_seconds:.1f} s"
        lines.append(f"| {one.name} | {one.written:,} | {seconds} |")
    return "\n".join([*lines, "", differences.summary]) + "\n"


def _loaded(load: Load, own: Load) -> str:
    seconds = sorted(run.seconds for run in load.runs)
    spent = statistics.median(run.processor for run in load.runs)
    behind = statistics.median(run.processor_behind for run in load.runs)
    peak = max(run.peak for run in load.runs)
    peak_behind = max(run.peak_behind for run in load.runs)
    has_servers = peak_behind > 0
    return (
        f"| {load.name} | {load.rate:,.0f} | {load.rate / own.rate:.2f} |"
        f" {load.seconds:.1f} ({seconds[0]:.1f} to {seconds[-1]:.1f}) |"
        f" {spent:.1f} s{f' + {behind:.1f} s' if has_servers else ''} |"
        f" {peak:,.0f} MB{f' + {peak_behind:,.0f} MB' if has_servers else ''} |"
    )
