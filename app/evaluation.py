"""The command ``evaluate``: measures ranking on judged queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import show
from app.options import (
    DEFAULT_HOME,
    Failure,
    Home,
    Json,
    Search,
    ViewName,
    checked_view,
    errors_as_messages,
    open_archive,
)
from event_log import counted

if TYPE_CHECKING:
    from archive import Archive
    from search import Measured


Queries = Annotated[
    Path | None,
    typer.Argument(
        metavar="QUERIES.tsv",
        help="One query a line: id, tab, text. The domain's queries by default.",
    ),
]
Judgements = Annotated[
    Path | None,
    typer.Argument(
        metavar="QRELS.txt", help="In TREC's format: query, 0, document, how relevant it is."
    ),
]
Run = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the hits to this file, in TREC's format.")
]
Depth = Annotated[int, typer.Option(min=1, help="How many hits of each query are measured.")]
AsReaders = Annotated[
    bool,
    typer.Option(
        "--as-readers",
        help="Search as `stet search` does, where all of up to four words must match; by default"
        " any word may match.",
    ),
]


def evaluate(
    queries: Queries = None,
    judgements: Judgements = None,
    view: ViewName = "",
    run: Run = None,
    depth: Depth = 1000,
    as_readers: AsReaders = False,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Measure ranking on judged queries.

    The measures are nDCG@10, MAP, MRR@10 and recall@100. Queries that find nothing are named.

    Example: stet evaluate newsroom/sample/queries.tsv newsroom/sample/qrels.txt --run stet.run
    """
    from search import check_judged, measure, read_judgements, read_queries, run_queries, trec_run

    with errors_as_messages():
        archive = open_archive(home, search)
        view = checked_view(archive, view) or archive.first_view
        queries_file, judgements_file = _judged_files(archive, queries, judgements)
        texts, grades = read_queries(queries_file), read_judgements(judgements_file)
        check_judged(texts, grades)
        with show.progress_bar("searching", len(texts)) as advance:
            hits = run_queries(archive.engine, view, texts, depth, not as_readers, advance)
        measured = measure(hits, grades)
        if run:
            run.write_text(trec_run(hits, "stet"), encoding="utf-8")
    _print_measured(measured, texts, as_json)


def _judged_files(
    archive: Archive, queries: Path | None, judgements: Path | None
) -> tuple[Path, Path]:
    """The files of queries and judgements: those given, else those of the domain."""
    if queries is not None and judgements is not None:
        return queries, judgements
    if queries is not None:
        raise typer.BadParameter("queries need judgements: give both files", param_hint="QRELS.txt")
    folder = archive.domain.queries
    if folder is None:
        name = archive.domain.name
        raise Failure(f"the domain {name} has no judged queries; give QUERIES.tsv and QRELS.txt")
    return folder / "queries.tsv", folder / "qrels.txt"


def _print_measured(measured: Measured, texts: Mapping[str, str], as_json: bool) -> None:
    if measured.unjudged:
        unjudged = show.short(", ".join(measured.unjudged))
        show.note(f"queries without judgements are not counted: {unjudged}")
    if not measured.found and measured.relevant:
        show.note("no relevant document was found; check that the judgements name ids of this view")
    if as_json:
        show.json(asdict(measured))
        return
    if measured.empty:
        named = [(key, show.short(texts[key])) for key in measured.empty]
        show.table(("finds nothing", "query"), named)
    show.table(
        ("measure", "mean"),
        [(name, f"{value:.4f}") for name, value in measured.measures.items()],
        right=("mean",),
    )
    show.line(
        f"{counted(len(measured.by_query), 'query')}; {measured.found:,} of"
        f" {counted(measured.relevant, 'relevant document')} found"
    )
