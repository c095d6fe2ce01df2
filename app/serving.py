"""The commands over what serves: status, generations, promote and roll back."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import freshness, keeping, show
from app.engines import Search, engine
from app.options import DEFAULT_HOME, Home, Json, open_log, told
from views import VIEW_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from event_log import EventLog
    from search.engine import Generation


def generations(search: Search = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """List the generations that are kept, and say which serve.

    Example: stet generations --json
    """
    with told():
        used = engine(home, search)
        serving = used.serving()
        found = used.generations()
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
    from search import promotion

    with told():
        views = promotion.promote(engine(home, search), generation)
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
        serving = engine(home, search).roll_back(to)
    for view, about in serving.items():
        typer.echo(f"{view}: generation {about.generation} serves as of {about.sequence:,}")


def status(search: Search = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Print the head of the log, and for each view how far it is and what serves.

    Example: stet status --json
    """
    from search.standing import needs_rebuild

    with told():
        log = open_log(home)
        used = engine(home, search)
        serving = used.serving()
        stuck = needs_rebuild(used, serving)
        found = standing(log, serving, stuck)
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
    freshness.warn({name: why for name, why in stuck.items() if name in serving})


def standing(
    log: EventLog, served: Mapping[str, Generation], stuck: Mapping[str, str]
) -> dict[str, Any]:
    """The log's head and each view's checkpoint, lag, documents and serving generation.

    The lag in seconds is how long the oldest event that is not yet in the view has waited. What is
    ``stuck`` needs a rebuild; catching up does not bring it forward.
    """
    from views.lag import lag

    checkpoints = {name: now.sequence for name, now in served.items()}
    lags = {checkpoint: lag(log, checkpoint) for checkpoint in {0, *checkpoints.values()}}
    views = []
    for name in VIEW_NAMES:
        now, checkpoint = served.get(name), checkpoints.get(name, 0)
        views.append(
            {
                "view": name,
                "checkpoint": checkpoint,
                "lag_events": lags[checkpoint].events,
                "lag_seconds": lags[checkpoint].seconds,
                "documents": now.documents if now else None,
                "generation": now.generation if now else None,
                "needs_rebuild": stuck.get(name),
            }
        )
    return {**keeping.standing(log), "views": views}
