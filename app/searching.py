"""The commands that read documents: search and export."""

from __future__ import annotations

import sys
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from app import completing, past, show
from app.options import (
    DEFAULT_HOME,
    At,
    Home,
    Json,
    Search,
    ViewName,
    checked_view,
    errors_as_messages,
    open_archive,
)

if TYPE_CHECKING:
    from search import Answer


class Sort(StrEnum):
    """The order of hits."""

    relevance = "relevance"
    newest = "newest"
    oldest = "oldest"


def export(
    view: Annotated[
        str, typer.Argument(autocompletion=completing.views, help="The view, such as articles.")
    ],
    at: At = None,
    key: Annotated[str | None, typer.Option(help="Only the document with this id.")] = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print a view's documents as JSON Lines.

    They are computed from the log as of its head, or --at, and sorted by id.

    Example: stet export articles --key article/titanic-1912
    """
    with errors_as_messages():
        archive = open_archive(home)
        checked_view(archive, view)
        for line in archive.export(view, at, None if key is None else [key]):
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def _filters(values: list[str] | None) -> list[str]:
    for value in values or []:
        if "=" not in value:
            raise typer.BadParameter(f"{value!r} is not field=value, such as section=World")
    return values or []


Text = Annotated[
    str, typer.Argument(help='Words, "a phrase", -without, OR, prefix*, headline:word.')
]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="field=value",
        callback=_filters,
        help="Only documents whose field has exactly this value.",
    ),
]
From = Annotated[
    str | None, typer.Option("--from", metavar="DATE", help="Only documents of this day or later.")
]
To = Annotated[
    str | None, typer.Option("--to", metavar="DATE", help="Only documents of this day or earlier.")
]
Facets = Annotated[
    list[str] | None,
    typer.Option("--facet", metavar="FIELD", help="Count the hits by the values of this field."),
]


def search(
    text: Text,
    view: ViewName = "",
    filters: Filters = None,
    date_from: From = None,
    date_to: To = None,
    sort: Annotated[Sort, typer.Option(help="The order of hits.")] = Sort.relevance,
    facets: Facets = None,
    page: Annotated[int, typer.Option(min=1, help="Which page of hits, from 1.")] = 1,
    size: Annotated[int, typer.Option(min=1, max=1000, help="Hits on a page.")] = 10,
    at: At = None,
    at_cluster: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Search a view; print the hits with the words that matched.

    With --at, it prints what the search would have found then: stet search titanic --at 250

    Example: stet search '"south pole" -scott' --filter section=Science --facet year
    """
    from search import Query

    chosen: dict[str, list[str]] = {}
    for item in filters or []:
        name, _, value = item.partition("=")
        chosen.setdefault(name, []).append(value)
    with errors_as_messages():
        archive = open_archive(home, at_cluster)
        checked_view(archive, view)
        query = Query(text, view, chosen, date_from, date_to, sort.value, facets or (), page, size)
        answer = archive.search(query) if at is None else past.answer(archive, query, at)
        as_of = None if at is None else past.as_of(archive, view, answer)
    if as_json:
        typer.echo(show.json_line(asdict(answer) | ({"as_of": as_of} if as_of else {})))
        return
    if as_of:
        past.print_as_of(as_of)
    print_answer(answer, page, size)


def print_answer(answer: Answer, page: int = 1, size: int = 10) -> None:
    """Print the hits with the words that matched, then the facets."""
    if answer.note:
        show.note(answer.note)
    which = "" if answer.matching == "all" else " with any of the words"
    typer.echo(f"{answer.total:,} found{which}")
    for place, hit in enumerate(answer.hits, (page - 1) * size + 1):
        day = f"  {hit.date[:10]}" if hit.date else ""
        typer.echo(f"{place:>3}. {show.marked(hit.title)}  ({hit.id}){day}")
        for name, fragment in hit.fragments.items():
            typer.echo(f"     {name}: {show.marked(fragment)}")
    for name, counts in answer.facets.items():
        values = ", ".join(f"{show.short(value)} {count:,}" for value, count in counts[:12])
        typer.echo(f"{name}: {values}")
