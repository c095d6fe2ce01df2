"""The command that measures ranking: evaluate."""

from __future__ import annotations

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
    open_archive,
    told,
)

if TYPE_CHECKING:
    from archive import Archive
    from search import Measured


def evaluate(
    queries: Annotated[
        Path | None,
        typer.Argument(
            metavar="QUERIES.tsv",
            help="A query a line: id, a tab, the text. Those of the domain by default.",
        ),
    ] = None,
    judgements: Annotated[
        Path | None,
        typer.Argument(metavar="QRELS.txt", help="TREC's: query, 0, document, how relevant it is."),
    ] = None,
    view: ViewName = "",
    run: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was found there, as TREC does.")
    ] = None,
    depth: Annotated[int, typer.Option(min=1, help="So many hits a query are measured.")] = 1000,
    as_readers: Annotated[
        bool,
        typer.Option(
            "--as-readers", help="Few words must all match, as in a search; else any may."
        ),
    ] = False,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Measure ranking on judged queries: nDCG@10, MAP, MRR@10 and recall@100.

    Example: stet evaluate newsroom/sample/queries.tsv newsroom/sample/qrels.txt --run stet.run
    """
    from search import check_judged, measure, read_judgements, read_queries, run_queries, trec_run

    with told():
        archive = open_archive(home, search)
        view = checked_view(archive, view) or archive.first_view
        texts, grades = _judged(archive, queries, judgements)
        asked, judged = read_queries(texts), read_judgements(grades)
        check_judged(asked, judged)
        with show.progress_bar("searching", len(asked)) as advance:
            found = run_queries(archive.engine, view, asked, depth, not as_readers, advance)
        measured = measure(found, judged)
        if run:
            run.write_text(trec_run(found, "stet"), encoding="utf-8")
    _tell(measured, as_json)


def _judged(archive: Archive, queries: Path | None, judgements: Path | None) -> tuple[Path, Path]:
    """The files of queries and judgements: those given, else those of the domain."""
    if queries is not None and judgements is not None:
        return queries, judgements
    if queries is not None:
        raise typer.BadParameter("queries need judgements: give both files", param_hint="QRELS.txt")
    folder = archive.domain.queries
    if folder is None:
        raise Failure(f"no judged queries come with the domain {archive.domain.name}; give files")
    return folder / "queries.tsv", folder / "qrels.txt"


def _tell(measured: Measured, as_json: bool) -> None:
    if measured.unjudged:
        show.note(f"not judged, and not counted: {show.short(', '.join(measured.unjudged))}")
    if not measured.found and measured.relevant:
        show.note("no relevant document was found: do the judgements name this view's ids?")
    if as_json:
        typer.echo(show.json_line(asdict(measured)))
        return
    show.table(
        ("measure", "mean"),
        [(name, f"{value:.4f}") for name, value in measured.measures.items()],
        right=("mean",),
    )
    typer.echo(
        f"{len(measured.by_query):,} queries; {measured.found:,} of {measured.relevant:,} relevant "
        "documents found"
    )
