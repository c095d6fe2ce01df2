"""The commands that maintain what is made from the log: compare, references, clear, growth."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from app import show
from app.options import (
    DEFAULT_HOME,
    At,
    Failure,
    Home,
    Json,
    Search,
    Views,
    checked_views,
    errors_as_messages,
    open_archive,
)
from event_log import counted


def compare(
    views: Views = None,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Check that live indexes equal their views.

    The views are computed anew from the log, and compared document by document; without a name,
    all that have a live index. `stet compare` checks the search indexes. `stet verify` checks the
    log's digests. `stet diff` prints how one document changed between two points of the log.

    Example: stet compare articles
    """
    from archive import IF_AGAIN

    different = []
    with errors_as_messages():
        archive = open_archive(home, search)
        for compared in archive.compare(checked_views(archive, views)):
            if as_json:
                show.json(asdict(compared))
            else:
                show.line(str(compared))
            if compared.differences:
                different.append(compared.view)
        if different:
            names = ", ".join(different)
            raise Failure(
                f"live index differs from its view: {names}; run: stet rebuild; {IF_AGAIN}"
            )


def references(at: At = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """List references that name no entity.

    An import may bring such references. They resolve by themselves when the entity arrives; one
    that never does names an entity that nobody brings, or one of the wrong category.

    Example: stet references --json
    """
    with errors_as_messages():
        unresolved = open_archive(home).unresolved_references(at, show.note)
    if as_json:
        for each in unresolved:
            show.json(asdict(each))
        return
    if unresolved:
        lines = [(e.category, e.field, show.short(e.id), f"{e.count:,}") for e in unresolved]
        show.table(("category", "field", "names", "entities"), lines, right=("entities",))
    show.line(counted(len(unresolved), "unresolved reference"))


def clear(search: Search = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Delete old generations and builds.

    It keeps the live generations, those that can be rolled back to, and the last three builds.

    Example: stet clear
    """
    with errors_as_messages():
        cleared = open_archive(home, search).clear()
    if as_json:
        show.json(asdict(cleared))
    else:
        show.line(str(cleared))


class By(StrEnum):
    """What decides the month of a document."""

    date = "date"
    recorded = "recorded"


def growth(
    first: Annotated[
        str,
        typer.Option("--from", metavar="MONTH", help="The first month, such as 2026-01 or -6m."),
    ],
    last: Annotated[
        str, typer.Option("--to", metavar="MONTH", help="The last month; it must have ended.")
    ],
    by: Annotated[By, typer.Option(help="What decides the month of a document.")] = By.date,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Count the documents of each view up to the end of each month.

    A document belongs to the month of its own date: an article to that in which it was published,
    an event to that in which it happened. Views without dates are not counted so. With --by
    recorded the views are counted as they were at each month's end. What then counts is when events
    were recorded: in an archive that was imported, the month of the import. Live indexes are not
    changed.

    Example: stet growth --from 1912-01 --to 1912-12
    """
    with errors_as_messages():
        archive = open_archive(home)
        months = archive.growth(first, last, by)
    if as_json:
        for month in months:
            show.json(asdict(month))
        return
    headings = ("month", "sequence", *archive.views)
    lines = [
        (
            month.month,
            show.number(month.sequence),
            *(_number(month.documents[name]) for name in archive.views),
        )
        for month in months
    ]
    show.table(headings, lines, right=headings[1:])


def _number(count: int | None) -> str:
    return "–" if count is None else show.number(count)
