"""What a person looks at beside a materialization: figures, sample documents, a plot."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import MarkdownMetadataValue, MetadataValue

if TYPE_CHECKING:
    from search.engine import Loading

SAMPLES = 5
COLUMNS = 7
CELL = 60


def figures(sequence: int, documents: int, seconds: float, size: int) -> dict[str, Any]:
    """The figures of one step: sequence, documents, seconds, documents a second, bytes."""
    return {
        "sequence": sequence,
        "documents": documents,
        "seconds": round(seconds, 3),
        "documents a second": _rate(documents / seconds) if seconds else documents,
        "bytes": size,
        "dagster/row_count": documents,
    }


def _rate(documents: float) -> float:
    return round(documents) if documents >= 10 else round(documents, 2)


def progress(loading: Loading) -> dict[str, Any]:
    """How far a load is: documents of how many, documents a second, and seconds that are left."""
    rate = loading.rate
    told = {
        "documents": loading.documents,
        "of": loading.of,
        "documents a second": _rate(rate),
        "seconds left": round((loading.of - loading.documents) / rate) if rate else None,
    }
    return {**told, "waiting for": loading.note} if loading.note else told


def sample(path: Path) -> MarkdownMetadataValue:
    """The first documents of a view's Parquet file as a Markdown table."""
    import pyarrow.parquet as pq

    batch = next(pq.ParquetFile(path).iter_batches(SAMPLES), None)
    if batch is None:
        return MetadataValue.md("There are no documents.")
    names = batch.schema.names[:COLUMNS]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += [
        "| " + " | ".join(_cell(document[name]) for name in names) + " |"
        for document in batch.to_pylist()
    ]
    return MetadataValue.md("\n".join(lines))


def _cell(value: Any) -> str:
    text = " ".join(str("" if value is None else value).split())
    text = text if len(text) <= CELL else text[: CELL - 1] + "…"
    for character in "\\|<>`*_[]!":
        text = text.replace(character, f"&#{ord(character)};")
    return text


def articles_per_year(path: Path) -> MarkdownMetadataValue:
    """A plot of how many of the articles were published in each year."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    from matplotlib.figure import Figure

    published = pq.read_table(path, columns=["published_at"]).column("published_at")
    counts = pc.value_counts(pc.year(published)).to_pylist()
    figure = Figure(figsize=(7, 2.4), layout="constrained")
    axes = figure.add_subplot()
    axes.bar([c["values"] for c in counts], [c["counts"] for c in counts], width=0.9)
    axes.set_xlabel("year (UTC)")
    axes.set_ylabel("articles")
    axes.spines[["top", "right"]].set_visible(False)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    encoded = base64.b64encode(drawn.getvalue()).decode()
    return MetadataValue.md(f"![articles a year](data:image/png;base64,{encoded})")
