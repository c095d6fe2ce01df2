"""The commands that lead from a text, a document or a day to documents."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from app import show
from app.explaining import Document, view_of
from app.options import (
    DEFAULT_HOME,
    Home,
    Json,
    Search,
    ViewName,
    ViewOfDocument,
    ViewOrAll,
    checked_view,
    errors_as_messages,
    open_archive,
)
from app.searching import print_answer

Page = Annotated[int, typer.Option(min=1, help="Which page of documents, from 1.")]
Size = Annotated[int, typer.Option(min=1, max=100, help="How many documents, at most.")]


def suggest(
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="The beginning of a name or a headline.")
    ],
    view: ViewOrAll = None,
    size: Size = 10,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Print names and headlines that have these words, of which the last may be a beginning.

    What has another name with these words is printed with that name.

    Example: stet suggest amund
    """
    with errors_as_messages():
        archive = open_archive(home, search)
        suggestions = archive.suggest(text, checked_view(archive, view), size)
    if as_json:
        show.json([asdict(each) for each in suggestions])
        return
    for each in suggestions:
        also = f", also {each.alias}" if each.alias is not None else ""
        show.line(f"{each.title}{also}  ({each.id})  {each.view}")
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
        show.json(asdict(answer))
        return
    print_answer(answer, size=size)


def on_this_day(
    day: Annotated[
        str, typer.Argument(metavar="DATE", help="Any date of that month and day: 04-15, today.")
    ] = "today",
    view: ViewName = "",
    page: Page = 1,
    size: Size = 10,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Print the documents of a month and a day in any year, the newest first.

    Example: stet on-this-day 04-15
    """
    from search import Query

    with errors_as_messages():
        archive = open_archive(home, search)
        checked_view(archive, view)
        query = Query("", view, sort="newest", month_day=month_day(day), page=page, size=size)
        answer = archive.search(query)
    if as_json:
        show.json(asdict(answer))
        return
    print_answer(answer, page, size)


def month_day(text: str) -> str:
    """The month and the day that a text means, such as ``04-15``.

    >>> month_day("15 April 1912"), month_day("02-29")
    ('04-15', '02-29')
    """
    from event_log import dates

    is_short = re.fullmatch(r"\d\d-\d\d", text) is not None
    try:
        span = dates.date_span(f"1912-{text}" if is_short else text, datetime.now(UTC))
    except dates.InvalidDate as error:
        reason = f"{text!r} is no month and day; write 04-15" if is_short else str(error)
        raise typer.BadParameter(reason, param_hint="DATE") from None
    if span.last - span.first >= dates.DAY:
        raise typer.BadParameter(f"{text!r} is more than a day; write 04-15", param_hint="DATE")
    return f"{dates.EPOCH + timedelta(microseconds=span.first):%m-%d}"
