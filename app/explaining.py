"""The command that explains a document: which events made it, and what serves it."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import past, show
from app.archive import ViewOrAll
from app.engines import Search, engine
from app.options import DEFAULT_HOME, Home, Json, open_log, told

if TYPE_CHECKING:
    from search.engine import Engine, Generation
    from views.explain import Explanation

MOST = 20
"""Events that are told unless all are asked for."""
BY_CATEGORY = {
    "article": "articles",
    "byline": "bylines",
    "image": "images",
    "section": "sections",
    "tag": "topics",
}
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
    from views.explain import explain as explained

    view = view or guessed(document)
    with told():
        open_log(home)
        used = engine(home, search)
        serving = used.serving().get(view)
        at = serving.sequence if serving else None
        found = explained(document, view, home, at, None if all_ else MOST, show.note)
        about = _serves(home, used, serving, found)
    if as_json:
        latest = [
            {name: show.plain(value) for name, value in asdict(cause).items()}
            for cause in found.latest
        ]
        typer.echo(show.json_line({**asdict(found), "latest": latest, **about}))
    else:
        _print(found, about)


def guessed(document: str) -> str:
    """The view that a document of this id is of, where that is clear."""
    if re.fullmatch(r".+/.+@[0-9]+", document):
        return "history"
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", document):
        return "timeline"
    view = BY_CATEGORY.get(document.split("/", 1)[0]) if "/" in document else None
    if view is None:
        raise typer.BadParameter(f"which view {document!r} is of is not clear: give --view")
    return view


def _serves(
    home: str, used: Engine, serving: Generation | None, found: Explanation
) -> dict[str, Any]:
    """What the engine has of the document, and when the log was told of the last of its events."""
    from search import Query

    last = found.latest[-1].sequence
    about: dict[str, Any] = {"last_written": last, "recorded_at": past.recorded_at(home, last)}
    if serving is None:
        return about | {"generation": None}
    asked = Query("", found.view, {"id": [found.document]}, size=1, highlight=False)
    return about | {
        "generation": serving.generation,
        "generation_code_version": serving.code_version,
        "built_at": serving.built_at,
        "serves": used.search(asked).total > 0,
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
