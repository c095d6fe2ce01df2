"""The commands that lead from a text or a document to documents: suggest and similar."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from app import show
from app.explaining import Document, view_of
from app.options import (
    DEFAULT_HOME,
    Home,
    Json,
    Search,
    ViewOfDocument,
    ViewOrAll,
    checked_view,
    errors_as_messages,
    open_archive,
)
from app.searching import print_answer

Size = Annotated[int, typer.Option(min=1, max=100, help="How many documents, at most.")]


def suggest(
    text: Annotated[str, typer.Argument(help="The beginning of a name or a headline.")],
    view: ViewOrAll = None,
    size: Size = 10,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Print names and headlines that have these words, of which the last may be a beginning.

    Example: stet suggest amund
    """
    with errors_as_messages():
        archive = open_archive(home, search)
        suggestions = archive.suggest(text, checked_view(archive, view), size)
    if as_json:
        typer.echo(show.json_line([asdict(each) for each in suggestions]))
        return
    for each in suggestions:
        typer.echo(f"{show.name(each.title)}  ({show.name(each.id)})  {each.view}")
    if not suggestions:
        show.note("no name and no headline has these words")


def similar(
    document: Document,
    view: ViewOfDocument = None,
    size: Size = 10,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Print the documents of a view that are most like one of them.

    Example: stet similar article/titanic-1912
    """
    with errors_as_messages():
        archive = open_archive(home, search)
        answer = archive.similar(document, view_of(archive, document, view), size)
    if as_json:
        typer.echo(show.json_line(asdict(answer)))
        return
    print_answer(answer, size=size)
