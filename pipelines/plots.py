"""The plots in the metadata: drawn by matplotlib, embedded in Markdown."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import MarkdownMetadataValue, MetadataValue

from event_log import plain_path

if TYPE_CHECKING:
    import pyarrow as pa

POINTS = 400
"""How many instants a plot of the lag has."""


def _drawn(title: str, draw: Callable[[Any], None]) -> MarkdownMetadataValue:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.4), layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    axes.spines[["top", "right"]].set_visible(False)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    encoded = base64.b64encode(drawn.getvalue()).decode()
    return MetadataValue.md(f"![{title}](data:image/png;base64,{encoded})")


def documents_per_year(view: str, path: Path, date: str) -> MarkdownMetadataValue:
    """A bar for each year: how many documents of a Parquet file have a date in it.

    ``date`` is the path of the date in a document, as the view declares it.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    column, *fields = date.split(".")
    dates = pq.ParquetFile(plain_path(path)).read(columns=[date]).column(column).combine_chunks()
    for field in fields:
        dates = pc.struct_field(dates, field)
    counts = pc.value_counts(pc.year(dates).drop_null()).to_pylist()

    def draw(axes: Any) -> None:
        axes.bar([c["values"] for c in counts], [c["counts"] for c in counts], width=0.9)
        axes.set_xlabel("year (UTC)")
        axes.set_ylabel(view)

    return _drawn(f"{view} a year", draw)


def fan_out(documents: Sequence[int]) -> MarkdownMetadataValue:
    """A histogram: how many changed entities touched 0, 1, 2 to 3, 4 to 7 ... documents."""
    powers = [number.bit_length() for number in documents]
    most = max(powers, default=0)
    counts = [powers.count(power) for power in range(most + 1)]

    def draw(axes: Any) -> None:
        axes.bar(range(most + 1), counts, width=0.9)
        axes.set_xticks(range(most + 1), [_span(power) for power in range(most + 1)])
        axes.set_xlabel("documents touched by one changed entity")
        axes.set_ylabel("entities")

    return _drawn("fan-out", draw)


def _span(power: int) -> str:
    """The numbers with this many binary digits.

    >>> [_span(power) for power in (0, 1, 2, 3, 11)]
    ['0', '1', '2–3', '4–7', '1k–2k']
    """
    first, last = (1 << power) >> 1, (1 << power) - 1
    if power < 2:
        return str(last)
    return f"{first}–{last}" if power < 11 else f"{first >> 10}k–{(last + 1) >> 10}k"


def lag_over_time(
    recorded: pa.ChunkedArray, after: int, reached: Sequence[tuple[datetime, int]]
) -> MarkdownMetadataValue:
    """How many events were not searchable yet, from the oldest of them until now.

    ``recorded`` has the instant at which each event after the sequence ``after`` was recorded, in
    order. ``reached`` has the instants at which sequences became searchable.
    """
    import numpy as np

    times = recorded.cast("int64").to_numpy().astype(np.float64) / 1e6
    steps = np.array([moment.timestamp() for moment, _ in reached])
    through = np.array([after, *(sequence for _, sequence in reached)])
    end = max([*times[-1:], *steps[-1:]], default=datetime.now(UTC).timestamp())
    start = times[0] if len(times) else end - 1
    grid = np.unique(np.concatenate([np.linspace(start, end, POINTS), steps, steps - 1e-6]))
    appended = after + np.searchsorted(times, grid, side="right")
    waiting = np.maximum(0, appended - through[np.searchsorted(steps, grid, side="right")])

    def draw(axes: Any) -> None:
        moments = [datetime.fromtimestamp(moment, UTC) for moment in grid]
        axes.step(moments, waiting, where="post")
        axes.fill_between(moments, waiting, step="post", alpha=0.2)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("recorded at (UTC)")
        axes.set_ylabel("events behind")

    return _drawn("lag over time", draw)


def documents_over_time(
    months: Sequence[str], documents: Mapping[str, Sequence[int]]
) -> MarkdownMetadataValue:
    """A line for each view: how many documents it had at each month's end."""

    def draw(axes: Any) -> None:
        for view, counts in documents.items():
            axes.plot(months, counts, marker=".", label=view)
        axes.set_xticks(range(0, len(months), 1 + len(months) // 8))
        axes.set_ylim(bottom=0)
        axes.set_ylabel("documents")
        axes.legend(fontsize="x-small", ncols=2, frameon=False)

    return _drawn("documents over time", draw)
