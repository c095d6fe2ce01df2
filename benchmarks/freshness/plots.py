"""The plots of the benchmark, as files in ``docs/``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def renames(found: Mapping[int, Sequence[Mapping[str, float]]], to: Path) -> None:
    """Seconds over documents touched, a line for each size of archive."""
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for articles, lines in found.items():
        documents = [line["documents"] for line in lines]
        seconds = [line["seconds"] for line in lines]
        axes.loglog(documents, seconds, "o-", label=f"{articles:,} articles")
    axes.set_xlabel("documents that a rename touches")
    axes.set_ylabel("seconds until searchable")
    axes.legend(frameon=False)
    _save(figure, axes, to)


def sustained(seen: Sequence[Mapping[str, float]], to: Path) -> None:
    """Lag and the follower's memory while events keep coming."""
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    seconds = [each["second"] for each in seen]
    axes.plot(seconds, [each["lag"] for each in seen], color="tab:blue")
    axes.set_xlabel("seconds")
    axes.set_ylabel("events behind", color="tab:blue")
    axes.set_ylim(bottom=0)
    other = axes.twinx()
    other.plot(seconds, [each["rss"] for each in seen], color="tab:orange")
    other.set_ylabel("memory of the follower (MB)", color="tab:orange")
    other.set_ylim(bottom=0)
    other.spines["top"].set_visible(False)
    _save(figure, axes, to)


def _save(figure: Figure, axes: Any, to: Path) -> None:
    axes.spines[["top"]].set_visible(False)
    to.parent.mkdir(exist_ok=True)
    figure.savefig(to, dpi=100)
