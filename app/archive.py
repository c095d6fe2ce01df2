"""The commands over what is made from the log: rebuild, export, search."""

from __future__ import annotations

import sys
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import past, show
from app.engines import Search, engine
from app.options import DEFAULT_HOME, At, Home, Json, told
from views import VIEW_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from search.engine import Answer, Loading
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


Views = Annotated[
    list[str] | None,
    typer.Argument(metavar="[VIEW...]", callback=_views, help="All views if none is named."),
]
Tolerated = Annotated[
    float,
    typer.Option(
        "--dead-letters",
        metavar="PERCENT",
        min=0,
        max=100,
        envvar="STET_DEAD_LETTERS",
        help="Promote although so many of a view's documents were refused by the engine.",
    ),
]


def rebuild(
    views: Views = None,
    at: At = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Merge each index into one piece before it serves.")
    ] = False,
    tolerated: Tolerated = 0.1,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Compute the views from the log, index them beside what serves, check, and promote.

    Example: stet rebuild articles bylines --at 12000
    """
    from search import rebuild as job

    with told(), show.progress_bar("rebuilding", None) as advance:
        progress, loading = _advancing(advance)
        result = job.run(
            home,
            views or None,
            at=at,
            progress=progress,
            loading=loading,
            engine=engine(home, search),
            tolerated=tolerated / 100,
            merge=merge,
        )
    if as_json:
        typer.echo(show.json_line(asdict(result)))
    else:
        _print_result(result)


def _advancing(
    advance: Callable[[int, str], None],
) -> tuple[Callable[[str], None], Callable[[Loading], None]]:
    """What tells a progress bar of the steps of a rebuild, and of a load within a step."""
    done: list[str] = []

    def progress(step: str) -> None:
        done.append(step)
        advance(len(done), step)

    def loading(now: Loading) -> None:
        advance(len(done), str(now))
        if now.note and not sys.stderr.isatty():
            show.note(str(now))  # that nothing moves is worth a line in a log, too

    return progress, loading


HEADINGS = (
    "view", "documents", "seconds", "written", "indexed", "checked", "a second", "MB",
    "dead letters",
)  # fmt: skip


def _print_result(result: Result) -> None:
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
            f"{built.rejected:,}",
        )
        for built in result.views
    ]
    show.table(HEADINGS, lines, right=HEADINGS[1:])
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


def _view_or_all(value: str | None) -> str | None:
    return None if value is None else _view(value)


ViewName = Annotated[str, typer.Option(callback=_view, help="Where to search.")]
ViewOrAll = Annotated[
    str | None, typer.Option("--view", callback=_view_or_all, help="Only those of this view.")
]
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
    at: At = None,
    at_cluster: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Search a view; hits are shown with what matched.

    With --at, what it would have found then: stet search titanic --at 250

    Example: stet search '"south pole" -scott' --filter section=Science --facet year
    """
    from search import Query

    chosen: dict[str, list[str]] = {}
    for item in filters or []:
        name, _, value = item.partition("=")
        chosen.setdefault(name, []).append(value)
    with told():
        used = engine(home, at_cluster)
        query = Query(text, view, chosen, date_from, date_to, sort.value, facets or (), page, size)
        answer = used.search(query) if at is None else past.answer(home, query, at, used)
        as_of = None if at is None else past.as_of(home, answer, used.serving().get(view))
    if as_json:
        typer.echo(show.json_line(asdict(answer) | ({"as_of": as_of} if as_of else {})))
        return
    if as_of:
        past.tell(as_of)
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
