"""The metadata of materializations: figures, tables, sample documents."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import MarkdownMetadataValue, MetadataValue

from event_log import plain_path

if TYPE_CHECKING:
    from replay import View
    from search import Loading

SAMPLES = 5
CELL = 60


def figures(sequence: int, documents: int, seconds: float, size: int) -> dict[str, Any]:
    """The figures of one step: sequence, documents, seconds, documents a second, bytes."""
    return {
        "sequence": sequence,
        "documents": documents,
        "seconds": round(seconds, 3),
        "documents a second": rate(documents, seconds),
        "bytes": size,
        "dagster/row_count": documents,
    }


def _rate(documents: float) -> float:
    return round(documents) if documents >= 10 else round(documents, 2)


def progress(loading: Loading) -> dict[str, Any]:
    """The progress of a load: documents so far and in all, documents a second, seconds left."""
    pace = loading.rate
    figures = {
        "documents": loading.documents,
        "of": loading.of,
        "documents a second": _rate(pace),
        "seconds left": round((loading.of - loading.documents) / pace) if pace else None,
    }
    return {**figures, "waiting for": loading.note} if loading.note else figures


def sample(path: Path, view: View) -> MarkdownMetadataValue:
    """The first documents of a view's Parquet file as a Markdown table: what they are found by.

    The columns are the id, the title, the date and the filters, without those that are ids.
    """
    import pyarrow.parquet as pq

    from search import values

    batch = next(pq.ParquetFile(plain_path(path)).iter_batches(SAMPLES), None)
    if batch is None:
        return MetadataValue.md("There are no documents.")
    filters = {n: p for n, p in view.filters.items() if n != "id" and not n.endswith("_id")}
    paths = {view.title: view.title, **({view.date: view.date} if view.date else {}), **filters}
    chosen = {"id": "id", **paths}
    return table(
        list(chosen),
        ([", ".join(values(line, at)) for at in chosen.values()] for line in batch.to_pylist()),
    )


def table(headings: Sequence[str], lines: Iterable[Sequence[Any]]) -> MarkdownMetadataValue:
    """A Markdown table; Markdown in cells is escaped, and numbers have commas for thousands."""
    drawn = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    drawn += ["| " + " | ".join(_cell(value) for value in line) + " |" for line in lines]
    return MetadataValue.md("\n".join(drawn))


def peak_memory() -> float:
    """The most memory that this process has had so far, in MB (10^6 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


def rate(number: int, seconds: float) -> float:
    """A number a second; the number itself if it took no time."""
    return _rate(number / seconds) if seconds else number


def _cell(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    text = " ".join(str("" if value is None else value).split())
    text = text if len(text) <= CELL else text[: CELL - 1] + "…"
    for character in "&\\|<>`*_~[]!":
        text = text.replace(character, f"&#{ord(character)};")
    return text
