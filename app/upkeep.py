"""The commands that look after what was made from the log: compare, clear, growth."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from app import show
from app.options import DEFAULT_HOME, Failure, Home, Json, Search, open_archive, told


def compare(
    views: Annotated[
        list[str] | None, typer.Argument(help="The views to compare; all that serve by default.")
    ] = None,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Compare what serves with the views, computed anew from the log, document by document.

    Example: stet compare articles
    """
    wrong = []
    with told():
        for found in open_archive(home, search).compare(views):
            typer.echo(show.json_line(asdict(found)) if as_json else str(found))
            if found.differences:
                wrong.append(found.view)
        if wrong:
            raise Failure(f"{', '.join(wrong)}: what serves is not what the log says")


def clear(search: Search = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Remove generations and builds that neither serve nor may be rolled back to.

    Example: stet clear
    """
    with told():
        found = open_archive(home, search).clear()
    typer.echo(show.json_line(asdict(found)) if as_json else str(found))


def growth(
    first: Annotated[str, typer.Option("--from", metavar="MONTH", help="As 2026-01.")],
    last: Annotated[str, typer.Option("--to", metavar="MONTH", help="It must have ended.")],
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Count each view's documents as of each month's end; what serves stays as it is.

    A month's end is by when events were recorded. Months that were counted before are not counted
    again.

    Example: stet growth --from 2026-01 --to 2026-10
    """
    with told():
        archive = open_archive(home)
        found = archive.growth(first, last)
    if as_json:
        for one in found:
            typer.echo(show.json_line(asdict(one)))
        return
    headings = ("month", "sequence", *archive.views)
    lines = [
        (
            one.month,
            show.number(one.sequence),
            *(show.number(one.documents[name]) for name in archive.views),
        )
        for one in found
    ]
    show.table(headings, lines, right=headings[1:])
