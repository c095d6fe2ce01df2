"""What the definitions say of each asset: what it is and why, whose it is, where its source is."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import (
    CodeReferencesMetadataValue,
    LocalFileCodeReference,
    MetadataValue,
    TableColumn,
    TableSchema,
)

from pipelines import metadata

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from archive import Archive
    from replay import View


def log(archive: Archive) -> str:
    """The description of the log."""
    kinds = ", ".join(category.name for category in archive.domain.categories)
    return (
        "The append-only log of events: the source of truth, from which all else is computed."
        f" Its data version is its last sequence. Categories: {kinds}."
    )


def log_metadata(archive: Archive) -> dict[str, Any]:
    """Where the log is, and the fields of each category."""
    lines = [
        (category.name, field.name, str(field.type))
        for category in archive.domain.categories
        for field in category.fields
    ]
    table = metadata.table(("category", "field", "type"), lines)
    return {"dagster/uri": archive.log.path.as_uri(), "categories": table}


def view(of: View) -> str:
    """The description of a view: what it has a document for, and why it is computed."""
    return (
        f"{_first_line(of)} Computed from the log and written as Parquet, sorted by id; the index"
        " of the same name is filled from it, and compared with it."
    )


def index(of: View) -> str:
    """The description of an index: what readers find in it, and by what."""
    filters = ", ".join(of.filters) or "none"
    return (
        f"The search index that readers ask for {of.name}. A materialization is what is live: it is"
        f" made when a rebuild is promoted or rolled back, and when events are caught up."
        f" Texts: {', '.join(of.text)}. Filters: {filters}."
    )


def _first_line(of: View) -> str:
    """The first line of the view's module, if that is about the view, else of its function."""
    module = inspect.getmodule(of.documents)
    text = inspect.getdoc(module) or "" if module else ""
    if not text.startswith(f"{of.name}:"):
        text = inspect.getdoc(of.documents) or f"The documents of the view {of.name}."
    return text.split("\n\n")[0].replace("\n", " ").strip()


def owners(archive: Archive) -> list[str]:
    """The team that answers for an asset: that of the domain."""
    return [f"team:{archive.domain.name}"]


def tags(archive: Archive, layer: str) -> dict[str, str]:
    """The tags by which assets are found: the domain, and the layer (log, views or index)."""
    return {"stet/domain": archive.domain.name, "stet/layer": layer}


def view_metadata(archive: Archive, of: View) -> dict[str, Any]:
    """Where a view's documents are written, and where its source is."""
    return {"dagster/uri": archive.builds.absolute().as_uri(), **_source(of.documents)}


def index_metadata(archive: Archive, of: View) -> dict[str, Any]:
    """Which engine has an index, and by what documents are found."""
    table = metadata.table(
        ("name", "kind", "paths"),
        [
            *((name, "text", ", ".join(paths)) for name, paths in of.text.items()),
            *((name, "filter", path) for name, path in of.filters.items()),
            *((("date", "date", of.date),) if of.date else ()),
        ],
    )
    engine = "Elasticsearch" if archive.uses_cluster else "embedded (Tantivy)"
    return {"engine": engine, "searched by": table, **_source(of.documents)}


def _source(function: Callable[..., Any]) -> dict[str, Any]:
    """A link to the lines of a function; none for one that has no file."""
    try:
        file, line = inspect.getsourcefile(function), inspect.getsourcelines(function)[1]
    except (OSError, TypeError):
        return {}
    if file is None:
        return {}
    path = str(Path(file).resolve())
    place = LocalFileCodeReference(file_path=path, line_number=line, label=function.__module__)
    references = CodeReferencesMetadataValue(code_references=[place])
    return {"dagster/code_references": references}


def columns(schema: pa.Schema, of: View) -> MetadataValue:
    """The columns of a view's documents, with what each is searched as."""
    uses = _uses(of)
    return MetadataValue.table_schema(
        TableSchema(
            [
                TableColumn(field.name, str(field.type), description=uses.get(field.name))
                for field in schema
            ]
        )
    )


def _uses(of: View) -> Mapping[str, str]:
    """By column, the texts, filters and dates that are read from it."""
    uses: dict[str, list[str]] = {}

    def note(path: str, use: str) -> None:
        uses.setdefault(path.split(".")[0], []).append(use)

    note(of.title, "the title")
    for name, paths in of.text.items():
        for path in paths:
            note(path, f"text {name}")
    for name, path in of.filters.items():
        note(path, f"filter {name}")
    if of.date:
        note(of.date, "the date")
    return {column: ", ".join(dict.fromkeys(each)) for column, each in uses.items()}
