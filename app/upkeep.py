"""The commands that maintain what is made from the log: compare, clear, growth."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from app import show
from app.options import DEFAULT_HOME, Failure, Home, Json, Search, errors_as_messages, open_archive


def compare(
    views: Annotated[
        list[str] | None, typer.Argument(help="The views to compare; all live views by default.")
    ] = None,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Check that live indexes equal their views.

    The views are computed anew from the log, and compared document by document. `stet compare`
    checks the search indexes. `stet verify` checks the log's digests. `stet diff` prints how one
    document changed between two points of the log.

    Example: stet compare articles
    """
    from archive import IF_AGAIN

    different = []
    with errors_as_messages():
        for compared in open_archive(home, search).compare(views):
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


def clear(search: Search = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Delete old generations and builds.

    Kept are the live generations, those that can be rolled back to, and the last three builds.

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
    recorded, counted is what the views were at each month's end, by when events were recorded: in
    an archive that was imported, that is the month of the import. Live indexes are not changed.

    Example: stet growth --from 1912-01 --to 1912-12
    """
    with errors_as_messages():
        archive = open_archive(home)
        months = archive.growth(first, last, by)
    if as_json:
        for counted in months:
            show.json(asdict(counted))
        return
    headings = ("month", "sequence", *archive.views)
    lines = [
        (
            counted.month,
            show.number(counted.sequence),
            *(_number(counted.documents[name]) for name in archive.views),
        )
        for counted in months
    ]
    show.table(headings, lines, right=headings[1:])


def _number(count: int | None) -> str:
    return "–" if count is None else show.number(count)
