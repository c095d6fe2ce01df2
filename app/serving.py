"""The commands over what serves: status, generations, promote and roll back."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from app import freshness, keeping, show
from app.options import DEFAULT_HOME, Home, Json, Search, open_archive, told


def generations(search: Search = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """List the generations that are kept, and say which serve.

    Example: stet generations --json
    """
    with told():
        archive = open_archive(home, search)
        serving = archive.engine.serving()
        found = archive.generations()
    if as_json:
        for about in found:
            serves = serving.get(about.view) == about
            typer.echo(show.json_line({**dataclasses.asdict(about), "serves": serves}))
        return
    headings = ("view", "generation", "sequence", "documents", "MB", "built at", "")
    lines = [
        (
            about.view,
            about.generation,
            f"{about.sequence:,}",
            f"{about.documents:,}",
            f"{about.bytes / 1e6:.1f}",
            about.built_at,
            "serves" if serving.get(about.view) == about else "",
        )
        for about in found
    ]
    show.table(headings, lines, right=headings[1:5])


def promote(
    generation: Annotated[int, typer.Argument(help="Its number; see: stet generations")],
    search: Search = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Let a finished and checked generation serve, in all its views at the same moment.

    Example: stet promote 42
    """
    with told():
        views = open_archive(home, search).promote(generation)
    typer.echo(f"generation {generation} serves {', '.join(views)}")


def roll_back(
    to: Annotated[
        int | None, typer.Option(metavar="GENERATION", help="Go back until this one serves.")
    ] = None,
    search: Search = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Let serve what served before the last promotion, in all views at the same moment.

    Example: stet roll-back
    """
    with told():
        serving = open_archive(home, search).roll_back(to)
    for view, about in serving.items():
        typer.echo(f"{view}: generation {about.generation} serves as of {about.sequence:,}")


def status(search: Search = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Print the head of the log, and for each view how far it is and what serves.

    Example: stet status --json
    """
    with told():
        found = dataclasses.asdict(open_archive(home, search).status())
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
    live = [view for view in found["views"] if view["generation"] is not None]
    freshness.warn({view["view"]: view["needs_rebuild"] for view in live if view["needs_rebuild"]})
