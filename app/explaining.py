"""The command ``explain``: which events made a document, and which generation has it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import looking_back, show
from app.options import (
    DEFAULT_HOME,
    Home,
    Json,
    Search,
    ViewOfDocument,
    checked_view,
    errors_as_messages,
    open_archive,
)
from event_log import counted

if TYPE_CHECKING:
    from archive import Archive, Explanation

MOST = 20
"""How many events are printed without ``--all``."""
Document = Annotated[
    str,
    typer.Argument(
        metavar="DOCUMENT",
        help="The document's id: an entity (article/1), a day (1912-04-16), or an event"
        " (article/1@3).",
    ),
]


def explain(
    document: Document,
    view: ViewOfDocument = None,
    all_: Annotated[
        bool, typer.Option("--all", help=f"Print all events, not only the latest {MOST}.")
    ] = False,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Print which events made a document, and how.

    The document is that of the live index. For each event it prints how its entity is part of the
    document. `stet history` prints what the events of one entity changed.

    Example: stet explain article/titanic-1912
    """
    with errors_as_messages():
        archive = open_archive(home, search)
        view = view_of(archive, document, view)
        live = archive.engine.serving().get(view)
        at = live.sequence if live else None
        explanation = archive.explain(document, view, at, None if all_ else MOST, show.note)
        indexed = _indexed(archive, explanation)
    if as_json:
        latest = [
            {name: show.plain(value) for name, value in asdict(cause).items()}
            for cause in explanation.latest
        ]
        show.json({**asdict(explanation), "latest": latest, **indexed})
    else:
        _print(explanation, indexed)


def view_of(archive: Archive, document: str, view: str | None) -> str:
    """The view of a document: the one that is given, else the one that the form of its id names."""
    view = checked_view(archive, view) or archive.domain.view_of(document)
    if view is None:
        raise typer.BadParameter(f"the id {document!r} does not tell the view: give --view")
    return view


def _indexed(archive: Archive, explanation: Explanation) -> dict[str, Any]:
    """What the live index has of the document, and when the last of its events was recorded."""
    from search import Query

    last = explanation.latest[-1].sequence
    indexed: dict[str, Any] = {"last_written": last}
    indexed["recorded_at"] = looking_back.recorded_text(archive, last)
    live = archive.engine.serving().get(explanation.view)
    if live is None:
        return indexed | {"generation": None}
    query = Query(
        "",
        explanation.view,
        {"id": [explanation.document]},
        size=1,
        highlight=False,
        embargoed=True,
    )
    return indexed | {
        "generation": live.generation,
        "generation_code_version": live.code_version,
        "built_at": live.built_at,
        "searchable": archive.search(query).total > 0,
    }


def _version(explanation: Explanation, indexed: dict[str, Any]) -> str:
    built, now = indexed["generation_code_version"], explanation.code_version
    return str(built) if built == now else f"{built} (the code is at {now} now)"


def _why_not(explanation: Explanation) -> str:
    """Why a document is not in the index: its entity was removed, or never created."""
    return "it is hidden" if explanation.existed else "it was never created, others only name it"


def _print(explanation: Explanation, indexed: dict[str, Any]) -> None:
    where = f"{explanation.document} in {explanation.view}"
    show.heading(f"{where}, as of sequence {explanation.sequence:,}")
    if indexed["generation"] is None:
        show.line(f"no generation is live yet; code version {explanation.code_version}")
    else:
        has = "has it" if indexed["searchable"] else f"does not have it: {_why_not(explanation)}"
        show.line(
            f"live generation {indexed['generation']} {has}; code version"
            f" {_version(explanation, indexed)}, built {indexed['built_at']}"
        )
    show.line(
        f"last written by sequence {indexed['last_written']:,}, recorded {indexed['recorded_at']}"
    )
    _print_causes(explanation)


def _print_causes(explanation: Explanation) -> None:
    events = counted(explanation.events, "event")
    entities = counted(explanation.entities, "entity")
    left_out = explanation.events - len(explanation.latest)
    shown = f"; the latest {len(explanation.latest)}, --all prints all" if left_out else ""
    show.line(f"made from {entities}, by {events}{shown}:")
    for cause in explanation.latest:
        when = show.plain(cause.occurred_at or cause.recorded_at)
        who = f" by {show.short(cause.actor)}" if cause.actor else ""
        how = f"  ({show.short(cause.how, 100)})" if cause.how else ""
        show.line(
            f"{cause.sequence:>8}  {when:<20}  {cause.type} {cause.stream} v{cause.version}"
            f"{who}{how}"
        )
