"""The commands that maintain what is made from the log: compare, clear, growth."""

from __future__ import annotations

from dataclasses import asdict
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
    different = []
    with errors_as_messages():
        for compared in open_archive(home, search).compare(views):
            typer.echo(show.json_line(asdict(compared)) if as_json else str(compared))
            if compared.differences:
                different.append(compared.view)
        if different:
            names = ", ".join(different)
            raise Failure(f"live index differs from its view: {names}; run: stet rebuild")


def clear(search: Search = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Delete old generations and builds.

    Kept are the live generations, those that can be rolled back to, and the last three builds.

    Example: stet clear
    """
    with errors_as_messages():
        cleared = open_archive(home, search).clear()
    typer.echo(show.json_line(asdict(cleared)) if as_json else str(cleared))


def growth(
    first: Annotated[
        str, typer.Option("--from", metavar="MONTH", help="The first month, such as 2026-01.")
    ],
    last: Annotated[
        str, typer.Option("--to", metavar="MONTH", help="The last month; it must have ended.")
    ],
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Count the documents of each view by month.

    Counted is the end of each month; live indexes are not changed. An event belongs to the month in
    which it was recorded. A month is counted once; its counts are kept.

    Example: stet growth --from 2026-01 --to 2026-10
    """
    with errors_as_messages():
        archive = open_archive(home)
        months = archive.growth(first, last)
    if as_json:
        for counted in months:
            typer.echo(show.json_line(asdict(counted)))
        return
    headings = ("month", "sequence", *archive.views)
    lines = [
        (
            counted.month,
            show.number(counted.sequence),
            *(show.number(counted.documents[name]) for name in archive.views),
        )
        for counted in months
    ]
    show.table(headings, lines, right=headings[1:])
