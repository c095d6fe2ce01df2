"""The commands for live generations: status, generations, promote and roll-back."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from app import connecting, freshness, keeping, show
from app.options import DEFAULT_HOME, Home, Json, Search, errors_as_messages, open_archive


def generations(search: Search = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """List the kept generations, and what each is kept as.

    `live` is what readers search, `roll back` what stet roll-back returns to, and `promote again`
    what was rolled back from. What has no such word goes with the next rebuild or stet clear.

    Example: stet generations --json
    """
    with errors_as_messages():
        archive = open_archive(home, search)
        pointer = archive.engine.pointer()
        kept = [(each, pointer.state(each.view, each.generation)) for each in archive.generations()]
    if as_json:
        for each, state in kept:
            show.json({**dataclasses.asdict(each), "live": state == "live", "state": state})
        return
    headings = ("view", "generation", "sequence", "documents", "MB", "built at", "kept as")
    lines = [
        (
            each.view,
            each.generation,
            f"{each.sequence:,}",
            f"{each.documents:,}",
            f"{each.bytes / 1e6:.1f}",
            each.built_at,
            state,
        )
        for each, state in kept
    ]
    show.table(headings, lines, right=headings[1:5])


def promote(
    generation: Annotated[
        int,
        typer.Argument(
            metavar="GENERATION", help="The number of a generation; stet generations lists them."
        ),
    ],
    search: Search = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Make a generation live in all its views at once.

    It must have passed its check.

    Example: stet promote 42
    """
    with errors_as_messages():
        views = open_archive(home, search).promote(generation)
    show.line(f"generation {generation} is live in {', '.join(views)}")


def roll_back(
    to: Annotated[
        int | None,
        typer.Option(metavar="GENERATION", help="Go back until this generation is live."),
    ] = None,
    search: Search = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Undo the last promotion, in all views at once.

    Example: stet roll-back
    """
    with errors_as_messages():
        live = open_archive(home, search).roll_back(to)
    for view, now in live.items():
        show.line(f"{view}: generation {now.generation} is live, as of sequence {now.sequence:,}")


def status(search: Search = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Print the log's head, each view's lag and generation, and how connectors and relays do.

    It warns when the last event was recorded ahead of this machine's clock.

    Example: stet status --json
    """
    with errors_as_messages():
        archive = open_archive(home, search)
        result = dataclasses.asdict(archive.status())
        others = connecting.standings_of(archive)
    result["connectors"] = [connecting.told(each) for each in others]
    keeping.warn_of_clock(result["seconds_ahead"])
    if as_json:
        show.json(result)
        return
    keeping.print_log_status(home, result)
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
            for view in result["views"]
        ],
        right=headings[1:],
    )  # fmt: skip
    connecting.print_standings(others)
    live = [view for view in result["views"] if view["generation"] is not None]
    freshness.warn_of_rebuilds(
        {view["view"]: view["needs_rebuild"] for view in live if view["needs_rebuild"]}
    )
