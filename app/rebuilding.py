"""The command ``rebuild``: computes views from the log, and indexes them."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app import show
from app.options import (
    DEFAULT_HOME,
    At,
    Home,
    Json,
    Search,
    Views,
    checked_views,
    errors_as_messages,
    open_archive,
)
from event_log import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from archive import RebuildResult
    from search import Loading

Tolerated = Annotated[
    float | None,
    typer.Option(
        "--dead-letters",
        metavar="PERCENT",
        min=0,
        max=100,
        envvar="STET_DEAD_LETTERS",
        show_default=settings.SETTINGS["STET_DEAD_LETTERS"].default or "",
        help="The share of a view's documents that the engine may refuse. If it refuses more, the"
        " rebuild fails and nothing is promoted.",
    ),
]

Merged = Annotated[
    bool,
    typer.Option("--merge", help="Merge each index into one segment before it is promoted."),
]
Promoted = Annotated[
    bool,
    typer.Option(
        help="Make the new indexes live. Without it they are kept until the next rebuild:"
        " stet promote makes them live."
    ),
]


def rebuild(
    views: Views = None,
    at: At = None,
    merge: Merged = False,
    promote: Promoted = True,
    tolerated: Tolerated = None,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Compute views from the log, and index them.

    The new indexes are made beside the live ones, checked against the views document by document,
    and then promoted together. `stet catch-up` writes only
    the documents that new events changed.

    Example: stet rebuild articles bylines --at 12000
    """
    with errors_as_messages(), show.progress_bar("rebuilding", None) as advance:
        archive = open_archive(home, search)
        progress, loading = _advancing(advance)
        result = archive.rebuild(
            checked_views(archive, views),
            at,
            progress=progress,
            loading=loading,
            tolerated=_share(tolerated),
            merge=merge,
            promote=promote,
        )
    if as_json:
        show.json(asdict(result))
    else:
        _print_result(result)


def _share(percent: float | None) -> float:
    return (settings.number("STET_DEAD_LETTERS") if percent is None else percent) / 100


def _advancing(
    advance: Callable[[int, str], None],
) -> tuple[Callable[[str], None], Callable[[Loading], None]]:
    """The two functions that move a progress bar: one a step of the rebuild, one within a load."""
    done: list[str] = []

    def progress(step: str) -> None:
        done.append(step)
        advance(len(done), step)

    def loading(now: Loading) -> None:
        advance(len(done), str(now))
        if now.note and not sys.stderr.isatty():
            show.note(str(now))  # a log, too, needs to say that a load is waiting

    return progress, loading


HEADINGS = (
    "view", "documents", "seconds", "written", "indexed", "checked", "a second", "MB",
    "dead letters",
)  # fmt: skip


def _print_result(result: RebuildResult) -> None:
    lines = [
        (
            built.view,
            f"{built.documents:,}",
            f"{built.seconds:.2f}",
            f"{built.written_seconds:.2f}",
            f"{built.indexed_seconds:.2f}",
            f"{built.checked_seconds:.2f}",
            f"{built.documents / built.seconds:,.0f}",
            f"{built.bytes / 1e6:.1f}",
            f"{built.rejected:,}",
        )
        for built in result.views
    ]
    show.table(HEADINGS, lines, right=HEADINGS[1:])
    state = (
        "is live" if result.promoted else f"is not live (stet promote {result.generation} makes it)"
    )
    show.line(
        f"generation {result.generation} {state}, as of sequence {result.sequence:,} "
        f"({result.seconds:.1f} s)"
    )
