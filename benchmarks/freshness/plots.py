"""The plots of the benchmark, as files in ``docs/measured/``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

SECONDS = [0.2, 0.5, 1, 2, 5, 10, 20]


def renames(found: Mapping[int, Sequence[Mapping[str, float]]], to: Path) -> None:
    """Seconds over documents touched, a line for each size of archive."""
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for articles, lines in found.items():
        documents = [line["documents"] for line in lines]
        seconds = [line["seconds"] for line in lines]
        axes.loglog(documents, seconds, "o-", label=f"{articles:,} articles")
    axes.set_yticks(SECONDS, labels=[f"{each:g}" for each in SECONDS])
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlabel("documents that a rename touches")
    axes.set_ylabel("seconds until searchable")
    axes.legend(frameon=False)
    _save(figure, [axes], to)


def sustained(seen: Sequence[Mapping[str, float]], to: Path) -> None:
    """Lag in events and in seconds, and the follower's memory, while events keep coming."""
    figure = Figure(figsize=(6, 4.4), layout="constrained")
    parts = {"lag": "events behind", "late": "seconds behind", "rss": "follower's MB"}
    seconds = [each["second"] for each in seen]
    drawn = figure.subplots(len(parts), sharex=True)
    for axes, (name, label) in zip(drawn, parts.items(), strict=True):
        axes.plot(seconds, [each[name] for each in seen])
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
    drawn[-1].set_xlabel("seconds of 500 events each")
    _save(figure, drawn, to)


def _save(figure: Figure, drawn: Sequence[Axes], to: Path) -> None:
    for axes in drawn:
        axes.spines[["top", "right"]].set_visible(False)
    to.parent.mkdir(exist_ok=True)
    figure.savefig(to, dpi=100)
