"""The commands over what is made from the log: rebuild, export, search, status."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import keeping, show
from app.options import DEFAULT_HOME, At, Home, Json, open_log, told
from views import VIEW_NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from event_log import EventLog
    from search.engine import Answer
    from search.rebuild import Result


class Sort(StrEnum):
    """The order of hits."""

    relevance = "relevance"
    newest = "newest"
    oldest = "oldest"


def _view(value: str) -> str:
    if value not in VIEW_NAMES:
        raise typer.BadParameter(f"no view {value!r}; there is {', '.join(VIEW_NAMES)}")
    return value


def _views(values: list[str] | None) -> list[str]:
    return [_view(value) for value in values or []]


def rebuild(
    views: Annotated[
        list[str] | None,
        typer.Argument(metavar="[VIEW...]", callback=_views, help="All views if none is named."),
    ] = None,
    at: At = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Compute the views from the log, index them beside what serves, check, and promote.

    Example: stet rebuild articles bylines --at 12000
    """
    from search import rebuild as job

    with told(), show.progress_bar("rebuilding", None) as advance:
        done: list[str] = []

        def progress(step: str) -> None:
            done.append(step)
            advance(len(done), step)

        result = job.run(home, views or None, at=at, progress=progress)
    if as_json:
        typer.echo(show.json_line(asdict(result)))
    else:
        _print_result(result)


def _print_result(result: Result) -> None:
    headings = ("view", "documents", "seconds", "written", "indexed", "checked", "a second", "MB")
    lines = [
        (
            built.view,
            f"{built.documents:,}",
            f"{built.seconds:.2f}",
            f"{built.written_seconds:.2f}",
            f"{built.indexed_seconds:.2f}",
            f"{built.checked_seconds:.2f}",
            f"{built.documents / built.seconds:,.0f}",
            f"{built.bytes / 1e6:.1f}",
        )
        for built in result.views
    ]
    show.table(headings, lines, right=headings[1:])
    typer.echo(
        f"generation {result.generation} serves as of sequence {result.sequence:,} "
        f"({result.seconds:.1f} s)"
    )


def export(
    view: Annotated[str, typer.Argument(callback=_view, help=", ".join(VIEW_NAMES))],
    at: At = None,
    key: Annotated[str | None, typer.Option(help="Only the document with this id.")] = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print a view's documents as JSON Lines, in key order, as the log's head has them.

    Example: stet export articles --key article/titanic-1912
    """
    from views.documents import export as lines

    with told():
        for line in lines(view, home, at=at, keys=None if key is None else [key]):
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def _filters(values: list[str] | None) -> list[str]:
    for value in values or []:
        if "=" not in value:
            raise typer.BadParameter(f"{value!r} is not field=value, such as section=World")
    return values or []


ViewName = Annotated[str, typer.Option(callback=_view, help="Where to search.")]
Text = Annotated[
    str, typer.Argument(help='Words, "a phrase", -without, OR, prefix*, headline:word.')
]
Filters = Annotated[
    list[str] | None,
    typer.Option("--filter", metavar="field=value", callback=_filters, help="Exact value."),
]
From = Annotated[str | None, typer.Option("--from", metavar="DATE", help="This day or later.")]
To = Annotated[str | None, typer.Option("--to", metavar="DATE", help="This day or earlier.")]
Facets = Annotated[
    list[str] | None, typer.Option("--facet", metavar="FIELD", help="Count by this field.")
]


def search(
    text: Text,
    view: ViewName = "articles",
    filters: Filters = None,
    date_from: From = None,
    date_to: To = None,
    sort: Annotated[Sort, typer.Option(help="The order of hits.")] = Sort.relevance,
    facets: Facets = None,
    page: Annotated[int, typer.Option(min=1, help="From 1.")] = 1,
    size: Annotated[int, typer.Option(min=1, max=1000, help="Hits on a page.")] = 10,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Search a view; hits are shown with what matched.

    Example: stet search '"south pole" -scott' --filter section=Science --facet year
    """
    from search import Query
    from search import search as find

    chosen: dict[str, list[str]] = {}
    for item in filters or []:
        name, _, value = item.partition("=")
        chosen.setdefault(name, []).append(value)
    with told():
        answer = find(
            home,
            Query(text, view, chosen, date_from, date_to, sort.value, facets or (), page, size),
        )
    if as_json:
        typer.echo(show.json_line(asdict(answer)))
    else:
        print_answer(answer, page, size)


def print_answer(answer: Answer, page: int = 1, size: int = 10) -> None:
    """Print hits with what matched, then the facets."""
    if answer.note:
        show.note(answer.note)
    which = "" if answer.matching == "all" else " with any of the words"
    typer.echo(f"{answer.total:,} found{which}")
    for place, hit in enumerate(answer.hits, (page - 1) * size + 1):
        typer.echo(f"{place:>3}. {show.marked(hit.title)}  ({hit.id}){_when(hit.document)}")
        for name, fragment in hit.fragments.items():
            typer.echo(f"     {name}: {show.marked(fragment)}")
    for name, counts in answer.facets.items():
        told_counts = ", ".join(f"{show.short(value)} {count:,}" for value, count in counts[:12])
        typer.echo(f"{name}: {told_counts}")


def _when(document: dict[str, Any]) -> str:
    day = str(document.get("published_at") or document.get("date") or "")[:10]
    return f"  {day}" if day else ""


def status(home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Print the head of the log, and for each view how far it is and what serves.

    Example: stet status --json
    """
    with told():
        found = standing(home)
    if as_json:
        typer.echo(show.json_line(found))
        return
    typer.echo(keeping.standing_line(home, found))
    headings = ("view", "checkpoint", "lag (events)", "lag (seconds)", "documents", "generation")
    show.table(
        headings,
        [
            (
                view["view"],
                *(
                    "none yet" if view["generation"] is None and name == "checkpoint"
                    else "" if view[name] is None
                    else show.number(view[name])
                    for name in ("checkpoint", "lag_events", "lag_seconds", "documents")
                ),
                "" if view["generation"] is None else str(view["generation"]),
            )
            for view in found["views"]
        ],
        right=headings[1:],
    )  # fmt: skip


def standing(home: Path) -> dict[str, Any]:
    """The log's head and each view's checkpoint, lag, documents and serving generation.

    The lag in seconds is how long the oldest event that is not yet in the view has waited.
    """
    from search import serving

    log = open_log(home)
    head = log.head
    served = serving(home)
    waited: dict[int, float] = {}
    views = []
    for name in VIEW_NAMES:
        now = served.get(name)
        checkpoint = now.sequence if now else 0
        if checkpoint not in waited:
            waited[checkpoint] = _waited(log, checkpoint)
        views.append(
            {
                "view": name,
                "checkpoint": checkpoint,
                "lag_events": head - checkpoint,
                "lag_seconds": waited[checkpoint],
                "documents": now.documents if now else None,
                "generation": now.generation if now else None,
            }
        )
    return {**keeping.standing(log), "views": views}


def _waited(log: EventLog, checkpoint: int) -> float:
    for batch in log.scan(columns=["recorded_at"], after=checkpoint):
        recorded_at: datetime = batch.column("recorded_at")[0].as_py()
        return round((datetime.now(UTC) - recorded_at).total_seconds(), 3)
    return 0.0
