"""The command that measures ranking: evaluate."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import show
from app.archive import ViewName
from app.engines import Search, engine
from app.options import DEFAULT_HOME, Home, Json, told

if TYPE_CHECKING:
    from search.evaluation import Measured


def evaluate(
    queries: Annotated[
        Path, typer.Argument(metavar="QUERIES.tsv", help="A query a line: id, a tab, the text.")
    ],
    judgements: Annotated[
        Path,
        typer.Argument(metavar="QRELS.txt", help="TREC's: query, 0, document, how relevant it is."),
    ],
    view: ViewName = "articles",
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
    from search import evaluation

    with told():
        asked = evaluation.read_queries(queries)
        judged = evaluation.read_judgements(judgements)
        evaluation.check(asked, judged)
        used = engine(home, search)
        with show.progress_bar("searching", len(asked)) as advance:
            found = evaluation.run(used, view, asked, depth, not as_readers, advance)
        measured = evaluation.measured(found, judged)
        if run:
            run.write_text(evaluation.written(found, "stet"), encoding="utf-8")
    _tell(measured, as_json)


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
