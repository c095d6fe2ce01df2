"""The command that explains a document: which events made it, and what serves it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import past, show
from app.options import (
    DEFAULT_HOME,
    Home,
    Json,
    Search,
    ViewOrAll,
    checked_view,
    open_archive,
    told,
)

if TYPE_CHECKING:
    from archive import Archive, Explanation

MOST = 20
"""Events that are told unless all are asked for."""
Document = Annotated[
    str,
    typer.Argument(help="Its id: article/1, byline/1, a day (1912-04-16), an event (article/1@3)."),
]


def explain(
    document: Document,
    view: ViewOrAll = None,
    all_: Annotated[
        bool, typer.Option("--all", help=f"All events, not only the latest {MOST}.")
    ] = False,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Say which events made a document as it serves, and how they are part of it.

    Example: stet explain article/titanic-1912
    """
    with told():
        archive = open_archive(home, search)
        view = guessed(archive, document, view)
        live = archive.engine.serving().get(view)
        at = live.sequence if live else None
        found = archive.explain(document, view, at, None if all_ else MOST, show.note)
        about = _serves(archive, found)
    if as_json:
        latest = [
            {name: show.plain(value) for name, value in asdict(cause).items()}
            for cause in found.latest
        ]
        typer.echo(show.json_line({**asdict(found), "latest": latest, **about}))
    else:
        _print(found, about)


def guessed(archive: Archive, document: str, view: str | None) -> str:
    """The view that a document is of: the one that is named, else by the form of its id."""
    view = checked_view(archive, view) or archive.domain.view_of(document)
    if view is None:
        raise typer.BadParameter(f"which view {document!r} is of is not clear: give --view")
    return view


def _serves(archive: Archive, found: Explanation) -> dict[str, Any]:
    """What the engine has of the document, and when the last of its events was recorded."""
    from search import Query

    last = found.latest[-1].sequence
    about: dict[str, Any] = {"last_written": last}
    about["recorded_at"] = past.recorded_text(archive, last)
    live = archive.engine.serving().get(found.view)
    if live is None:
        return about | {"generation": None}
    query = Query("", found.view, {"id": [found.document]}, size=1, highlight=False)
    return about | {
        "generation": live.generation,
        "generation_code_version": live.code_version,
        "built_at": live.built_at,
        "serves": archive.search(query).total > 0,
    }


def _version(found: Explanation, about: dict[str, Any]) -> str:
    served, now = about["generation_code_version"], found.code_version
    return str(served) if served == now else f"{served} (the code is at {now} now)"


def _print(found: Explanation, about: dict[str, Any]) -> None:
    typer.secho(f"{found.document} in {found.view}, as of sequence {found.sequence:,}", bold=True)
    if about["generation"] is None:
        typer.echo(f"nothing serves yet; code version {found.code_version}")
    else:
        typer.echo(
            f"generation {about['generation']}"
            + (" serves it" if about["serves"] else " does not have it: it is hidden")
            + f"; code version {_version(found, about)}, built {about['built_at']}"
        )
    typer.echo(
        f"last written by sequence {about['last_written']:,}, recorded {about['recorded_at']}"
    )
    events = "1 event" if found.events == 1 else f"{found.events:,} events"
    entities = "1 entity" if found.entities == 1 else f"{found.entities:,} entities"
    left_out = found.events - len(found.latest)
    shown = f"; the latest {len(found.latest)}, --all shows all" if left_out else ""
    typer.echo(f"made from {entities}, by {events}{shown}:")
    for cause in found.latest:
        when = show.plain(cause.occurred_at or cause.recorded_at)
        who = f" by {show.short(cause.actor)}" if cause.actor else ""
        how = f"  ({show.short(cause.how, 100)})" if cause.how else ""
        typer.echo(
            f"{cause.sequence:>8}  {when:<20}  {cause.type} {cause.stream} v{cause.version}"
            f"{who}{how}"
        )
